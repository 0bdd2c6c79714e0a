"""A source as one utterance: what is not to be cut, in the segmenter's words."""

from __future__ import annotations

from collections.abc import Iterator

from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech


class Whole:
    """Takes 16 kHz mono 16-bit PCM; all of it is one utterance, from first to last sample."""

    def __init__(self) -> None:
        self._position = 0
        self._start: int | None = None

    @property
    def speaking(self) -> bool:
        """An utterance is open."""
        return self._start is not None

    def push(self, block: bytes) -> Iterator[SegmentEvent]:
        """The block as it is, with an onset before the first one."""
        if not block:
            return
        at = self._position
        if self._start is None:
            self._start = at
            yield Onset(at, at, at)
        self._position += len(block) // 2
        yield Speech(at, block)

    def end(self, reason: EndReason) -> list[SegmentEvent]:
        """End it here; what comes next is another utterance's."""
        start, at = self._start, self._position
        if start is None:
            return []
        self._start = None
        voiced = at - start
        return [End(end=at, speech_end=at, decided=at, voiced=voiced, enough=True, reason=reason)]

    def finish(self, reason: EndReason = EndReason.SOURCE_ENDED) -> list[SegmentEvent]:
        """The source has ended."""
        return self.end(reason)

    def reset(self) -> None:
        """Begin anew: another stream, from sample 0."""
        self._position = 0
        self._start = None
