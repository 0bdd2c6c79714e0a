"""The bundled speech is what assets/README.md says, and the wheel brings what the demo plays."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from micstream.demo.assets import bundled
from micstream.errors import InputError
from micstream.lab.kit import load_kit

ROOT = Path(__file__).resolve().parents[1]
RATE = 16_000
SOUNDS = ("hello_world_16kHz.wav", "sentences.flac", "pauses.flac", "monologue.flac")
LABELLED = SOUNDS[1:]

Sound = NDArray[np.float64]


def samples(name: str) -> Sound:
    info = soundfile.info(bundled(name))
    assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
    return np.asarray(soundfile.read(bundled(name), dtype="float64")[0])


def labels(name: str) -> list[tuple[float, float, str]]:
    lines = bundled(name).with_suffix(".txt").read_text("utf-8").splitlines()
    return [(float(start), float(end), text) for start, end, text in (x.split("\t") for x in lines)]


def dbfs(part: Sound) -> float:
    return float(10 * np.log10(np.square(part).mean()))


def test_stays_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "assets").iterdir()) < 4_000_000


@pytest.mark.parametrize("name", SOUNDS)
def test_levels_are_those_of_a_careful_speaker(name: str) -> None:
    sound = samples(name)
    assert 10 ** (-12 / 20) < np.abs(sound).max() < 10 ** (-2.9 / 20)
    assert np.abs(sound.mean()) < 0.01


@pytest.mark.parametrize("name", LABELLED)
def test_labels_say_where_speech_is(name: str) -> None:
    sound = samples(name)
    stretches = labels(name)
    for start, end, text in stretches:
        speech = sound[round(start * RATE) : round(end * RATE)]
        assert dbfs(speech) == pytest.approx(-20, abs=1), text
        # The label is tight: what can be heard begins and ends within 20 ms of its edges.
        edge = RATE // 50
        for part in (speech[:edge], speech[-edge:]):
            loudest = max(dbfs(part[at : at + 80]) for at in range(0, edge, 80))
            assert loudest > -54, text
    quiet = [0.0, *(end for _, end, _ in stretches)], [start for start, _, _ in stretches]
    for end, start in zip(*quiet, strict=False):
        gap = sound[round(end * RATE) : round(start * RATE)]
        assert -70 < dbfs(gap) < -45, f"gap at {end} s: neither digital silence nor speech"


def pauses(name: str) -> list[float]:
    stretches = labels(name)
    return [round(after[0] - before[1], 2) for before, after in pairwise(stretches)]


def test_sentences_are_ten_apart_by_different_pauses() -> None:
    assert len(labels("sentences.flac")) == 10
    gaps = pauses("sentences.flac")
    assert min(gaps) == 0.7
    assert max(gaps) == 2.5
    assert len(set(gaps)) == len(gaps)


def test_hesitant_speech_has_every_pause_in_every_line() -> None:
    gaps = pauses("pauses.flac")
    lines = [gaps[at : at + 5] for at in range(0, len(gaps), 6)]
    assert [sorted(line) for line in lines] == [[0.2, 0.3, 0.5, 0.8, 1.5]] * 5
    assert [gaps[at] for at in range(5, len(gaps), 6)] == [2.0] * 4


def test_monologue_is_long_and_never_rests() -> None:
    stretches = labels("monologue.flac")
    assert 60 < stretches[-1][1] - stretches[0][0] < 90
    assert max(pauses("monologue.flac")) <= 0.35


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InputError, match=r"silence\.flac") as caught:
        bundled("silence.flac")
    assert caught.value.hint


def test_wheel_brings_what_the_demo_plays(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        demo = "sentences.flac"
        assert archive.read(f"micstream/assets/{demo}") == bundled(demo).read_bytes()
        for item in load_kit():
            assert archive.read(f"micstream/assets/lipsync/{item.file.name}")
        assert archive.read("micstream/assets/lipsync/kit.json")
    assert {"micstream/py.typed", "micstream/errors.py"} <= names
    assert not any(name.startswith(("tests/", "tools/", "bench/", "assets/")) for name in names)
