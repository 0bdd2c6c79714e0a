"""Decisions in, utterances out. It sees no sample: a frame is a number, a decision, a level.

Theory of operation
-------------------
Two states, one cut that keeps the state, and a rest after an interruption:

    IDLE      -- k of the last n frames voiced ------------> SPEAKING   Onset, Span(lead)
    SPEAKING  -- every frame -------------------------------> SPEAKING   Span(frame)
    SPEAKING  -- hangover: at most a tenth of it voiced ----> IDLE       End(silence)
    SPEAKING  -- near the limit, and it is quiet here ------> SPEAKING   End(max_length), Onset
    SPEAKING  -- end(reason) -------------------------------> IDLE       End(reason)
    IDLE      -- begin() (push to talk) --------------------> SPEAKING   Onset, Span(lead)
    SPEAKING  -- end(interrupt) ----------------------------> HELD       End(interrupt)
    HELD      -- 200 ms unvoiced, at the latest after 3 s --> IDLE

The *lead* is everything from the utterance's start up to the decision: the frames that decided
and the pre-roll before the first voiced one of them. It never reaches into the utterance before.
Where in the pre-roll the sound began is the cutter's to find (`micstream.speech.trace`).

The cut of a long utterance must be found while it is spoken: what lies behind has been sent. It is
put where one rests: where frames are unvoiced, or nearly as quiet as the quietest of the `search`
before. At the begin of the last `search` before the limit it takes a rest of a twentieth of it
(250 ms), at its end a single frame will do, so that a breath is taken where one comes and the limit
holds where none does. An unvoiced frame counts twice. The next utterance begins
with the very next sample.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from micstream.audio.format import SPEECH
from micstream.speech.events import End, EndReason, Onset

_TOLERATED_SHARE = 0.1
"""Share of the hangover that may be voiced: a click must not hold a segment open."""
_REST_SHARE = 1 / 20
"""Of the search: the rest that is taken where there is still time to find one."""
_QUIETEST_LOUDEST = (0.05, 0.8)
"""Ranks among the levels of late, as shares."""
_QUIET_SHARE = 0.15
"""Of the way from the quietest to the loudest: what counts as a rest."""
_HELD_QUIET_MS = 200
_HELD_MOST_MS = 3_000
"""Who interrupts is often still speaking: that is not the next onset. Noise must not hold it."""


@dataclass(frozen=True, slots=True)
class SegmenterOptions:
    """How utterances are found; all in milliseconds of sound."""

    onset_ms: int = 30
    """Voiced sound that makes an onset ..."""
    onset_window_ms: int = 30
    """... within this stretch."""
    pre_roll_ms: int = 300
    """An utterance begins at most this long before its first voiced frame."""
    hangover_ms: int = 420
    """Silence that ends an utterance."""
    tail_ms: int = 150
    """Kept of that silence where an utterance is sent whole."""
    min_speech_ms: int = 300
    """Voiced sound below which a collected utterance is a false alarm."""
    max_length_ms: int = 30_000
    """No utterance is longer; cut at a quiet place ..."""
    search_ms: int = 5_000
    """... within this stretch before the limit."""


@dataclass(frozen=True, slots=True)
class Span:
    """The samples `start` to `end` belong to the open utterance."""

    start: int
    end: int


Mark = Onset | Span | End


class Segmenter:
    """The state machine drawn above, for frames of `frame_samples`."""

    def __init__(self, options: SegmenterOptions, frame_samples: int) -> None:
        def frames(ms: int, least: int = 1) -> int:
            return max(least, round(SPEECH.samples(ms) / frame_samples))

        self._size = frame_samples
        self._window = frames(options.onset_window_ms)
        self._needed = min(frames(options.onset_ms), self._window)
        self._pre_roll = frames(options.pre_roll_ms, least=0)
        self._hangover = frames(options.hangover_ms)
        self._tolerated = int(self._hangover * _TOLERATED_SHARE)
        self._tail = SPEECH.samples(options.tail_ms)
        self._min_voiced = SPEECH.samples(options.min_speech_ms)
        self._limit = frames(options.max_length_ms, least=2)
        self._search = min(frames(options.search_ms), self._limit - 1)
        self._onset_mask = (1 << self._window) - 1
        self._hangover_mask = (1 << self._hangover) - 1

        self._now = 0  # frames heard
        self._floor = 0  # no utterance begins before this frame
        self._recent = 0  # one bit a frame, the newest lowest, 1 = voiced
        self._speaking = False
        self._continues = False  # what a cut at the limit left over
        self._held_until = 0  # no onset before this frame
        self._held_quiet = frames(_HELD_QUIET_MS)
        self._held_most = frames(_HELD_MOST_MS)
        self._quiet_for = 0
        self._start = 0
        self._voiced = 0
        self._last_voiced = 0
        self._levels: deque[float] = deque(maxlen=self._search)
        self._rest = 0  # frames of rest up to now; an unvoiced one counts twice

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return self._speaking

    @property
    def wants_level(self) -> bool:
        """Whether the next frame's level is looked at; measuring it is the dearest part."""
        return self._speaking and self._now - self._start >= self._limit - 2 * self._search - 1

    @property
    def reach_frames(self) -> int:
        """How many frames back an onset can begin: what its owner has to keep."""
        return self._window + self._pre_roll

    def push(self, voiced: bool, level_db: float = 0.0) -> list[Mark]:
        """The next frame's decision, and its level where `wants_level` asked for it."""
        self._recent = (self._recent << 1 | voiced) & (self._onset_mask | self._hangover_mask)
        self._now += 1
        if self._speaking:
            return self._go_on(voiced, level_db)
        if self._now <= self._held_until:
            self._quiet_for = 0 if voiced else self._quiet_for + 1
            if self._quiet_for >= self._held_quiet:
                self._held_until = 0
            self._recent = 0
            self._floor = self._now
            return []
        deciding = self._recent & self._onset_mask
        if deciding.bit_count() >= self._needed:
            ours = deciding & ((1 << min(self._window, self._now - self._floor)) - 1)
            return self._open(self._now - deciding.bit_length(), ours.bit_count())
        return []

    def begin(self) -> list[Mark]:
        """Open an utterance here whatever the detector says."""
        return [] if self._speaking else self._open(self._now, 0)

    def end(self, reason: EndReason, rest: int = 0) -> list[Mark]:
        """Close the open utterance, with `rest` samples that fill no frame; forget the onset."""
        self._recent = 0
        if reason is EndReason.INTERRUPT:
            self._held_until = self._now + self._held_most
            self._quiet_for = 0
        if not self._speaking:
            self._floor = self._now
            return []
        now = self._now * self._size
        marks: list[Mark] = [Span(now, now + rest)] if rest else []
        return [*marks, self._close(reason, rest)]

    def _open(self, onset: int, voiced: int) -> list[Mark]:
        start = max(self._floor, onset - self._pre_roll)
        self._speaking = True
        self._continues = False
        self._start = start
        self._voiced = voiced
        self._last_voiced = self._now
        self._recent = self._onset_mask | self._hangover_mask
        self._levels.clear()
        self._rest = 0
        size, now = self._size, self._now * self._size
        opened = Onset(start=start * size, onset=max(start, onset) * size, decided=now)
        return [opened, Span(start * size, now)] if now > start * size else [opened]

    def _go_on(self, voiced: bool, level_db: float) -> list[Mark]:
        size = self._size
        marks: list[Mark] = [Span((self._now - 1) * size, self._now * size)]
        if voiced:
            self._voiced += 1
            self._last_voiced = self._now
        if (self._recent & self._hangover_mask).bit_count() <= self._tolerated:
            marks.append(self._close(EndReason.SILENCE))
        elif self._must_cut(voiced, level_db):
            marks.append(self._close(EndReason.MAX_LENGTH))
            recent = self._recent
            marks += self._open(self._now, 0)
            self._recent = recent
            self._continues = True
        return marks

    def _must_cut(self, voiced: bool, level_db: float) -> bool:
        length = self._now - self._start
        before_window = self._limit - self._search
        if length >= self._limit:
            return True
        rested = False
        if length > before_window and self._levels:
            ranked = sorted(self._levels)
            low, high = (ranked[int(len(ranked) * share)] for share in _QUIETEST_LOUDEST)
            quiet = level_db <= low + _QUIET_SHARE * (high - low)
            self._rest = self._rest + (1 if voiced else 2) if quiet or not voiced else 0
            rested = self._rest >= max(1, round((self._limit - length) * _REST_SHARE))
        if length > before_window - self._search:
            self._levels.append(level_db)
        return rested

    def _close(self, reason: EndReason, rest: int = 0) -> End:
        size = self._size
        end = self._now * size + rest
        self._speaking = False
        self._floor = self._now
        voiced = self._voiced * size
        return End(
            end=end,
            speech_end=min(end, self._last_voiced * size + self._tail),
            decided=self._now * size + rest,
            voiced=voiced,
            enough=voiced >= self._min_voiced or (self._continues and voiced > 0),
            reason=reason,
        )
