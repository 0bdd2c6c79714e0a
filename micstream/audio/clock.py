"""When a sample was captured. Pure: the time is handed in."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 500
"""Blocks looked back on: some seconds, so that a drifting clock is followed."""


class CaptureClock:
    """Maps seconds of captured sound to monotonic seconds.

    A block can be handed over late and never early, so the earliest of the recent hand-overs
    tells best when the samples really came. Positions count all sound, what was lost too.
    """

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=_WINDOW)
        self._earliest: float | None = None

    def observe(self, position_s: float, now: float) -> None:
        """Sound up to `position_s` (seconds since the beginning) was handed over at `now`."""
        offset = now - position_s
        leaving = self._offsets[0] if len(self._offsets) == _WINDOW else None
        self._offsets.append(offset)
        if self._earliest is None or offset <= self._earliest:
            self._earliest = offset
        elif leaving == self._earliest:
            self._earliest = min(self._offsets)

    def at(self, position_s: float) -> float:
        """Monotonic seconds at which `position_s` was captured; 0.0 before anything was."""
        return 0.0 if self._earliest is None else self._earliest + position_s

    def behind_s(self, position_s: float, now: float) -> float:
        """Seconds by which sound up to `position_s`, handed over at `now`, comes later than it was
        due: what is missing before it, where something is. 0.0 before anything was captured."""
        return 0.0 if self._earliest is None else max(0.0, now - self.at(position_s))
