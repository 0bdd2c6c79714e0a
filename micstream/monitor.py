"""Keeps count of what happened; the summary at the end comes from here."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable

from micstream.events import (
    AvatarLeft,
    AvatarSilent,
    Bye,
    Connection,
    Dropped,
    Event,
    Failed,
    Microphone,
    PlaybackStarted,
    UtteranceEnded,
)

_REMEMBERED_DELAYS = 10_000
"""Delays kept for the summary: some hours of utterances."""

Listener = Callable[[Event], None]


class Monitor:
    """Hands every event to its listeners and counts on the way."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._utterances = 0
        self._seconds = 0.0
        self._dropped = 0.0
        self._faults = 0
        self._delays: deque[int] = deque(maxlen=_REMEMBERED_DELAYS)

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every event from now on, in order."""
        self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        """Stop calling it."""
        self._listeners.remove(listener)

    def emit(self, event: Event) -> None:
        """Something happened."""
        match event:
            case UtteranceEnded(duration_s=seconds):
                self._utterances += 1
                self._seconds += seconds
            case PlaybackStarted(delay_ms=delay):
                self._delays.append(delay)
            case Dropped(seconds=seconds):
                self._dropped += seconds
            case Failed() | AvatarLeft() | AvatarSilent() | Connection(state="lost"):
                self._faults += 1
            case Microphone(state="lost" | "zeros" | "clipping" | "quiet"):
                self._faults += 1
            case _:
                pass
        for listener in tuple(self._listeners):
            listener(event)

    def summary(self) -> Bye:
        """The counts so far."""
        delays = sorted(self._delays)
        return Bye(
            utterances=self._utterances,
            seconds=self._seconds,
            dropped=self._dropped,
            delay_median_ms=round(statistics.median(delays)) if delays else None,
            delay_p95_ms=percentile(delays, 0.95) if delays else None,
            faults=self._faults,
        )


def percentile(ranked: list[int], share: float) -> int:
    """The smallest of `ranked` (ascending, not empty) that `share` of them do not exceed."""
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)]
