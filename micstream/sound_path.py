"""One source's sound on its way to the speaker: all that happens to it on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from micstream.audio.clock import CaptureClock
from micstream.audio.format import SPEECH
from micstream.audio.resample import Resampler
from micstream.cleaning import Cleaner
from micstream.sources.source import Block, Source
from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import End, EndReason, Onset, SegmentEvent
from micstream.speech.whole import Whole

Timed = tuple[SegmentEvent, float]
"""An event, and for an onset the monotonic second at which its first sample was captured."""


class SoundPath:
    """From one source's blocks to events: resampled, cleaned, cut, and dated.

    With `send_original` the cutter judges what the cleaner makes of the sound, and hands out the
    sound as it was.
    """

    def __init__(
        self,
        source: Source,
        cutter: Cutter | Whole,
        cleaner: Cleaner | None = None,
        *,
        send_original: bool = False,
    ) -> None:
        self.cutter = cutter
        self.hears: Callable[[bytes], None] | None = None
        """Called with all sound at 16 kHz mono, as it was before it is cleaned."""
        self._resampler = Resampler(source.format, SPEECH.rate, pick=source.pick)
        self._cleaner = cleaner
        self._send_original = send_original
        self._original = b""  # what the cleaner holds back, as it was
        # Counted before resampler and cleaner, which hold some sound back.
        self._format = source.format
        self._clock = CaptureClock(source.format.rate)
        self._bytes = 0

    def push(self, block: Block) -> Iterator[Timed]:
        """What the block makes certain."""
        self._bytes += len(block.pcm)
        self._clock.observe(self._bytes // self._format.frame_bytes, block.ends_at)
        pcm = self._resampler.push(block.pcm)
        if self.hears is not None:
            self.hears(pcm)
        return self.dated(self._cut(pcm))

    def finish(self, reason: EndReason) -> Iterator[Timed]:
        """The source has ended: all that is still held back, and the open utterance's end."""
        yield from self.dated(self._cut(self._resampler.finish(), last=True))
        yield from self.dated(self.cutter.finish(reason))

    def set_gate(self, gate: Gate) -> Iterator[Timed]:
        """Hand the decision over; what the cleaner holds from behind a shut gate is never sent."""
        if isinstance(self.cutter, Cutter):
            if self.cutter.gate is Gate.CLOSED and self._cleaner is not None:
                self._cleaner.silence_rest()
                self._original = bytes(len(self._original))
            yield from self.dated(self.cutter.set_gate(gate))

    def dated(self, happened: Iterable[SegmentEvent]) -> Iterator[Timed]:
        """The events, onsets with the moment they were captured.

        What the cleaner held back at a decision had been heard by then, and counts as heard.
        """
        for event in happened:
            at = 0.0
            if isinstance(event, Onset):
                at = self._clock.at(event.start * self._format.rate // SPEECH.rate)
            if self._cleaner is not None and isinstance(event, Onset | End):
                yield replace(event, decided=self._cleaner.heard(event.decided)), at
            else:
                yield event, at

    def _cut(self, pcm: bytes, *, last: bool = False) -> Iterator[SegmentEvent]:
        if self._cleaner is None:
            return self.cutter.push(pcm)
        cleaned = self._cleaner.push(pcm)
        if last:
            cleaned += self._cleaner.finish()
        if not self._send_original or isinstance(self.cutter, Whole):
            return self.cutter.push(cleaned)
        known = self._original + pcm
        self._original = known[len(cleaned) :]
        return self.cutter.push(known[: len(cleaned)], cleaned)
