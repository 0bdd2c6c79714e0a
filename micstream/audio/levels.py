"""How loud: RMS and peak in dBFS, where a full-scale square wave is 0 dBFS."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from micstream.audio.format import AudioFormat

FLOOR_DB: Final = -96.0
"""Reported for digital silence: the quietest step of 16 bits is about here."""

FULL_SCALE: Final = 32768.0
"""Of 16 bits: what a float of 1.0 stands for."""


def rms_db(pcm: bytes) -> float:
    """RMS level of 16-bit PCM in dBFS, not below `FLOOR_DB`."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    if samples.size == 0:
        return FLOOR_DB
    power = float(np.dot(samples, samples)) / samples.size
    return max(FLOOR_DB, 10 * math.log10(power / FULL_SCALE**2)) if power > 0 else FLOOR_DB


class Zeros:
    """Notices exact zeros: a switch that is off, a permission that was not given.

    No room is so quiet; but what gates or cleans the sound before us may deliver them in a pause,
    so `push` says so only once they have lasted `seconds`, and once until there is sound again.
    """

    def __init__(self, format: AudioFormat, seconds: float) -> None:
        self._limit = format.bytes(1000 * seconds)
        self._run = 0

    def push(self, pcm: bytes) -> bool:
        """Whether with this they have lasted as long."""
        before = self._run
        self._run = 0 if any(pcm) else before + len(pcm)
        return before < self._limit <= self._run


def to_int16(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Floats in -1..1 to 16 bits, rounded, clipped at full scale; what is no number is silence."""
    within = np.clip(np.nan_to_num(samples), -1.0, 1.0)  # first: the largest floats overflow
    scaled: npt.NDArray[np.float32] = np.minimum(np.rint(within * FULL_SCALE), 32767)
    return scaled.astype(np.int16)
