"""Prebuffer: how much sound goes out in the first write of an utterance. Pure.

The first write is the avatar's jitter buffer: what arrives late by less than that is not heard as a
stutter. Each millisecond of it is heard as delay, so it is what was set, what the path needs
(`path`), and what stutters have proved to be missing all the same; that goes back once there is
none any more.

Reports come by the same path, so a stutter is known no better than its jitter. A small one counts
where the utterance before had one too; so does any where packets are lost: to be safe from what was
lost twice would cost all the others a long delay.
"""

from __future__ import annotations

from typing import Final

from micstream.delivery.path import Path

MAX_MS: Final = 1_000
"""It never grows beyond this, unless it was set so; more delay is worse than a stutter."""
STUTTER_MS: Final = 100
"""The stock avatar's frame: a stutter of that much counts at once."""
SMALL_MS: Final = 15
"""A report may be late by so much on a path without jitter; less is no stutter."""
CALM: Final = 3
"""So many utterances without a stutter, and half of what it grew by is taken back."""
_STEP_MS: Final = 20


class Prebuffer:
    """Prebuffer of the next utterance: from `min_ms` up to the larger of that and `MAX_MS`."""

    def __init__(self, min_ms: int) -> None:
        self.path = Path()
        self._min_ms = min_ms
        self._max_ms = max(min_ms, MAX_MS)
        self._grown_ms = 0
        self._calm = 0
        self._last_ms = 0
        """The small stutter of the utterance before."""

    @property
    def ms(self) -> int:
        """Milliseconds of sound to gather before the first write."""
        return min(self._max_ms, self._base_ms + self._grown_ms)

    @property
    def _base_ms(self) -> int:
        return self._min_ms + self.path.allowance_ms

    def played(self, had_ms: int, stutter_ms: int) -> None:
        """An utterance whose first write held `had_ms` of sound was played, with this stutter."""
        self.path.played()
        missing_ms = self._missing(stutter_ms)
        if missing_ms:
            # From what this utterance had: those sent before it was reported prove nothing new.
            self._grow(had_ms, missing_ms)
            self._calm = 0
            return
        self._calm += 1
        if self._calm >= CALM:
            self._calm = 0
            self._grown_ms = self._grown_ms // 2 if self._grown_ms > _STEP_MS else 0

    def _missing(self, stutter_ms: int) -> int:
        """Milliseconds that were missing, as far as that is proved."""
        small = stutter_ms >= SMALL_MS + 2 * self.path.jitter_ms
        before_ms, self._last_ms = self._last_ms, stutter_ms if small else 0
        if stutter_ms >= STUTTER_MS and not self.path.loses:
            return stutter_ms
        return min(before_ms, stutter_ms) if small else 0

    def _grow(self, had_ms: int, missing_ms: int) -> None:
        known = self.path.loses
        self.path.lacked(missing_ms)
        if self.path.loses and not known:
            return  # what is lost comes again sooner from now on: so much will not be missing
        self._grown_ms = max(self._grown_ms, min(self._max_ms, had_ms + missing_ms) - self._base_ms)
