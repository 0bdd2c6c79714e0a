"""Speech presence probability: a second opinion where a neural detector is unsure. Pure.

A whisper has no pitch, and a network trained on voices is unsure of it: it says a tenth, again and
again, where of noise it says a hundredth. What stands well out of the floor in most bands, has the
spectrum of speech and changes as speech does, is speech where the network does not rule it out. So
a logistic regression judges the network's last words (log odds), each band's level over its own
floor (minimum statistics, R. Martin 2001), the spectrum's shape, its change, and webrtcvad's vote.
Its weights are found on labelled speech, whispers made from it, and sounds that are none
(`python -m bench.presence`).

It is asked where the network is neither sure of speech nor of silence: spectra are made then, of
all frames since the last time at once.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from micstream.audio.format import SPEECH
from micstream.audio.levels import to_float
from micstream.speech.presence_weights import BIAS, WEIGHTS
from micstream.speech.silero import FRAME_SAMPLES

EDGES_HZ: Final = (60, 180, 310, 500, 800, 1_200, 1_700, 2_400, 3_200, 4_200, 5_500, 8_000)
BANDS: Final = len(EDGES_HZ) - 1
NETWORK: Final = 3
"""Its newest words that are judged."""
FEATURES: Final = NETWORK + 2 * BANDS + 4

_RING: Final = 96
"""Frames: the floor is the least of the last three seconds."""
_SMOOTH: Final = 3
_CHANGES: Final = 12
_STANDS_OUT_DB: Final = 8.0
_MOST_DB: Final = 40.0
_LEAST: Final = 1e-12
_LEAST_SAID: Final = 1e-3

Real = npt.NDArray[np.float32]


class SpeechPresence:
    """Judges one stream of 16 kHz mono in frames of 32 ms: `push` each, ask of the last."""

    def __init__(self) -> None:
        hertz = SPEECH.rate / FRAME_SAMPLES
        bins = [round(edge / hertz) for edge in EDGES_HZ]
        self._first, self._last = np.array(bins[:-1]), bins[-1]
        self._window = np.hanning(FRAME_SAMPLES).astype(np.float32)
        self._weights = np.array(WEIGHTS, np.float32)
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._said = [0.0] * NETWORK
        self._waiting: list[bytes] = []
        self._levels: Real = np.zeros((0, BANDS), np.float32)

    def push(self, frame: bytes, said: float) -> None:
        """Take the next frame of 16-bit PCM, and the network's probability for it."""
        self._said = [said, *self._said[:-1]]
        self._waiting.append(frame)
        if len(self._waiting) > 2 * _RING:
            del self._waiting[:_RING]

    def probability(self, agreed: float) -> float:
        """How likely the last frame holds speech, 0..1.

        `agreed`: share of the newest short frames that webrtcvad calls speech.
        """
        score = float(self._weights @ self.features(agreed)) + BIAS
        return 1 / (1 + math.exp(-min(30.0, max(-30.0, score))))

    def features(self, agreed: float) -> Real:
        """What is judged of the last frame: `FEATURES` values."""
        self._catch_up()
        levels = self._levels
        smooth = (levels[2:] + levels[1:-1] + levels[:-2]) / _SMOOTH
        now = smooth[-1]
        over = np.minimum(now - smooth.min(axis=0), _MOST_DB)
        recent = levels[-_CHANGES:]
        odds = [math.log((p + _LEAST_SAID) / (1 + _LEAST_SAID - p)) for p in self._said]
        rest = (
            float(over.sum()) / BANDS,
            np.count_nonzero(over > _STANDS_OUT_DB) / BANDS,
            float(np.abs(recent[1:] - recent[:-1]).sum()) / BANDS / (len(recent) - 1),
            agreed,
        )
        return np.concatenate((odds, over, now - now.max(), rest)).astype(np.float32)

    def _catch_up(self) -> None:
        """Bands' levels in dB of the frames that wait for it."""
        if not self._waiting:
            return
        frames = to_float(b"".join(self._waiting[-_RING:])).reshape(-1, FRAME_SAMPLES)
        self._waiting.clear()
        spectra = np.fft.rfft(frames * self._window)[:, : self._last]
        power = spectra.real**2 + spectra.imag**2
        levels = 10 * np.log10(np.add.reduceat(power, self._first, axis=1) + _LEAST)
        if not len(self._levels):
            levels = np.concatenate((levels[:1].repeat(_SMOOTH - 1, axis=0), levels))
        self._levels = np.concatenate((self._levels, levels))[-_RING:].astype(np.float32)
