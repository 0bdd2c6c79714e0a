"""What is said into the microphone, over and over: long sentences, short pauses, a room's hiss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from testbed.speech import RATE, SENTENCES, labels, samples

_SECONDS = (2.6, 3.3)
"""Long enough for a fault in their middle, short enough to wait for the next one."""
_PAUSE_S = 1.1
_HISS = 8
"""Amplitude: never exact zeros, which are a fault of their own."""


def write(path: Path) -> None:
    """A WAV file of about 20 s that can be said again and again."""
    source, chance = samples(SENTENCES), np.random.default_rng(1)
    pause = np.zeros(round(_PAUSE_S * RATE), dtype=np.int16)
    parts = [pause]
    for label in labels():
        if _SECONDS[0] < label.end - label.start < _SECONDS[1]:
            parts += [source[round(label.start * RATE) : round(label.end * RATE)], pause]
    whole = np.concatenate(parts).astype(np.int32)
    whole += chance.integers(-_HISS, _HISS, whole.size, endpoint=True)
    soundfile.write(path, np.clip(whole, -32_768, 32_767).astype(np.int16), RATE)
