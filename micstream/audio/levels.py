"""How loud: RMS and peak in dBFS, where a full-scale square wave is 0 dBFS."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from micstream.audio.format import SPEECH

FLOOR_DB: Final = -96.0
"""Reported for digital silence: the quietest step of 16 bits is about here."""

BAND_FROM_HZ: Final = 200

FULL_SCALE: Final = 32768.0
"""Of 16 bits: what a float of 1.0 stands for."""
_TO_ONE: Final = np.float32(1 / FULL_SCALE)


def rms_db(pcm: bytes) -> float:
    """RMS level of 16-bit PCM in dBFS, not below `FLOOR_DB`."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    if samples.size == 0:
        return FLOOR_DB
    power = float(np.dot(samples, samples)) / samples.size
    return max(FLOOR_DB, 10 * math.log10(power / FULL_SCALE**2)) if power > 0 else FLOOR_DB


def band_db(samples: npt.NDArray[np.float32]) -> float:
    """RMS level above `BAND_FROM_HZ` in dBFS, of 16 kHz samples in -1..1; not below `FLOOR_DB`.

    What lies below is hum, handling and wind: it says nothing of how loud a voice is. By Parseval's
    theorem it is the energy of all samples without that of the few lowest bins of their spectrum,
    which costs a quarter of a transform. For frames: up to some tenths of a second.
    """
    size = samples.size
    if size == 0:
        return FLOOR_DB
    exact = samples.astype(np.float64)  # a voice may lie far below the hum that is taken off here
    low = _lowest_bins(size).dot(exact)
    power = (size * float(exact.dot(exact)) - float(low.dot(low))) / size**2
    return max(FLOOR_DB, 10 * math.log10(power)) if power > 0 else FLOOR_DB


@lru_cache(maxsize=8)
def _lowest_bins(size: int) -> npt.NDArray[np.float64]:
    """What makes of `size` samples the bins below the band: rows of cosines and sines.

    Those but the first stand for two bins each, the second one at its negative frequency.
    """
    bins = np.arange(math.ceil(BAND_FROM_HZ * size / SPEECH.rate))
    turns = 2 * math.pi / size * np.outer(bins, np.arange(size))
    waves = np.concatenate([np.cos(turns), np.sin(turns[1:])])
    waves[1:] *= math.sqrt(2)
    return waves


def quantile(values: npt.NDArray[np.float64], share: float) -> float:
    """What a share of them stays below, interpolated; `values` is one row, not empty.

    numpy's own loads a module of 7 MiB when it is first asked, and the sound would wait for it.
    """
    return float(np.interp(share * (len(values) - 1), np.arange(len(values)), np.sort(values)))


def to_float(pcm: bytes) -> npt.NDArray[np.float32]:
    """16-bit PCM as floats in -1..1; exact, for full scale is a power of two."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) * _TO_ONE


def to_int16(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Floats in -1..1 to 16 bits, rounded, clipped at full scale; what is no number is silence."""
    within = np.clip(np.nan_to_num(samples), -1.0, 1.0)  # first: the largest floats overflow
    scaled: npt.NDArray[np.float32] = np.minimum(np.rint(within * FULL_SCALE), 32767)
    return scaled.astype(np.int16)
