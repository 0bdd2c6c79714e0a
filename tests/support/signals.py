"""Made signals for a microphone: rooms that hum, voices that are too quiet or too loud."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from testbed.speech import RATE, SENTENCES, samples

Floats = npt.NDArray[np.float64]


def made(place: Path, sound: Floats) -> Path:
    """A WAV of these samples, full scale 1.0, cut off there."""
    soundfile.write(place, np.clip(sound, -1, 1), RATE)
    return place


def room(level_db: float, seconds: float = 60.0, *, hum_db: float | None = None) -> Floats:
    """White noise of that RMS, and the mains in it."""
    count = round(seconds * RATE)
    sound = np.random.default_rng(1).normal(0, 10 ** (level_db / 20), count)
    if hum_db is not None:
        mains = np.sin(2 * np.pi * 50 * np.arange(count) / RATE)
        sound += 10 ** (hum_db / 20) * np.sqrt(2) * mains
    return sound


def speech(gain_db: float = 0.0, seconds: float = 10.0) -> Floats:
    """At -19 dBFS and that gain."""
    said = samples(SENTENCES)[: round(seconds * RATE)].astype(np.float64)
    said *= 10 ** (gain_db / 20) / 32768
    return said
