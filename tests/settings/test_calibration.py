"""What is kept of each device: found again, for the user alone, and no trouble when broken."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from micstream.errors import MicstreamError
from micstream.settings import calibration
from micstream.settings.calibration import Calibration

STAGE = Calibration(
    preset="stage",
    gain_db=-6,
    floor_db=-38.5,
    speech_db=-14.0,
    peak_db=0.0,
    clipped_share=0.02,
    hum_hz=50,
    hum_db=24.5,
    measured_at="2026-01-31T12:00:00+00:00",
)
STUDIO = replace(STAGE, preset="studio", hum_hz=None, hum_db=None)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is kept."""
    place = tmp_path / "calibration.json"
    monkeypatch.setattr(calibration, "store_path", lambda: place)
    return place


def test_nothing_is_known_at_first(place: Path) -> None:
    assert calibration.load("USB", 0) is None
    assert not place.exists()


def test_each_channel_of_each_device_has_its_own(place: Path) -> None:
    assert calibration.save("USB", 0, STAGE) == place
    calibration.save("Kühn", 2, STUDIO)
    assert calibration.load("USB", 0) == STAGE
    assert calibration.load("Kühn", 2) == STUDIO
    assert calibration.load("USB", 2) is None
    assert calibration.load("Kühn", 0) is None
    calibration.save("USB", 0, STUDIO)
    assert calibration.load("USB", 0) == STUDIO
    assert calibration.load("Kühn", 2) == STUDIO


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("USB Audio: - (hw:1,0)", "USB Audio: - (hw:2,0)"),
        ("Microphone (USB Audio Device)", "Microphone (2- USB Audio Device)"),
        (
            "Microphone (USB Audio Device of a Headset)"[:31],
            "Microphone (USB Audio Device of a Headset)",
        ),
    ],
)
def test_it_is_found_wherever_the_device_is_plugged_in(place: Path, then: str, now: str) -> None:
    calibration.save(then, 0, STAGE)
    assert calibration.load(now, 0) == STAGE
    assert calibration.load(now, 1) is None
    calibration.save(now, 0, STUDIO)
    assert calibration.load(now, 0) == STUDIO


def test_one_that_was_kept_under_its_name_as_it_was_is_found_and_replaced(place: Path) -> None:
    old, new = "USB Audio: - (hw:1,0)", "USB Audio: - (hw:3,0)"
    kept = {"0": asdict(STAGE), "1": asdict(STUDIO)}
    place.write_text(json.dumps({"version": 1, "devices": {old: kept, "other": kept}}), "utf-8")
    assert calibration.load(new, 0) == STAGE
    calibration.save(new, 0, STUDIO)
    assert calibration.load(old, 0) == calibration.load(new, 1) == STUDIO
    assert set(json.loads(place.read_text("utf-8"))["devices"]) == {
        "USB Audio: - (hw:*,0)",
        "other",
    }
    assert calibration.load("other", 0) == STAGE


def test_only_its_user_may_read_it_and_nothing_else_is_left(place: Path) -> None:
    calibration.save("USB", 0, STAGE)
    calibration.save("USB", 0, STUDIO)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [file.name for file in place.parent.glob("calibration*")] == [place.name]


def test_the_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "one" / "two" / "calibration.json"
    monkeypatch.setattr(calibration, "store_path", lambda: deep)
    assert calibration.save("USB", 0, STAGE) == deep
    assert calibration.load("USB", 0) == STAGE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"version": 2, "devices": {}}',
        '{"version": 1}',
        '{"version": 1, "devices": []}',
        '{"version": 1, "devices": {"USB": 7}}',
        "[" * 100_000,
        "\xff\xfe",
    ],
)
def test_a_broken_or_foreign_file_is_told_and_left_alone(place: Path, text: str) -> None:
    place.write_bytes(text.encode("latin-1"))
    with pytest.raises(MicstreamError, match="cannot be used") as told:
        calibration.load("USB", 0)
    assert told.value.code == "bad_calibration"
    assert "remove the file" in told.value.hint
    with pytest.raises(MicstreamError, match="cannot be used"):
        calibration.save("USB", 0, STAGE)
    assert place.read_bytes() == text.encode("latin-1")


@pytest.mark.parametrize("wrong", ["cellar", None, ["stage"], 3])
def test_a_preset_that_there_is_not_is_told(place: Path, wrong: object) -> None:
    calibration.save("USB", 0, STAGE)
    whole = json.loads(place.read_text("utf-8"))
    whole["devices"]["USB"]["0"]["preset"] = wrong
    place.write_text(json.dumps(whole), "utf-8")
    with pytest.raises(MicstreamError, match="there is no preset"):
        calibration.load("USB", 0)


@pytest.mark.parametrize("wrong", [{}, [], 7, "stage", {"preset": "stage"}])
def test_what_is_not_complete_is_told(place: Path, wrong: object) -> None:
    place.write_text(json.dumps({"version": 1, "devices": {"USB": {"0": wrong}}}), "utf-8")
    with pytest.raises(MicstreamError, match="not complete"):
        calibration.load("USB", 0)
    assert calibration.load("another", 0) is None


def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(calibration, "store_path", lambda: tmp_path / "file" / "calibration.json")
    with pytest.raises(MicstreamError) as told:
        calibration.save("USB", 0, STAGE)
    assert told.value.hint
