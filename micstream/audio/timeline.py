"""Timeline of all sound of a capture, whatever was lost or reopened between. Pure.

A place on it is a sample index at 16 kHz. Sound that was lost has its places too: what follows lies
as much later. Another opening of the device (or another device) goes on where the last one ended.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from micstream.audio.clock import CaptureClock
from micstream.audio.format import SPEECH

_LOSSES_KEPT: Final = 1_024
"""The newest ones. An onset reaches a second back; older ones count as one."""


class Timeline:
    """Places and times of the samples of one opening after the other.

    `begin` at each opening, `observe` for each block, then ask. A *sample* is an index at 16 kHz
    from the opening's first sample that was handed over; a *place* counts all openings and all that
    was lost. Places never go back, and no two samples share one.
    """

    def __init__(self) -> None:
        self._start(0)

    def begin(self, samples: int = 0) -> None:
        """Another opening, after one of which `samples` were handed over."""
        self._start(self._base + samples + self._lost)

    def _start(self, base: int) -> None:
        self._base = base  # place of the opening's first sample
        self._clock = CaptureClock()
        self._captured_s = 0.0  # handed over in this opening
        self._lost_s = 0.0
        self._lost = 0  # the same in samples
        self._at: list[int] = []  # samples before which something was lost ...
        self._totals: list[int] = []  # ... and how much until there
        self._forgotten = 0  # lost before the oldest that is kept

    def observe(self, captured_s: float, now: float, lost_s: float = 0.0) -> None:
        """A block came at `now`, after `lost_s` seconds that were lost.

        `captured_s`: seconds handed over in this opening so far, the block included.
        """
        if lost_s > 0.0:
            self._lost_s += lost_s
            lost = round(self._lost_s * SPEECH.rate)
            self._lose(round(self._captured_s * SPEECH.rate), lost)
            self._lost = lost
        self._captured_s = captured_s
        self._clock.observe(captured_s + self._lost / SPEECH.rate, now)

    def place(self, sample: int) -> int:
        """Place of a sample of this opening."""
        kept = bisect_right(self._at, sample)
        return self._base + sample + (self._totals[kept - 1] if kept else self._forgotten)

    def at(self, place: int) -> float:
        """Monotonic seconds at which the sound at `place` was captured, for this opening's places.

        0.0 before its first block.
        """
        return self._clock.at((place - self._base) / SPEECH.rate)

    def runs(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The samples `start` to `end` in runs within which nothing was lost."""
        for index in range(bisect_right(self._at, start), bisect_right(self._at, end - 1)):
            yield start, self._at[index]
            start = self._at[index]
        if start < end:
            yield start, end

    def _lose(self, sample: int, total: int) -> None:
        if self._at and self._at[-1] >= sample:
            self._totals[-1] = total
            return
        self._at.append(sample)
        self._totals.append(total)
        if len(self._at) > 2 * _LOSSES_KEPT:
            self._forgotten = self._totals[-_LOSSES_KEPT - 1]
            del self._at[:-_LOSSES_KEPT], self._totals[:-_LOSSES_KEPT]
