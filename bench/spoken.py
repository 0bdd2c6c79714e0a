"""What is spoken into the microphone: labelled sentences, parted by pauses."""

from __future__ import annotations

import random
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from bench.recording import RATE, Samples
from micstream.local.assets import bundled

_PAUSE_S = (1.2, 2.0)
_LEAD_IN_S = 1.5
_NOISE_DB = -62.0
"""The level of the quiet room under the bundled speech."""


@dataclass(frozen=True)
class Utterance:
    """A sentence and where it stands, in seconds."""

    text: str
    start: float
    end: float


def labels(name: str) -> list[Utterance]:
    """The labels beside a bundled sound file."""
    lines = bundled(name).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line]
    return [Utterance(text, float(start), float(end)) for start, end, text in rows]


def bundled_speech(name: str) -> Samples:
    """A bundled sound file: mono at 16 kHz."""
    samples, rate = soundfile.read(bundled(name), dtype="float32")
    assert rate == RATE and samples.ndim == 1, f"{name} is not 16 kHz mono"
    return np.asarray(samples, dtype=np.float32)


def sentences(count: int) -> tuple[Samples, list[Utterance]]:
    """`count` sentences in a quiet room, over and over the ten; the same each time it is asked."""
    speech, pieces = bundled_speech("sentences.flac"), labels("sentences.txt")
    chance, noise = random.Random(count), np.random.default_rng(count)
    parts: list[Samples] = []
    placed: list[Utterance] = []
    position = 0

    def pause(seconds: float) -> None:
        nonlocal position
        size = round(seconds * RATE)
        level = 10 ** (_NOISE_DB / 20)
        parts.append((noise.standard_normal(size) * level).astype(np.float32))
        position += size

    pause(_LEAD_IN_S)
    for index in range(count):
        piece = pieces[index % len(pieces)]
        cut = speech[round(piece.start * RATE) : round(piece.end * RATE)]
        placed.append(Utterance(piece.text, position / RATE, (position + cut.size) / RATE))
        parts.append(cut)
        position += cut.size
        pause(chance.uniform(*_PAUSE_S))
    return np.concatenate(parts), placed


def write_wav(path: Path, samples: Samples) -> None:
    """16-bit mono at 16 kHz."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
