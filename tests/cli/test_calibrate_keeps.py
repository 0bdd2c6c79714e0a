"""A good calibration is not written over by one that tells nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from micstream.cli.app import app
from micstream.errors import MicstreamError
from micstream.settings import calibration
from micstream.sources import portaudio
from tests.support.chunks import chunked
from tests.support.portaudio import FakeDevice, FakePortAudio
from tests.support.signals import room, speech

RATE = 16_000
COMMAND = ("calibrate", "--quiet-s", "1", "--speech-s", "4")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is kept."""
    place = tmp_path / "calibration.json"
    monkeypatch.setattr(calibration, "store_path", lambda: place)
    monkeypatch.chdir(tmp_path)
    return place


def measured(monkeypatch: pytest.MonkeyPatch, gain_db: float, *options: str) -> Result:
    """Calibrate with a voice of that gain after a second and a half of a quiet room."""
    sound = room(-50, 8.0)
    voice = speech(gain_db, 6.0)
    sound[RATE + RATE // 2 :][: len(voice)] += voice
    pcm = (np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes()
    blocks = list(chunked(pcm, range(0, len(pcm), 1_024)))[1:]
    device = FakeDevice("desk", rates=(RATE,), blocks=blocks)
    monkeypatch.setattr(portaudio, "load", lambda: FakePortAudio([device]))
    return CliRunner().invoke(app, [*COMMAND, *options])


@pytest.mark.parametrize("gain_db", [16.0, 20.0, 30.0, 50.0])
def test_one_that_was_cut_off_is_refused_and_the_old_one_stays(
    monkeypatch: pytest.MonkeyPatch, place: Path, gain_db: float
) -> None:
    good = measured(monkeypatch, 0)
    assert good.exit_code == 0, good.output
    kept = place.read_bytes()
    assert calibration.load("desk", 0) is not None

    loud = measured(monkeypatch, gain_db, "--json")
    assert isinstance(loud.exception, MicstreamError)
    assert loud.exception.code == "clipped"
    assert "of the time, expected 2% at most" in loud.exception.message
    assert "what was kept before stays" in loud.exception.message
    assert "gain down by" in loud.exception.hint
    assert json.loads(loud.stdout)["stored"] is None, "its figures are told all the same"
    assert place.read_bytes() == kept


def test_without_storing_its_figures_are_all_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    shown = measured(monkeypatch, 30, "--dry-run")
    assert shown.exit_code == 0
    assert "% of the time" in shown.stdout
    assert not place.exists()


def test_a_knock_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    knocked = measured(monkeypatch, 7, "--json")
    assert knocked.exit_code == 0, knocked.output
    assert 0 <= json.loads(knocked.stdout)["clipped_share"] <= 0.02


@pytest.mark.parametrize(
    ("share", "code"), [(0.5, "clipped_calibration"), ("x", "bad_calibration")]
)
def test_one_that_was_kept_before_is_not_used(place: Path, share: object, code: str) -> None:
    kept = calibration.Calibration("studio", 0, -60.0, -20.0, -3.0, 0.0, None, None, "2026-01-01")
    calibration.save("desk", 0, kept)
    stored = json.loads(place.read_text())
    stored["devices"]["desk"]["0"]["clipped_share"] = share
    place.write_text(json.dumps(stored))
    with pytest.raises(MicstreamError) as caught:
        calibration.load("desk", 0)
    assert caught.value.code == code
    assert "micstream calibrate" in caught.value.hint
