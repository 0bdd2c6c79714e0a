"""Tones, and how much of one is in a sound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


def tone(hertz: float, rate: int, seconds: float = 1.0) -> Samples:
    """A sine whose peak is 10,000."""
    phase = 2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate
    sine: Samples = np.rint(10_000 * np.sin(phase)).astype(np.int16)
    return sine


def share_at(samples: Samples, hertz: float, rate: int) -> float:
    """Share of the power within 20 Hz of a frequency; the edges, where filters ring, left out."""
    middle = samples[rate // 10 : -rate // 10].astype(np.float64)
    power = np.abs(np.fft.rfft(middle * np.hanning(middle.size))) ** 2
    frequencies = np.fft.rfftfreq(middle.size, 1 / rate)
    return float(power[np.abs(frequencies - hertz) < 20].sum() / power.sum())
