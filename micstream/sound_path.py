"""Sound path: one performer's sound on its way to the fan-out, all that happens to it here.

source --block--> [resampler] --> [cleaner] --> [cutter] --event, dated--> fan-out
                              \\--> listeners (microphone health, taps)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.audio.resample import Resampler
from micstream.audio.timeline import Timeline
from micstream.cleaning import Cleaner
from micstream.echo.echo_guard import EchoGuard
from micstream.sources.source import Block, Source
from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import EndReason, Onset, SegmentEvent, Speech, Timed
from micstream.speech.whole import Whole
from micstream.taps import Captured, Listener


class PathOptions(Protocol):
    """Options of a sound path: `SoundPathSettings`, or alike."""

    @property
    def clean(self) -> bool:
        """High pass, noise suppression and automatic gain."""
        ...

    @property
    def send_original(self) -> bool:
        """The detector judges the cleaned sound, the avatar gets the original."""
        ...


def make_path(
    cutter: Cutter | Whole,
    options: PathOptions,
    listeners: Sequence[Listener] = (),
    guard: EchoGuard | None = None,
) -> SoundPath:
    """Sound path as the options say: cleaned or not, and which of both is sent.

    `guard`: takes the echo out first, and says where there was nothing else; its own for each path.

    Raises:
        MicstreamError: the cleaner cannot be made.
    """
    # Where nobody judges and the original is sent, there is nothing to clean for.
    clean = options.clean and not (options.send_original and isinstance(cutter, Whole))
    cleaner = Cleaner() if clean else None
    path = SoundPath(cutter, cleaner, send_original=options.send_original, listeners=listeners)
    path.guard = guard
    return path


class SoundPath:
    """From blocks to segment events: resampled, cleaned, cut, and dated.

    `open` a source, `push` its blocks, `finish`; then another source can be opened, or the same one
    again: positions go on, and count what was lost meanwhile. The gate stays as it was set. The
    same sound gives the same events however it is divided into blocks.

    With `send_original` the cutter judges what the cleaner makes of the sound, and hands out the
    sound as it was. `listeners` get all sound at 16 kHz mono, as it is before it is cleaned,
    whatever the gate.
    """

    def __init__(
        self,
        cutter: Cutter | Whole,
        cleaner: Cleaner | None = None,
        *,
        send_original: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._cutter = cutter
        self._cleaner = cleaner
        self._send_original = send_original
        self.guard: EchoGuard | None = None
        """Of this path alone; set before it is opened."""
        self._listeners = tuple(listeners)
        self._gate = Gate.DETECTOR
        self._holds = 0
        self._timeline = Timeline()
        self._source: Source | None = None
        self._name = ""
        self._used = False  # cutter and cleaner have had an opening before
        self._resampler: Resampler | None = None
        self._rest()

    def _rest(self) -> None:
        self._bytes = 0  # of the source: counted before resampler and cleaner, which hold some back
        self._captured = 0  # samples at 16 kHz
        self._shift = 0  # of the open utterance: places lie so much behind the cutter's samples
        self._original = b""  # what the cleaner holds back, as it was
        self._mask = b""  # the same, where it is explained by an echo
        self._begun = False

    # ---- what is ---------------------------------------------------------------------------

    @property
    def gate(self) -> Gate:
        """The gate as it was set; while the path is held nothing passes all the same."""
        return self._gate

    @property
    def is_held(self) -> bool:
        """Something else is heard in its place: see `hold`."""
        return self._holds > 0

    @property
    def speaking(self) -> bool:
        """An utterance is open."""
        return self._cutter.speaking

    def is_due(self, ms: int) -> bool:
        """Whether so many milliseconds more are worth a turn of their own: see the cutter's."""
        cutter = self._cutter
        return isinstance(cutter, Cutter) and cutter.is_due(SPEECH.samples(ms))

    @property
    def took(self) -> int:
        """The channel taken of the open source, from 1, because mixed they cancel each other; 0:
        that never was."""
        return self._resampler.took if self._resampler is not None else 0

    @property
    def spoken_to_nobody(self) -> bool:
        """Somebody has spoken since the gate was closed; never while the path is held."""
        cutter = self._cutter
        return isinstance(cutter, Cutter) and not self._holds and cutter.spoken_to_nobody

    # ---- sound -----------------------------------------------------------------------------

    def open(self, source: Source) -> list[Timed]:
        """Blocks of this source come now. Ends the one before, where nobody did (`mute`).

        Raises:
            MicstreamError: the cleaner cannot be made.
        """
        ended = self.finish(EndReason.MUTE)
        if self._used:
            self._timeline.begin(self._captured)
            self._cutter.reset()
            if self._cleaner is not None:
                self._cleaner.reset()
            if self.guard is not None:
                self.guard.reset()
            self._rest()
        self._used = True
        self._source, self._name = source, source.name
        self._resampler = Resampler(source.format, SPEECH.rate, pick=source.pick)
        if self.guard is not None:
            self.guard.open(source)
        return ended

    def push(self, block: Block) -> Iterator[Timed]:
        """Everything that the block makes certain.

        Raises:
            MicstreamError: the cleaner failed.
        """
        source, resampler = self._source, self._resampler
        if source is None or resampler is None:
            raise ValueError("a block, and no source is open")
        self._bytes += len(block.pcm)
        captured_s = self._bytes // source.format.frame_bytes / source.format.rate
        self._timeline.observe(captured_s, block.ends_at, block.lost_s)
        pcm = resampler.push(block.pcm)
        if self.guard is not None:
            self.guard.hear(block.pcm)
        self._tell(source, pcm)
        if not self._begun:
            # Not before the first block: an utterance that begins by hand here has a date then.
            self._begun = True
            yield from self._dated(self._set_cutter())
        yield from self._dated(self._cut(pcm))

    def finish(self, reason: EndReason) -> list[Timed]:
        """The source has ended, or is lost: what is held back, and the open utterance's end.

        Raises:
            MicstreamError: the cleaner failed.
        """
        source, resampler = self._source, self._resampler
        if source is None or resampler is None:
            return []
        self._source = self._resampler = None
        self._begun = False
        rest = resampler.finish()
        self._tell(source, rest)
        happened = [*self._dated(self._cut(rest, last=True))]
        return [*happened, *self._dated(self._cutter.finish(reason))]

    def end(self, reason: EndReason) -> list[Timed]:
        """End the open utterance here, if there is one; the next onset begins the next.

        After `interrupt` that needs a silence before it.
        """
        return [*self._dated(self._cutter.end(reason))]

    # ---- gate ------------------------------------------------------------------------------

    def set_gate(self, gate: Gate) -> list[Timed]:
        """Let all through, what the detector takes for speech, or nothing.

        Closing it ends the open utterance (`mute`). What was heard behind a closed gate is never
        sent: not as pre-roll, and not where the cleaner still held it back.
        """
        self._gate = gate
        return [*self._dated(self._set_cutter())] if self._begun else []

    def hold(self) -> list[Timed]:
        """Let nothing through while something else is heard, whatever the gate; nests.

        Sound is captured, judged and counted meanwhile. Ends the open utterance (`mute`).
        """
        self._holds += 1
        return [*self._dated(self._set_cutter())] if self._begun else []

    def release(self, *, afresh: bool = False) -> list[Timed]:
        """Undo one `hold`; after the last the gate counts again.

        `afresh`: who is in the middle of a word is heard from his next onset after a silence.
        """
        if not self._holds:
            raise ValueError("it is not held")
        self._holds -= 1
        happened = [*self._dated(self._set_cutter())] if self._begun else []
        cutter = self._cutter
        if afresh and isinstance(cutter, Cutter) and cutter.is_voiced and not cutter.speaking:
            happened += self.end(EndReason.INTERRUPT)
        return happened

    def _set_cutter(self) -> list[SegmentEvent]:
        cutter = self._cutter
        if not isinstance(cutter, Cutter):
            return []
        gate = Gate.CLOSED if self._holds else self._gate
        if cutter.gate is Gate.CLOSED and gate is not Gate.CLOSED:
            if self._cleaner is not None:
                self._cleaner.silence_rest()
                self._original = bytes(len(self._original))
            if self.guard is not None:
                self.guard.silence_rest()
        return [] if gate is cutter.gate and gate is not Gate.OPEN else cutter.set_gate(gate)

    # ---- within ----------------------------------------------------------------------------

    def _tell(self, source: Source, pcm: bytes) -> None:
        start = self._captured
        self._captured = end = start + len(pcm) // SAMPLE_WIDTH
        listening = [listener for listener in self._listeners if listener.active]
        if not listening or start == end:
            return
        for low, high in self._timeline.runs(start, end):
            place = self._timeline.place(low)
            sound = Captured(
                source=source.name,
                channel=source.pick,
                start=place,
                at=self._timeline.at(place),
                pcm=pcm[(low - start) * SAMPLE_WIDTH : (high - start) * SAMPLE_WIDTH],
                speaking=self._cutter.speaking,
            )
            for listener in listening:
                listener.captured(sound)

    def _dated(self, happened: Iterable[SegmentEvent]) -> Iterator[Timed]:
        """The events on the timeline, onsets with the moment they were captured.

        An utterance has no gaps: what is lost within it moves what comes after it. What the cleaner
        held back at a decision had come in by then, and counts.
        """
        for event in happened:
            at = 0.0
            if isinstance(event, Onset):
                place = self._timeline.place(event.start)
                self._shift = place - event.start
                at = self._timeline.at(place)
            yield self._placed(event), at

    def _placed(self, event: SegmentEvent) -> SegmentEvent:
        shift, cleaner = self._shift, self._cleaner
        if isinstance(event, Speech):
            return replace(event, start=event.start + shift) if shift else event
        if isinstance(event, Onset):
            event = replace(event, source=self._name)
        if cleaner is not None:
            event = replace(event, decided=cleaner.input_for(event.decided))
        if self.guard is not None:
            event = replace(event, decided=self.guard.input_for(event.decided))
        if not shift:
            return event
        decided = event.decided + shift
        if isinstance(event, Onset):
            start, onset = event.start + shift, event.onset + shift
            return replace(event, start=start, onset=onset, decided=decided)
        end, speech_end = event.end + shift, event.speech_end + shift
        return replace(event, end=end, speech_end=speech_end, decided=decided)

    def _cut(self, pcm: bytes, *, last: bool = False) -> Iterator[SegmentEvent]:
        if self.guard is not None:
            return self._guarded(self.guard, pcm, last=last)
        if self._cleaner is None:
            return self._cutter.push(pcm)
        cleaned = self._cleaner.push(pcm)
        if last:
            cleaned += self._cleaner.finish()
        if not self._send_original or isinstance(self._cutter, Whole):
            return self._cutter.push(cleaned)
        known = self._original + pcm
        self._original = known[len(cleaned) :]
        return self._cutter.push(known[: len(cleaned)], cleaned)

    def _guarded(self, guard: EchoGuard, pcm: bytes, *, last: bool) -> Iterator[SegmentEvent]:
        """Without its echo; where there was nothing else, silence is judged in its place."""
        start = self._captured - len(pcm) // SAMPLE_WIDTH
        sound, mask = guard.push(pcm, self._timeline.at(self._timeline.place(start)))
        if last:
            rest = guard.finish()
            sound, mask = sound + rest[0], mask + rest[1]
        cleaned = sound
        if self._cleaner is not None:
            cleaned = self._cleaner.push(sound) + (self._cleaner.finish() if last else b"")
        known, masks = self._original + sound, self._mask + mask
        self._original, self._mask = known[len(cleaned) :], masks[len(cleaned) :]
        if isinstance(self._cutter, Whole):
            return self._cutter.push(cleaned)
        judged = guard.masked(cleaned, masks[: len(cleaned)])
        return self._cutter.push(known[: len(cleaned)] if self._send_original else cleaned, judged)
