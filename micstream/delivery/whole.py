"""Collected mode: each utterance is sent as a whole (`--mode utterance`). Pure."""

from __future__ import annotations

from typing import Final

from micstream.audio.format import SPEECH
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech, Timed

MAX_S: Final = 660.0
"""More than the longest utterance the segmenter makes. A source that is longer as a whole is handed
on as it comes from there."""


class WholeUtterances:
    """Collects an utterance's events until its end; hands it out then, without its silent tail."""

    def __init__(self) -> None:
        self._onset: Timed | None = None
        self._pcm = bytearray()

    def push(self, event: SegmentEvent, captured_at: float) -> list[Timed]:
        """Nothing, or a whole utterance: its onset, its speech in one run, its end."""
        match event:
            case Onset():
                self._onset, self._pcm = (event, captured_at), bytearray()
                return []
            case Speech() if self._onset is not None:
                self._pcm += event.pcm
                return self._begin(self._onset) if self._is_full else []
            case End(reason=EndReason.INTERRUPT) if self._onset is not None:
                return []  # what was collected is dropped, and counted, by whoever interrupts
            case End() if self._onset is not None:
                return self._whole(self._onset, event)
        return [(event, captured_at)]

    def clear(self) -> int:
        """Forget what was collected; the number of its samples."""
        samples, self._onset, self._pcm = len(self._pcm) // 2, None, bytearray()
        return samples

    @property
    def _is_full(self) -> bool:
        return SPEECH.seconds(len(self._pcm)) > MAX_S

    def _begin(self, onset: Timed) -> list[Timed]:
        assert isinstance(onset[0], Onset)
        gathered = Speech(onset[0].start, bytes(self._pcm))
        self.clear()
        return [onset, (gathered, 0.0)]

    def _whole(self, onset: Timed, end: End) -> list[Timed]:
        assert isinstance(onset[0], Onset)
        start, pcm = onset[0].start, bytes(self._pcm)
        self.clear()
        # A false alarm is no utterance, and nothing of it is lost.
        if not end.enough:
            return []
        return [onset, (Speech(start, pcm[: (end.speech_end - start) * 2]), 0.0), (end, 0.0)]
