"""What is said into the microphone, over and over: long sentences, short pauses, a room's hiss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from tests.support.speech import RATE, SENTENCES, labels, samples

_LONG_S = 2.6
_PAUSE_S = 1.3
_HISS = 8
"""Amplitude: never exact zeros, which are a fault of their own."""


def write(path: Path) -> None:
    """A WAV file of about 20 s that can be said again and again."""
    source, chance = samples(SENTENCES), np.random.default_rng(1)
    pause = np.zeros(round(_PAUSE_S * RATE), dtype=np.int16)
    parts = [pause]
    for label in labels():
        if label.end - label.start > _LONG_S:
            parts += [source[round(label.start * RATE) : round(label.end * RATE)], pause]
    whole = np.concatenate(parts).astype(np.int32)
    whole += chance.integers(-_HISS, _HISS, whole.size, endpoint=True)
    soundfile.write(path, np.clip(whole, -32_768, 32_767).astype(np.int16), RATE)
