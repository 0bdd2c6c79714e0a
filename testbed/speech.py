"""The bundled speech as samples, and where in it something that was heard comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from micstream.demo.assets import bundled

RATE = 16_000
HELLO = bundled("hello_world_16kHz.wav")
SENTENCES = bundled("sentences.flac")
MONOLOGUE = bundled("monologue.flac")

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Label:
    """A sentence: where it is spoken, in seconds, and its words."""

    start: float
    end: float
    words: str


@cache
def labels(file: Path = SENTENCES) -> tuple[Label, ...]:
    """What is said in a bundled file, and where."""
    lines = bundled(f"{file.stem}.txt").read_text(encoding="utf-8").splitlines()
    fields = [line.split("\t") for line in lines]
    return tuple(Label(float(start), float(end), words) for start, end, words in fields)


@cache
def samples(file: Path) -> Samples:
    """A bundled file's samples, mono at 16 kHz."""
    read, rate = soundfile.read(file, dtype="int16")
    assert rate == RATE
    whole: Samples = read
    return whole


def place(pcm: bytes, source: Samples) -> tuple[float, float]:
    """Where in `source` this sound begins, in seconds, and how like it is (1.0: the same)."""
    heard = np.frombuffer(pcm, dtype=np.int16).astype(np.float64)
    whole = source.astype(np.float64)
    size = 1 << (heard.size + whole.size).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(heard, size))
    lags = np.fft.irfft(spectrum, size)
    at = int(np.argmax(lags))
    at = at - size if at > whole.size else at
    same = whole[max(at, 0) : at + heard.size]
    norm = np.sqrt((heard**2).sum() * (same**2).sum())
    return at / RATE, float(lags[at] / norm) if norm else 0.0


def stretches(sound: Samples, *, gap_s: float = 0.45, threshold: int = 300) -> list[float]:
    """The lengths in seconds of the stretches of sound in it, parted by silences of `gap_s`."""
    blocks = sound[: sound.size // 160 * 160].reshape(-1, 160).astype(np.int32)
    loud = np.flatnonzero(np.abs(blocks).max(axis=1) > threshold)
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > gap_s * 100) + 1)
    return [float(part[-1] - part[0] + 1) / 100 for part in parts if part.size]
