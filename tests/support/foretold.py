"""Filmed mouths that go by the sound's bands and not by its level, and what is measured of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from micstream.lab.follow import CURVE_RATE
from micstream.lab.lipsync import level_of, measure
from micstream.lab.mouth import Roi, Seen
from micstream.lab.predict import spectrum_of
from testbed.speech import RATE

Pcm = npt.NDArray[np.int16]


def bands_without_level(
    pcm: Pcm, fps: float, late_s: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Times of the frames, and the bands at them, so late, without what goes by the level."""
    bands = spectrum_of(pcm, RATE)[1:]
    bands = bands - bands.mean(1, keepdims=True)
    level = level_of(pcm, RATE)
    level = level - level.mean()
    bands -= np.outer(bands @ level / (level @ level), level)  # no cell goes by the level
    times = np.arange(0, pcm.size / RATE, 1 / fps)
    at = np.arange(bands.shape[1]) / CURVE_RATE
    return times, np.array([np.interp(times - late_s, at, band) for band in bands])


def offset(seen: Seen, pcm: Pcm, roi: Roi | None = None) -> float | None:
    """The offset that is measured, in ms; None: undecided."""
    spectrum = spectrum_of(pcm, RATE)
    return measure(seen, level_of(pcm, RATE), spectrum=spectrum, roi=roi).offset_ms
