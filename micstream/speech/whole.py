"""A source as one utterance: what is not to be cut, in the segmenter's words."""

from __future__ import annotations

from collections.abc import Iterator

from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech


class Whole:
    """Takes 16 kHz mono 16-bit PCM; all of it is one utterance, from first to last sample."""

    def __init__(self) -> None:
        self._position = 0

    def push(self, block: bytes) -> Iterator[SegmentEvent]:
        """The block as it is, with an onset before the first one."""
        if not block:
            return
        if self._position == 0:
            yield Onset(0, 0, 0)
        yield Speech(self._position, block)
        self._position += len(block) // 2

    def end(self, reason: EndReason) -> list[SegmentEvent]:
        """End it here; what comes next is another utterance's, from sample 0."""
        at, self._position = self._position, 0
        if at == 0:
            return []
        return [End(end=at, speech_end=at, decided=at, voiced=at, enough=True, reason=reason)]

    def finish(self, reason: EndReason = EndReason.SOURCE_ENDED) -> list[SegmentEvent]:
        """The source has ended."""
        return self.end(reason)
