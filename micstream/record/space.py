"""Space on a record's disk: when it is short, and when recording ends before it is full. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Final

SHORT_BYTES: Final = 1 << 30
"""Less is told: some five hours of one microphone and one avatar's utterances."""
STOP_BYTES: Final = 200 << 20
"""With less recording ends, and does not begin: the rest is for whoever else needs the disk."""


class SpaceLeft(Enum):
    """What is left of it."""

    ENOUGH = "enough"
    SHORT = "short"
    NONE = "none"


class Space:
    """Judges free bytes as they are looked at; says each change once.

    It was short until a quarter more is free than is short, so that it is not told to and fro.
    """

    def __init__(self, *, short: int = SHORT_BYTES, stop: int = STOP_BYTES) -> None:
        self._short, self._stop = short, stop
        self._last = SpaceLeft.ENOUGH

    def judge(self, free: int) -> SpaceLeft | None:
        """What `free` bytes mean; None where that is nothing new."""
        if free < self._stop:
            room = SpaceLeft.NONE
        elif free < self._short or (
            self._last is not SpaceLeft.ENOUGH and free < self._short * 5 // 4
        ):
            room = SpaceLeft.SHORT
        else:
            room = SpaceLeft.ENOUGH
        if room is self._last:
            return None
        self._last = room
        return room


def minutes_left(free: int, bytes_per_s: float, *, stop: int = STOP_BYTES) -> int:
    """Minutes until recording ends, as it went so far."""
    return int(max(0, free - stop) / max(bytes_per_s, 1.0) / 60)
