"""The benchmark of sets of speech, and the fit of the second opinion, on small folders of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import presence, sets
from bench.labelled import Labelled
from bench.presence import whispered
from bench.scoring import Stretch
from bench.sets_curves import THRESHOLDS
from bench.sets_reach import draw_reach, labels_against_themselves
from bench.spoken import sentences, write_wav
from micstream.speech.presence import FEATURES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of three sentences, ten seconds of a room without a word, and people for noise."""
    place = tmp_path_factory.mktemp("sets")
    speech, spoken = sentences(3)
    labels = "".join(f"{one.start:.4f}\t{one.end:.4f}\tspeech\n" for one in spoken)
    noise = np.random.default_rng(0).standard_normal(speech.size).astype(np.float32)
    for kind, name, sound in (
        ("labelled", "watson", speech),
        ("labelled", "noisy", speech + 0.005 * noise),
        ("nospeech", "room", 0.0005 * noise[:160_000]),
        ("background", "hall", 0.01 * noise[:160_000]),
    ):
        inside = place / kind / name
        inside.mkdir(parents=True)
        write_wav(inside / "one.wav", sound)
        if kind == "labelled":
            (inside / "one.txt").write_text(labels, encoding="utf-8")
    return place


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(capsys.readouterr().out)
    return figures


def test_each_set_is_judged_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets.main([str(folder), "--only", "hybrid", "auditok", "--json"])
    figures = told(capsys)
    ours = figures["contenders"]["hybrid"]
    assert ours["watson"]["f1"] == 1
    assert ours["watson"]["clipped_percent"] == 0
    assert ours["all"]["references"] == 6, "the same with people under it is no part of all"
    assert ours["nospeech"]["false"] == 0
    assert len(figures["roc"]["hybrid"]) == len(THRESHOLDS)
    assert set(figures["cpu_ms_per_s"]) == {"hybrid", "bare Silero loop"}


def test_the_curve_has_each_margin_for_each_set(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets.main([str(folder), "--curve", "--json"])
    rows = told(capsys)["curve"]
    leads = {row["margin_ms"]: row["lead_ms"][0] for row in rows if row["set"] == "watson"}
    assert sorted(leads.values()) == list(leads.values()), "more margin is more delay"
    assert {row["set"] for row in rows} > {"watson", "noisy", "people, 10 dB"}


def test_what_can_be_reached(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets.main([str(folder), "--reach", "--quick", "--json"])
    told_of = told(capsys)["reach"]
    assert [row["f1"] for row in told_of["labels"]] == [1, 1], "far apart: no label joins another"
    (default,) = told_of["ways"]
    assert default["f1"] == 1
    assert default["clipped_percent"] == default["false_per_minute"] == 0


def test_the_curve_of_what_can_be_reached_is_drawn(tmp_path: Path) -> None:
    way = {"hangover_ms": 420, "decided_ms": (54.0, 186.0), "clipped_percent": 1.2}
    ways = [way | {"on": on, "onset_ms": 30, "false_per_minute": 1 - on} for on in (0.5, 0.3)]
    draw_reach({"ways": ways}, tmp_path / "reach.png")
    assert (tmp_path / "reach.png").read_bytes().startswith(b"\x89PNG")


def test_labels_of_pauses_near_the_gap_are_not_alike_when_moved() -> None:
    ends = [(8_000 + 24_000 * n, 24_000 + 24_000 * n) for n in range(40)]
    file = Labelled("x", np.zeros(24_000 * 41, np.int16), [Stretch(*each) for each in ends])
    moved = [labels_against_themselves([file], ms)["f1"] for ms in (1, 40)]
    assert moved[1] < moved[0] <= 1


def test_a_folder_without_labels_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        sets.main([str(tmp_path)])
    assert "holds no labelled sets" in capsys.readouterr().err


def test_weights_are_fitted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    presence.main([str(folder), "--json"])
    figures = told(capsys)
    assert len(figures["weights"]) == FEATURES
    assert {"watson", "made: whisper", "made: hoarse", "made: quiet", "made: far"} < set(
        figures["sets"]
    )
    assert figures["sets"]["watson"]["speech"] > 0.8
    assert figures["sets"]["no speech: room"]["rest"] < 0.2


def test_a_whisper_has_no_pitch_and_its_words_stay_where_they_are() -> None:
    at = np.arange(16_000)
    buzz = (8_000 * np.sign(np.sin(2 * np.pi * 120 * at / 16_000))).astype(np.int16)
    buzz[:4_000] = buzz[-4_000:] = 0
    whisper = whispered(buzz, 1)
    assert np.abs(whisper[:3_000]).max() < 1e-3
    middle = whisper[5_000:11_000]
    assert middle.std() > 0.01
    period = round(16_000 / 120)
    alike = np.corrcoef(middle[:-period], middle[period:])[0, 1]
    assert alike < 0.3
