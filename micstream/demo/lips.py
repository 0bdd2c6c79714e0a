"""Lip shapes from sound: a pure function of pieces of speech, 20 ms each.

How far it opens follows the level, in decibels, against the loudest of the last seconds, so that
a soft speaker does not mumble; and the first formant, which is high where the jaw is low ("ah").
How wide it is follows the second, which rounded lips ("oo", "oh") pull down and spread ones ("ee")
push up; it is judged against what is usual of this voice and microphone. What hisses is said with
the teeth nearly shut.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

PIECE_S = 0.02

FAINT_DBFS = -50.0
"""Below this no mouth opens, however soft the voice is."""
LOUDEST_DBFS = (-30.0, -14.0)
"""Lowest and highest level that is taken for the loudest."""
FORGET_DB_PER_S = 2.5
_SPAN_DB = 26.0  # this far below the loudest, the mouth is shut
_GAMMA = 2.2  # loudness in decibels is much the same throughout a syllable; a jaw is not

_LOW_HZ, _JAW_HZ = (100.0, 600.0), (600.0, 1100.0)
_BACK_HZ, _FRONT_HZ = (500.0, 1300.0), (1600.0, 3600.0)
_HISS_HZ = (4200.0, 8000.0)
_JAW_DB = (-24.0, 4.0)  # the jaw's band against the low one: "ee", "ah"
_WIDE_JAW_DB, _WIDE_JAW = (-6.0, 8.0), 0.4  # so low a jaw does not let lips be round
_USUAL_DB, _USUAL_RANGE_DB = -12.0, (-20.0, -4.0)  # the front against the back
_USUAL_S = 4.0  # how slowly the usual follows
_WIDTHS_DB = 34.0  # from rounded to spread


class Shape(NamedTuple):
    """A mouth: `openness` 0 (shut) to 1, `width` 0 (rounded) to 1 (spread)."""

    openness: float
    width: float


SHUT = Shape(0.0, 0.5)


class Lips:
    """Listens to mono sound at `rate`; keeps how loud and how bright it has been of late."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._loudest = LOUDEST_DBFS[0]
        self._usual = _USUAL_DB

    def hear(self, pcm: npt.NDArray[np.int16]) -> Shape:
        """The mouth that says the next piece."""
        heard = pcm.astype(np.float64) / 32768.0
        level = 10.0 * math.log10(float(np.mean(heard**2)) + 1e-12) if heard.size else -120.0
        seconds = heard.size / self._rate
        low, high = LOUDEST_DBFS
        self._loudest = min(high, max(low, self._loudest - FORGET_DB_PER_S * seconds, level))
        faint = max(FAINT_DBFS, self._loudest - _SPAN_DB)
        loudness = min(1.0, (level - faint) / (self._loudest - faint))
        if loudness <= 0.0:
            return SHUT
        power = np.abs(np.fft.rfft(heard * np.hanning(heard.size + 2)[1:-1])) ** 2
        hertz = np.fft.rfftfreq(heard.size, 1.0 / self._rate)

        def strength(band: tuple[float, float]) -> float:
            return float(power[(hertz >= band[0]) & (hertz < band[1])].sum()) + 1e-9

        low, hiss = strength(_LOW_HZ), strength(_HISS_HZ) / (float(power.sum()) + 1e-9)
        jaw = _decibels(strength(_JAW_HZ), low)
        # Hardly anything in either band (a hum) says nothing: a little of the low keeps it dark.
        front = _decibels(strength(_FRONT_HZ), strength(_BACK_HZ) + 0.002 * low)
        width = max(
            _share(front, self._usual - _WIDTHS_DB / 2, self._usual + _WIDTHS_DB / 2),
            _WIDE_JAW * _share(jaw, *_WIDE_JAW_DB),
        )
        aside = (front - self._usual) * min(1.0, seconds / _USUAL_S)
        self._usual = min(_USUAL_RANGE_DB[1], max(_USUAL_RANGE_DB[0], self._usual + aside))
        drop = 0.65 + 0.35 * _share(jaw, *_JAW_DB)
        openness = loudness**_GAMMA * drop * (1.0 - 0.7 * min(1.0, hiss))
        return Shape(openness, width)


def _decibels(strength: float, against: float) -> float:
    return 10.0 * math.log10(strength / against)


def _share(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
