"""How much sound goes out in the first write of an utterance. Pure.

The first write is the avatar's cushion: what arrives late by less than that is not heard as a
stutter. Each millisecond of it is heard as delay, so it grows only by what a stutter has proved to
be missing, and goes back once there is none any more.
"""

from __future__ import annotations

from typing import Final

MOST_MS: Final = 1_000
"""It never grows beyond this, unless it was set so; more delay is worse than a stutter."""
STUTTER_MS: Final = 100
"""Less than the stock avatar's frame is no stutter: reports are late by some tens of ms."""
CALM: Final = 3
"""So many utterances without a stutter, and half of what it grew by is taken back."""
_STEP_MS: Final = 20


class Lead:
    """The lead of the next utterance: between `least_ms` and the larger of that and `MOST_MS`."""

    def __init__(self, least_ms: int) -> None:
        self._least_ms = least_ms
        self._most_ms = max(least_ms, MOST_MS)
        self._ms = least_ms
        self._calm = 0

    @property
    def ms(self) -> int:
        """Milliseconds of sound to gather before the first write."""
        return self._ms

    def played(self, had_ms: int, stutter_ms: int) -> None:
        """An utterance whose first write held `had_ms` of sound was played, with this stutter."""
        if stutter_ms >= STUTTER_MS:
            # From what this utterance had: those sent before it was reported prove nothing new.
            self._ms = min(self._most_ms, max(self._ms, had_ms + stutter_ms))
            self._calm = 0
            return
        self._calm += 1
        if self._calm >= CALM:
            self._calm = 0
            grown = self._ms - self._least_ms
            self._ms = self._least_ms + (grown // 2 if grown > _STEP_MS else 0)
