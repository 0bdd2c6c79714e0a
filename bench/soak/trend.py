"""Whether a figure that was sampled again and again grows. Pure: figures in, figures out.

The first part of a run is warm-up: caches fill, libraries are loaded, pools get their threads. What
comes after is compared with itself: its beginning, the first tenth, with its end, the last one.

    memory              the larger of two: the median of the last tenth less that of the first,
                        which sees a step; and the median of the slopes between all pairs of
                        samples (Theil and Sen), times the length, which sees a slow climb to its
                        full height. Neither is moved by single samples.
    descriptors,        the least of the last tenth less the least of the first: how many there are
    threads, tasks      depends on what is being done, and one that is left behind stays at rest too
    delays              the median of the last quarter beside that of the first
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

WARM_UP_S, WARM_UP_SHARE = 60.0, 0.1
"""Warm-up: the longer of these two."""
LEAST_SAMPLES = 20
"""With less than these after the warm-up there is nothing to be told."""
_PAIRS_OF = 400
"""Slopes are taken between at most so many samples, evenly spread."""

Values = npt.NDArray[np.float64]


@dataclass
class Series:
    """One figure over time, in seconds since its run began."""

    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, pairs: list[tuple[float, float]]) -> Self:
        """From pairs of time and value."""
        return cls([at for at, _ in pairs], [value for _, value in pairs])

    def add(self, at: float, value: float) -> None:
        """One more sample."""
        self.times.append(at)
        self.values.append(value)

    def between(self, start: float, end: float) -> Series:
        """What was sampled from the one moment to the other."""
        pairs = zip(self.times, self.values, strict=True)
        return Series.of([pair for pair in pairs if start <= pair[0] <= end])

    @property
    def tells(self) -> bool:
        """Whether there is enough of it."""
        return len(self.values) >= LEAST_SAMPLES


def warm_up_s(sound_s: float) -> float:
    """How much of so much speech and pauses is warm-up, in seconds of it."""
    return max(WARM_UP_S, WARM_UP_SHARE * sound_s)


def growth(series: Series) -> float:
    """How much more there is at the end than at the beginning, step or climb."""
    first, last = _ends(series.values, 10)
    climb = slope(series) * (series.times[-1] - series.times[0])
    return max(float(np.median(last) - np.median(first)), climb)


def slope(series: Series) -> float:
    """The median of the slopes between all pairs of samples, a second."""
    picked = np.unique(np.linspace(0, len(series.times) - 1, _PAIRS_OF).round().astype(int))
    times, values = np.array(series.times)[picked], np.array(series.values)[picked]
    one, other = np.triu_indices(times.size, k=1)
    apart = times[other] - times[one]
    rises = (values[other] - values[one])[apart > 0] / apart[apart > 0]
    return float(np.median(rises)) if rises.size else 0.0


def left_behind(series: Series) -> int:
    """How many more there are at rest."""
    first, last = _ends(series.values, 10)
    return round(float(last.min() - first.min()))


def quarters(series: Series) -> tuple[float, float]:
    """The medians of the first quarter and of the last."""
    first, last = _ends(series.values, 4)
    return float(np.median(first)), float(np.median(last))


def _ends(values: list[float], parts: int) -> tuple[Values, Values]:
    size = max(1, len(values) // parts)
    return np.array(values[:size]), np.array(values[-size:])
