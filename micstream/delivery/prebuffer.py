"""Prebuffer: how much sound goes out in the first write of an utterance. Pure.

The first write is the avatar's jitter buffer: what arrives late by less than that is not heard as a
stutter. Each millisecond of it is heard as delay, so it grows only by what a stutter has proved to
be missing, and goes back once there is none any more.
"""

from __future__ import annotations

from typing import Final

MAX_MS: Final = 1_000
"""It never grows beyond this, unless it was set so; more delay is worse than a stutter."""
STUTTER_MS: Final = 100
"""Less than the stock avatar's frame is no stutter: reports are late by some tens of ms."""
CALM: Final = 3
"""So many utterances without a stutter, and half of what it grew by is taken back."""
_STEP_MS: Final = 20


class Prebuffer:
    """Prebuffer of the next utterance: from `min_ms` up to the larger of that and `MAX_MS`."""

    def __init__(self, min_ms: int) -> None:
        self._min_ms = min_ms
        self._max_ms = max(min_ms, MAX_MS)
        self._ms = min_ms
        self._calm = 0

    @property
    def ms(self) -> int:
        """Milliseconds of sound to gather before the first write."""
        return self._ms

    def played(self, had_ms: int, stutter_ms: int) -> None:
        """An utterance whose first write held `had_ms` of sound was played, with this stutter."""
        if stutter_ms >= STUTTER_MS:
            # From what this utterance had: those sent before it was reported prove nothing new.
            self._ms = min(self._max_ms, max(self._ms, had_ms + stutter_ms))
            self._calm = 0
            return
        self._calm += 1
        if self._calm >= CALM:
            self._calm = 0
            grown = self._ms - self._min_ms
            self._ms = self._min_ms + (grown // 2 if grown > _STEP_MS else 0)
