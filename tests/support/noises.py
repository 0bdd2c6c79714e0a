"""Made sounds that are none of speech, a buzz that webrtcvad takes for a voice, and judgements."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from micstream.speech.detector import Detector

RATE = 16_000

Floats = npt.NDArray[np.float64]
"""In units of 16 bits, not rounded yet."""


def pcm(sound: Floats) -> bytes:
    """16 bits of it, clipped there."""
    return np.rint(sound).clip(-32_768, 32_767).astype("<i2").tobytes()


def said(detector: Detector, sound: Floats, gain_db: float = 0.0) -> Floats:
    """The detector's probabilities, one a frame; what fills none is left out."""
    whole, size = pcm(sound * 10 ** (gain_db / 20)), detector.frame_samples * 2
    starts = range(0, len(whole) - size + 1, size)
    return np.array([detector.probability(whole[at : at + size]) for at in starts])


def noise(rms: float, seconds: float = 5.0, seed: int = 1) -> Floats:
    """White."""
    return np.random.default_rng(seed).normal(0, rms, round(seconds * RATE))


def clicks(a_second: float, seconds: float = 5.0, seed: int = 2) -> Floats:
    """Bursts that die away within 20 ms: typing at 6 a second, applause at 200."""
    chance = np.random.default_rng(seed)
    sound = chance.normal(0, 30, round(seconds * RATE))
    dying = np.exp(-np.arange(400) / 60)
    for at in chance.integers(0, sound.size - 400, round(a_second * seconds)):
        sound[at : at + 400] += chance.normal(0, 1, 400) * dying * chance.uniform(3_000, 12_000)
    return sound


def buzz(seconds: float, hertz: float = 140.0, height: float = 4_000.0) -> Floats:
    """A pitch with its harmonics, like a vowel."""
    phase = 2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE
    waves: Floats = height * np.sum([np.sin(k * phase) / k for k in range(1, 12)], axis=0)
    return waves


def chords(seconds: float = 5.0) -> Floats:
    """Two a second, struck and dying away, over a bass that walks."""
    second = np.arange(RATE // 2) / RATE
    struck = []
    for number in range(round(2 * seconds)):
        notes = (110.0 * 2 ** ((number % 5) / 12), 220.0, 277.2, 329.6)
        tones = [np.sin(2 * np.pi * k * f * second) / k**2 for f in notes for k in range(1, 6)]
        struck.append(1_500 * np.exp(-4 * second) * np.sum(tones, axis=0))
    return np.concatenate(struck)
