"""The least or the greatest of the newest values, at a constant cost for each."""

from __future__ import annotations

from collections import deque


class Least:
    """The least of the last `count` values; give it negated ones for the greatest.

    Of two values the older and greater can never be the least again, so only a rising sequence
    is kept (the ascending minima of D. Lemire, "Streaming maximum-minimum filter using no more
    than three comparisons per element", 2006).
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._now = 0
        self._rising: deque[tuple[int, float]] = deque()

    def push(self, value: float) -> float:
        """The least of the last `count` values, this one included."""
        rising = self._rising
        while rising and rising[-1][1] >= value:
            rising.pop()
        rising.append((self._now, value))
        if rising[0][0] <= self._now - self._count:
            rising.popleft()
        self._now += 1
        return rising[0][1]


class Smooth:
    """An exponential mean: `keep` of the last value, the rest of the new one."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._value: float | None = None

    def push(self, value: float) -> float:
        """The mean with this value in it; the first is taken as it is."""
        old = value if self._value is None else self._value
        self._value = self._keep * old + (1 - self._keep) * value
        return self._value
