"""Sound in, utterances with their sound out: framer, detector and segmenter put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import Final

from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.audio.framer import Framer
from micstream.audio.levels import rms_db
from micstream.speech.detector import Detector
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech
from micstream.speech.segmenter import Mark, Segmenter, SegmenterOptions
from micstream.speech.trace import HISTORY, began
from micstream.speech.unheard import Unheard

_PIECE: Final = SPEECH.samples(20)
"""An open utterance is handed out in pieces of this length, counted from its start."""
_WRITE: Final = SPEECH.samples(100)
"""Stock avatars play frames of this length: what completes one is written at once."""


_RECENT: Final = SPEECH.samples(200)
"""Shorter pauses are within a word, or between two that are said in one breath."""


class Gate(Enum):
    """Gate between sound and utterances: what is let through, and who decides that."""

    DETECTOR = "detector"
    """Lets through what the detector takes for speech."""
    OPEN = "open"
    """Lets all through: a person talks by hand."""
    CLOSED = "closed"
    """Lets nothing through: muted, or nobody talks by hand just now."""


class Cutter:
    """Cuts one stream of 16 kHz mono 16-bit PCM into utterances.

    The same bytes give the same events however they are divided into blocks. The `pcm` of an
    utterance's `Speech` events, joined, is the source from `Onset.start` to `End.end`.

    What belongs to an open utterance is handed out as it is heard, before its frame is judged:
    whatever that frame says, an end comes after it. So the frame costs delay at the onset alone.

    `on` and `off`: the probabilities from which a frame may begin an utterance, and holds one
    open. `margin_ms`: what is sent from before the place where the sound began; without it an
    utterance begins with its whole pre-roll.
    """

    def __init__(
        self,
        detector: Detector,
        options: SegmenterOptions | None = None,
        *,
        on: float = 0.5,
        off: float = 0.5,
        margin_ms: int | None = None,
    ) -> None:
        self._detector = detector
        self._options = options or SegmenterOptions()
        self._on, self._off = on, off
        self._margin = None if margin_ms is None else SPEECH.samples(margin_ms)
        self._frame_bytes = detector.frame_samples * SAMPLE_WIDTH
        self._gate = Gate.DETECTOR
        self._unheard = Unheard()
        self._voiced_end = -_RECENT
        self._begin()
        reach = (self._segmenter.reach_frames + 1) * self._frame_bytes
        self._reach = reach + HISTORY * SAMPLE_WIDTH

    def _begin(self) -> None:
        self._segmenter = Segmenter(self._options, self._detector.frame_samples)
        self._framer = Framer(self._frame_bytes)
        self._judged = Framer(self._frame_bytes)
        self._kept = bytearray()  # the newest frames: what an onset can reach, and its noise
        self._kept_end = 0  # sample index one past its last
        self._start = 0  # of the utterance that is open, or was
        self._sent = 0  # sample index one past the last that was handed out

    @property
    def position(self) -> int:
        """Samples judged so far."""
        return self._kept_end

    @property
    def speaking(self) -> bool:
        """True while an utterance is open."""
        return self._segmenter.speaking

    def is_due(self, samples: int) -> bool:
        """Whether so many samples more are worth a turn of their own, before twice as many come.

        They are where they complete what an avatar plays next, or a frame that is half there.
        """
        rest = len(self._framer.rest) // SAMPLE_WIDTH
        if rest == samples or not self.speaking:
            return rest == samples
        return _WRITE - (self._kept_end + rest - self._start) % _WRITE <= samples

    @property
    def gate(self) -> Gate:
        """Gate as it is set."""
        return self._gate

    @property
    def spoken_to_nobody(self) -> bool:
        """Somebody has spoken since the gate was closed, and nothing of it was sent."""
        return self._unheard.spoken

    @property
    def is_voiced(self) -> bool:
        """Somebody speaks just now, whatever the gate: a voiced frame was a moment ago."""
        return self._kept_end - self._voiced_end < _RECENT

    def push(self, block: bytes, judged: bytes | None = None) -> Iterator[SegmentEvent]:
        """Everything that `block` makes certain, in order.

        `judged`: what the detector hears in its place; of the same length.
        """
        judged = block if judged is None else judged
        if len(judged) != len(block):
            raise ValueError(f"{len(judged)} bytes to judge for {len(block)} to send")
        # Strict: also where the block completes no frame both framers have to take it in.
        both = zip(self._framer.push(block), self._judged.push(judged), strict=True)
        for frame, heard in both:
            yield from self._judge(frame, heard)
        if self.speaking:
            yield from self._whole_pieces(self._framer.rest)

    def set_gate(self, gate: Gate) -> list[SegmentEvent]:
        """Set the gate; closing it ends the open utterance (`mute`).

        What was heard behind a closed gate is never sent, not even as pre-roll.
        """
        was, self._gate = self._gate, gate
        if was is not gate:
            self._unheard = Unheard()
        if was is Gate.CLOSED:
            self._framer.silence_rest()
            self._judged.silence_rest()
        if Gate.CLOSED in (was, gate):
            ended = self.end(EndReason.MUTE)
            return [*ended, *self._attach(self._segmenter.begin())] if gate is Gate.OPEN else ended
        return self._attach(self._segmenter.begin()) if gate is Gate.OPEN else []

    def end(self, reason: EndReason) -> list[SegmentEvent]:
        """End the open utterance here, if there is one; the next onset begins the next."""
        return self._attach(self._segmenter.end(reason), ahead=True)

    def finish(self, reason: EndReason = EndReason.SOURCE_ENDED) -> list[SegmentEvent]:
        """End the stream: what fills no frame belongs to the open utterance too."""
        rest = self._framer.take_rest()
        self._judged.take_rest()
        rest = rest[: len(rest) - len(rest) % SAMPLE_WIDTH] if self.speaking else b""
        self._keep(rest)
        events = self._attach(self._segmenter.end(reason, len(rest) // SAMPLE_WIDTH))
        self._detector.reset()
        return events

    def reset(self) -> None:
        """Begin anew: another stream, from sample 0, with the gate left to the detector."""
        self._detector.reset()
        self._gate = Gate.DETECTOR
        self._unheard = Unheard()
        self._voiced_end = -_RECENT
        self._begin()

    def _judge(self, frame: bytes, heard: bytes) -> list[SegmentEvent]:
        self._keep(frame)
        segmenter = self._segmenter
        probability = self._detector.probability(heard)
        if probability >= self._on:
            self._voiced_end = self._kept_end
        if self._gate is Gate.CLOSED:
            self._unheard.push(self._detector.frame_samples, voiced=probability >= self._on)
            voiced = False
        else:
            needed = self._off if segmenter.speaking else self._on
            voiced = self._gate is Gate.OPEN or probability >= needed
        level = rms_db(frame) if segmenter.wants_level else 0.0
        return self._attach(segmenter.push(voiced, level))

    def _keep(self, pcm: bytes) -> None:
        self._kept += pcm
        self._kept_end += len(pcm) // SAMPLE_WIDTH
        if len(self._kept) > 2 * self._reach:
            del self._kept[: len(self._kept) - self._reach]

    def _attach(self, marks: list[Mark], *, ahead: bool = False) -> list[SegmentEvent]:
        """Marks with their sound; `ahead`: an end includes what was handed out before its frame."""
        events: list[SegmentEvent] = []
        for mark in marks:
            if isinstance(mark, Onset):
                onset = self._traced(mark, self._kept_from)
                start = max(onset.start, self._sent)  # what an end took with it is not said twice
                self._start = self._sent = start
                place, decided = max(onset.onset, start), max(onset.decided, start)
                onset = replace(onset, start=start, onset=place, decided=decided)
                events += [onset, *self._up_to(decided)]
            elif isinstance(mark, End):
                last = max(mark.end, self._sent) if ahead else mark.end
                events += self._up_to(last)
                events.append(replace(mark, end=last, decided=max(mark.decided, last)))
            else:
                events += self._whole_pieces()
        return events

    @property
    def _kept_from(self) -> int:
        return self._kept_end - len(self._kept) // SAMPLE_WIDTH

    def _up_to(self, end: int) -> list[SegmentEvent]:
        """All of the open utterance that is not yet handed out, up to this sample."""
        start, first = self._sent, self._kept_from
        if end <= start:
            return []
        self._sent = end
        pcm = self._kept[(start - first) * SAMPLE_WIDTH : (end - first) * SAMPLE_WIDTH]
        return [Speech(start, bytes(pcm))]

    def _whole_pieces(self, rest: bytes = b"") -> Iterator[SegmentEvent]:
        """The same in whole pieces; `rest`: heard, and not yet judged."""
        heard = self._kept_end + len(rest) // SAMPLE_WIDTH
        first, ours = self._kept_from, len(self._kept)
        while (end := self._next_piece()) <= heard:
            low, high = (self._sent - first) * SAMPLE_WIDTH, (end - first) * SAMPLE_WIDTH
            pcm = bytes(self._kept[low:high]) + rest[max(0, low - ours) : max(0, high - ours)]
            start, self._sent = self._sent, end
            yield Speech(start, pcm)

    def _next_piece(self) -> int:
        """Sample at which the next piece is whole."""
        return self._start + ((self._sent - self._start) // _PIECE + 1) * _PIECE

    def _traced(self, mark: Onset, first: int) -> Onset:
        """The onset where the sound began: within the pre-roll that the segmenter allows."""
        farthest = mark.onset - mark.start
        if self._margin is None or farthest == 0:
            return mark
        history = max(first, mark.onset - HISTORY)
        low, high = (history - first) * SAMPLE_WIDTH, (mark.onset - first) * SAMPLE_WIDTH
        before, voice = bytes(self._kept[low:high]), bytes(self._kept[high:])
        onset = mark.onset - began(before, farthest, voice)
        return replace(mark, start=max(mark.start, onset - self._margin), onset=onset)
