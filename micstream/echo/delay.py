"""Delay of an echo behind its reference, by how levels rise in bands. Pure.

Where levels rise is hardly changed by what a hall, a loudspeaker that distorts or clocks that run
apart do to a sound. The performer's own voice comes before the reference, never after it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

LONGEST: Final = 64
"""Frames of 10 ms: the longest delay that is looked for."""
STEP: Final = 20
"""Frames of each look."""
BEFORE: Final = 3
"""Frames before a look that it needs: a rise is over so many."""
_FORGOTTEN: Final = 0.94
"""Kept of what was found, at each look with something to find: some three seconds of sound."""
_RISE_DB: Final = 15.0
_NEAR: Final = 3
"""Frames to either side that belong to the same peak."""

Levels = npt.NDArray[np.float32]


class Likeness(NamedTuple):
    """How like its reference a sound is."""

    frames: int
    """Later by so many, where it is likest."""
    share: float
    """Correlation there, -1 to 1 ..."""
    beside: float
    """... and the highest one farther away."""


class DelayFinder:
    """Finds how much later a microphone's levels follow the reference's."""

    def __init__(self) -> None:
        self._products = np.zeros(LONGEST + 1)
        self._heard = 0.0
        self._played = np.zeros(LONGEST + 1)

    def look(self, mic: Levels, reference: Levels) -> Likeness:
        """Look at `STEP` more frames.

        Levels by frame and band, in dB over the floor: `BEFORE + STEP` frames of the microphone,
        `LONGEST` more of the reference, which end together.
        """
        heard, played = _rises(mic), _rises(reference)
        windows = np.lib.stride_tricks.sliding_window_view(played, STEP, axis=0)
        products = windows.reshape(LONGEST + 1, -1) @ heard.T.reshape(-1)
        squares = (played**2).sum(axis=1)
        squares = np.convolve(squares, np.ones(STEP), "valid")
        self._products = _FORGOTTEN * self._products + products[::-1]
        self._heard = _FORGOTTEN * self._heard + float((heard**2).sum())
        self._played = _FORGOTTEN * self._played + squares[::-1]
        shares = self._products / np.sqrt(self._played * self._heard + 1.0)
        best = int(np.argmax(shares))
        others = np.concatenate([shares[: max(0, best - _NEAR)], shares[best + _NEAR + 1 :]])
        return Likeness(best, float(shares[best]), float(others.max()))


def _rises(levels: Levels) -> Levels:
    rises = levels[BEFORE:] - levels[:-BEFORE]
    return np.ascontiguousarray(np.clip(rises, 0.0, _RISE_DB))
