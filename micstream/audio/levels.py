"""Levels: RMS and peak in dBFS, where a full-scale square wave is 0 dBFS."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from micstream.audio.format import SPEECH

Floats = npt.NDArray[np.float64]

FLOOR_DB: Final = -96.0
"""Reported for digital silence: the quietest step of 16 bits is about here."""

BAND_FROM_HZ: Final = 200

FULL_SCALE: Final = 32768.0
"""Full scale of 16 bits: what a float of 1.0 stands for."""
_CLIPS_DB: Final = 20 * math.log10((FULL_SCALE - 2) / FULL_SCALE) - 1e-9
_TO_ONE: Final = np.float32(1 / FULL_SCALE)


def rms_db(pcm: bytes) -> float:
    """RMS level of 16-bit PCM in dBFS, not below `FLOOR_DB`."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    if samples.size == 0:
        return FLOOR_DB
    power = float(np.dot(samples, samples)) / samples.size
    return max(FLOOR_DB, 10 * math.log10(power / FULL_SCALE**2)) if power > 0 else FLOOR_DB


def peak_db(pcm: bytes) -> float:
    """Peak of 16-bit PCM in dBFS, not below `FLOOR_DB`; `is_clipped` says what is full scale."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    if samples.size == 0:
        return FLOOR_DB
    peak = float(np.abs(samples).max())
    return max(FLOOR_DB, 20 * float(np.log10(max(peak, 1e-3) / FULL_SCALE)))


def is_clipped(peak: float) -> bool:
    """Tell whether a peak in dBFS is at full scale: at most two steps of 16 bits below it."""
    return peak >= _CLIPS_DB


def band_db(samples: npt.NDArray[np.float32]) -> float:
    """RMS level above `BAND_FROM_HZ` in dBFS, of 16 kHz samples in -1..1; not below `FLOOR_DB`.

    What lies below is hum, handling and wind: it says nothing of how loud a voice is. For frames:
    up to some tenths of a second.
    """
    size = samples.size
    if size == 0:
        return FLOOR_DB
    exact = samples.astype(np.float64)  # a voice may lie far below the hum that is taken off here
    power = float(energy_above(exact[None], bins_below(BAND_FROM_HZ, size))[0]) / size
    return max(FLOOR_DB, 10 * math.log10(power)) if power > 0 else FLOOR_DB


def bins_below(hertz: float, size: int) -> int:
    """Bins of the spectrum of `size` samples at 16 kHz that lie below this frequency."""
    return math.ceil(hertz * size / SPEECH.rate)


def energy_above(rows: Floats, bins: int) -> Floats:
    """Sum of squares of each row, without what lies in the lowest `bins` of its spectrum.

    By Parseval's theorem: that is the energy of all samples without that of a few bins, which costs
    a quarter of a transform. May be a little below 0 where rounding leaves nothing.
    """
    low = rows @ _lowest_bins(rows.shape[1], bins)
    energy: Floats = np.einsum("ij,ij->i", rows, rows) - np.einsum("ij,ij->i", low, low)
    return energy


@lru_cache(maxsize=8)
def _lowest_bins(size: int, bins: int) -> Floats:
    """Columns of cosines and sines, each of length 1, that make the lowest bins of `size` samples.

    All but the first stand for two bins each, the second one at its negative frequency.
    """
    turns = 2 * math.pi / size * np.outer(np.arange(size), np.arange(bins))
    waves: Floats = np.hstack((np.cos(turns), np.sin(turns[:, 1:]))) * math.sqrt(2 / size)
    waves[:, 0] /= math.sqrt(2)
    return waves


def quantile(values: Floats, share: float) -> float:
    """Quantile: what a share of `values` stays below, interpolated; they are one row, not empty.

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
