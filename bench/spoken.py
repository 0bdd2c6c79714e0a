"""What is spoken into the microphone: speech, parted by pauses."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import soundfile

from bench.recording import RATE, Samples
from micstream.demo.assets import bundled

_PAUSE_S = (1.2, 2.0)
_LEAD_IN_S = 1.5
_ANY_PAUSE_S = (0.6, 5.0)
_LONG_S = (12.0, 45.0)
"""Of a monologue: some of it is longer than the longest utterance."""
_LONG_SHARE = 0.05
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
        parts.append(_quiet(noise, seconds))
        position += parts[-1].size

    pause(_LEAD_IN_S)
    for index in range(count):
        piece = pieces[index % len(pieces)]
        cut = speech[round(piece.start * RATE) : round(piece.end * RATE)]
        placed.append(Utterance(piece.text, position / RATE, (position + cut.size) / RATE))
        parts.append(cut)
        position += cut.size
        pause(chance.uniform(*_PAUSE_S))
    return np.concatenate(parts), placed


def conversation(seconds: float, seed: int = 1) -> Iterator[tuple[Samples, str]]:
    """So much speech and pauses, bit by bit, with its words; the same each time for a `seed`.

    The ten sentences in turn, now and then a long stretch of the monologue, and pauses of 0.6 to
    5 s in a quiet room; words are known of whole sentences only. It ends in a pause, and may so be
    some seconds longer.
    """
    chance, noise = random.Random(seed), np.random.default_rng(seed)
    speech, monologue = bundled_speech("sentences.flac"), bundled_speech("monologue.flac")
    turns = cycle(labels("sentences.txt"))
    left = round((seconds - _LEAD_IN_S) * RATE)
    yield _quiet(noise, _LEAD_IN_S), ""
    while left > 0:
        if chance.random() < _LONG_SHARE:
            size = round(chance.uniform(*_LONG_S) * RATE)
            start = chance.randrange(monologue.size - size)
            said, words = monologue[start : start + size], ""
        else:
            turn = next(turns)
            said, words = speech[round(turn.start * RATE) : round(turn.end * RATE)], turn.text
        pause = _quiet(noise, chance.uniform(*_ANY_PAUSE_S))
        left -= said.size + pause.size
        yield said, words
        yield pause, ""
    yield _quiet(noise, _PAUSE_S[1]), ""


def laid_out(pieces: Iterable[tuple[Samples, str]]) -> tuple[Samples, list[Utterance]]:
    """A conversation as one sound, and where in it the sentences are whose words are known."""
    parts: list[Samples] = []
    placed: list[Utterance] = []
    position = 0
    for samples, words in pieces:
        if words:
            placed.append(Utterance(words, position / RATE, (position + samples.size) / RATE))
        parts.append(samples)
        position += samples.size
    return np.concatenate(parts), placed


def _quiet(noise: np.random.Generator, seconds: float) -> Samples:
    """The room while nobody speaks."""
    level = 10 ** (_NOISE_DB / 20)
    return (noise.standard_normal(round(seconds * RATE)) * level).astype(np.float32)


def write_wav(path: Path, samples: Samples) -> None:
    """16-bit mono at 16 kHz."""
    write_pieces(path, (samples,))


def write_pieces(path: Path, pieces: Iterable[Samples]) -> float:
    """The same of one piece after the other; returns how many seconds they are."""
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format="WAV") as out:
        for piece in pieces:
            out.write((np.clip(piece, -1, 1) * 32_767).astype(np.int16))
        return float(out.frames / RATE)
