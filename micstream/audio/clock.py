"""When a sample was captured. Pure: the time is handed in."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 500
"""Blocks looked back on: some seconds, so that a drifting clock is followed."""


class CaptureClock:
    """Maps sample indices to monotonic seconds.

    A block can be handed over late and never early, so the earliest of the recent hand-overs
    tells best when the samples really came.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._offsets: deque[float] = deque(maxlen=_WINDOW)
        self._earliest: float | None = None

    def observe(self, samples: int, now: float) -> None:
        """Sample number `samples` (the count so far) was handed over at `now`."""
        offset = now - samples / self._rate
        leaving = self._offsets[0] if len(self._offsets) == _WINDOW else None
        self._offsets.append(offset)
        if self._earliest is None or offset <= self._earliest:
            self._earliest = offset
        elif leaving == self._earliest:
            self._earliest = min(self._offsets)

    def at(self, sample: int) -> float:
        """Monotonic seconds at which `sample` was captured; 0.0 before anything was."""
        return 0.0 if self._earliest is None else self._earliest + sample / self._rate
