"""How the face moves, as pure functions of sound and time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

QUIET_DBFS, LOUD_DBFS = -46.0, -14.0
DARK_HZ, BRIGHT_HZ = 500.0, 2200.0  # spectral centre of "oo" and of "ee"
OPEN_RATE, SHUT_RATE = 0.7, 0.45  # share of the way to the new value, for each piece of sound

BLINK_EVERY_S, BLINK_S = 3.9, 0.24


class Shape(NamedTuple):
    """A mouth: `openness` 0 (shut) to 1, `width` 0 (rounded) to 1 (spread)."""

    openness: float
    width: float


SHUT = Shape(0.0, 0.5)


class Mouth:
    """Follows speech: opens with its level, spreads with its brightness; quicker open than shut."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._shape = SHUT

    def follow(self, pcm: npt.NDArray[np.int16]) -> Shape:
        """The mouth's shape for the next piece of mono sound, about 20 ms long."""
        heard = np.asarray(pcm, dtype=np.float64) / 32768.0
        level = 20.0 * math.log10(math.sqrt(float(np.mean(heard**2))) + 1e-9) if heard.size else -99
        loudness = (level - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)
        if loudness <= 0.0:
            target = SHUT
        else:
            target = Shape(min(1.0, loudness) ** 1.3, self._brightness(heard))
        rate = OPEN_RATE if target.openness > self._shape.openness else SHUT_RATE
        openness, width = (
            now + (goal - now) * rate for now, goal in zip(self._shape, target, strict=True)
        )
        self._shape = Shape(openness if openness > 0.02 else 0.0, width)
        return self._shape

    def _brightness(self, heard: npt.NDArray[np.float64]) -> float:
        power = np.abs(np.fft.rfft(heard * np.hanning(heard.size))) ** 2
        frequencies = np.fft.rfftfreq(heard.size, 1.0 / self._rate)
        total = float(power.sum())
        if total <= 0.0:
            return SHUT.width
        centre = float((power * frequencies).sum()) / total
        return max(0.0, min(1.0, (centre - DARK_HZ) / (BRIGHT_HZ - DARK_HZ)))


def blink_at(seconds: float) -> float:
    """How far the eyes are shut, 0 to 1: a blink every few seconds, each third one double."""
    count, phase = divmod(seconds, BLINK_EVERY_S)
    if count % 3 == 2 and phase >= 2 * BLINK_S:
        phase -= 2 * BLINK_S
    return max(0.0, 1.0 - abs(phase - BLINK_S / 2) / (BLINK_S / 2))


def sway_at(seconds: float) -> tuple[int, int]:
    """How far the head is moved right and down, in pixels: slow, and never quite the same."""
    across = 4.0 * math.sin(seconds * 0.83) + 2.0 * math.sin(seconds * 0.31)
    down = 2.5 * math.sin(seconds * 1.37)
    return round(across), round(down)
