"""Makes the bundled speech of `assets/`, and the labels that say where it starts and ends.

Usage: make assets, or: python -m tools.make_assets [DIRECTORY]

The voices are those of flite and espeak-ng, as Debian packages them. The same versions give the
same samples: the room's noise comes from a seeded generator. Every piece is cut free of the
synthesiser's own silence before it is placed, so the labels are true to about 10 ms.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tools.asset_texts import HELLO, MONOLOGUE, MONOLOGUE_GAPS, PAUSES, SENTENCES, Voice
from tools.smaller_flac import shrink

RATE = 16_000
SPEECH_DBFS = -20.0  # root mean square of every piece of speech
PEAK_DBFS = -3.0  # no sample is louder
ROOM_DBFS = -62.0  # root mean square of the noise that lies under everything
BREATH_DBFS = -48.0
BLOCK = RATE // 200  # 5 ms: how finely silence is cut away
SILENCE_DB = 38.0  # this far below the loudest block counts as silence
MARGIN = RATE // 100  # 10 ms kept on either side, so that no soft onset is clipped

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Label:
    """A stretch of speech, in seconds from the start of the file."""

    start: float
    end: float
    text: str


def synthesise(voice: Voice, text: str) -> Samples:
    """Speak `text`; mono at RATE, without silence around it, at SPEECH_DBFS."""
    with tempfile.TemporaryDirectory() as directory:
        wav = Path(directory) / "speech.wav"
        if voice.program == "flite":
            command = ["flite", "-voice", voice.name, "-t", text, "-o", str(wav)]
        else:
            command = ["espeak-ng", "-v", voice.name, "-s", "155", "-w", str(wav), text]
        subprocess.run(command, check=True)
        speech, rate = soundfile.read(wav, dtype="float64")
    return level(trim(soxr.resample(speech, rate, RATE, quality="VHQ")))


def trim(speech: Samples) -> Samples:
    """Cut off the silence at both ends, but for MARGIN."""
    blocks = speech[: len(speech) // BLOCK * BLOCK].reshape(-1, BLOCK)
    power = np.square(blocks).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-SILENCE_DB / 10))
    start = max(0, loud[0] * BLOCK - MARGIN)
    return speech[start : (loud[-1] + 1) * BLOCK + MARGIN]


def level(speech: Samples) -> Samples:
    """Bring to SPEECH_DBFS; where a peak would pass PEAK_DBFS, round it off instead."""
    speech = speech * (amplitude(SPEECH_DBFS) / np.sqrt(np.square(speech).mean()))
    limit = amplitude(PEAK_DBFS)
    knee = limit / 2
    over = np.abs(speech) > knee
    rounded = knee + (limit - knee) * np.tanh((np.abs(speech) - knee) / (limit - knee))
    return np.where(over, np.sign(speech) * rounded, speech)


def amplitude(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))


class Tape:
    """A recording that grows: speech and silence one after the other, and the labels."""

    def __init__(self, seed: int) -> None:
        self.labels: list[Label] = []
        self._parts: list[Samples] = []
        self._length = 0
        self._random = np.random.default_rng(seed)

    def silence(self, seconds: float) -> None:
        self._add(np.zeros(round(seconds * RATE)))

    def breath(self, seconds: float) -> None:
        """A gap in which somebody draws breath: dull noise that swells and fades."""
        count = round(seconds * RATE)
        hiss = self._random.standard_normal(count + 2)
        dull = (hiss[:-2] + 2 * hiss[1:-1] + hiss[2:]) / np.sqrt(6)
        self._add(dull * np.hanning(count) * amplitude(BREATH_DBFS))

    def speech(self, samples: Samples, text: str) -> None:
        start = self._length
        self._add(samples)
        self.labels.append(Label(start / RATE, self._length / RATE, text))

    def _add(self, samples: Samples) -> None:
        self._parts.append(samples)
        self._length += len(samples)

    def save(self, path: Path, *, labels: bool = True) -> None:
        room = self._random.standard_normal(self._length) * amplitude(ROOM_DBFS)
        pcm = np.rint((np.concatenate(self._parts) + room) * 32767).astype(np.int16)
        # The greatest compression: the FLAC files are half of what a checkout weighs.
        extra = {"compression_level": 1.0} if path.suffix == ".flac" else {}
        soundfile.write(path, pcm, RATE, subtype="PCM_16", **extra)
        if path.suffix == ".flac":
            shrink(path)
        if labels:
            lines = [f"{at.start:.3f}\t{at.end:.3f}\t{at.text}\n" for at in self.labels]
            path.with_suffix(".txt").write_text("".join(lines), encoding="utf-8")
        print(f"{path.name}: {self._length / RATE:.2f} s, {path.stat().st_size / 1000:.0f} kB")


def hello_world(path: Path) -> None:
    tape = Tape(seed=1)
    tape.silence(0.1)
    tape.speech(synthesise(HELLO.voice, HELLO.text), HELLO.text)
    tape.silence(0.1)
    tape.save(path, labels=False)


def sentences(path: Path) -> None:
    tape = Tape(seed=2)
    tape.silence(0.5)
    for line in SENTENCES:
        tape.speech(synthesise(line.voice, line.text), line.text)
        tape.silence(line.pause_after)
    tape.save(path)


def pauses(path: Path) -> None:
    tape = Tape(seed=3)
    tape.silence(0.5)
    for line in PAUSES:
        for piece, pause in zip(line.pieces, line.pauses, strict=True):
            tape.speech(synthesise(line.voice, piece), piece)
            tape.silence(pause)
    tape.save(path)


def monologue(path: Path) -> None:
    tape = Tape(seed=4)
    tape.silence(0.5)
    for index, phrase in enumerate(MONOLOGUE.phrases):
        if index:
            tape.breath(MONOLOGUE_GAPS[index % len(MONOLOGUE_GAPS)])
        tape.speech(synthesise(MONOLOGUE.voice, phrase), phrase)
    tape.silence(1.0)
    tape.save(path)


def main() -> None:
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "assets")
    directory.mkdir(parents=True, exist_ok=True)
    hello_world(directory / "hello_world_16kHz.wav")
    sentences(directory / "sentences.flac")
    pauses(directory / "pauses.flac")
    monologue(directory / "monologue.flac")


if __name__ == "__main__":
    main()
