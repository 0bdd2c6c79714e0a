"""The lab in a real room: a stock avatar, one with errors put in, and one that is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from micstream.demo.server import LocalServer
from testbed.lipsynced import IDENTITY, lipsynced
from testbed.program import Program, environment, run
from tests.conftest import AvatarFactory

pytestmark = [pytest.mark.room, pytest.mark.slow]

SENDER = "external-audio-sender"


async def measured(folder: Path, server: LocalServer, room: str, *words: str) -> Program:
    """What the command told, with one sentence of the kit."""
    env = environment(server)
    command = ("lipsync", "run", "--room", room, "--only", "harvard-2", "--json", *words)
    _, said = await run(folder, *command, env=env, timeout=120)
    return said


def result(said: Program) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    assert found["schema"] == 1, said
    return found


@pytest.mark.timeout(400)
async def test_a_mouth_that_is_drawn_late_is_found_and_laid_to_the_drawing(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    report, film = tmp_path / "report.html", tmp_path / "run.mkv"
    async with lipsynced(server, room_name, SENDER, drawn_ms=240, size="180p", fps=15) as avatar:
        kept = ("--report", str(report), "--save", str(film))
        # What is late on a busy machine is late: measured again where it was in the way.
        for number in range(6):
            found = result(await measured(tmp_path / str(number), server, room_name, *kept))
            words = ("lipsync", "measure", str(film), "--json")
            _, again = await run(tmp_path, *words, env=environment(None))
            seen = json.loads(again.stdout)["offset_ms"]
            if found["offset_ms"] is None or seen is None:
                continue
            apart = found["offset_ms"] + found["taken_off_ms"] - seen
            if abs(found["offset_ms"] - 240) < 80 and abs(apart) < 30:
                break
        assert avatar.alive
    # Loose: `bench lipsync` says how well it does.
    assert found["offset_ms"] == pytest.approx(240, abs=80)
    assert found["verdict"] == "bad"
    assert found["avatar"] == IDENTITY
    low, high = found["offset_ci_ms"]
    assert low < found["offset_ms"] < high
    if found["transport_offset_ms"] is not None:
        assert found["drawn_offset_ms"] > 100
    [row] = found["items"]
    assert row["item"] == "harvard-2"
    assert row["heard_delay_ms"] > 0
    assert row["missing_s"] < 3
    assert found["size"] == [320, 180]
    # The film says the same, of what was not taken off.
    assert seen == pytest.approx(found["offset_ms"] + found["taken_off_ms"], abs=30)
    page = report.read_text()
    assert IDENTITY in page
    assert "data:image/jpeg" in page


async def test_a_picture_that_stands_still_is_undecided(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with lipsynced(server, room_name, SENDER, mouth="still", size="180p", fps=15):
        said = await measured(tmp_path, server, room_name, "--calibration", "no")
    found = result(said)
    assert (found["verdict"], found["offset_ms"]) == ("undecided", None)
    assert found["why"]
    assert found["items"][0]["heard_delay_ms"] > 0, "its sound is measured all the same"


async def test_without_an_avatar_it_says_so(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    said = await measured(tmp_path, server, room_name, "--wait-avatar", "1")
    told = [event for event in said.events if event["event"] == "error"]
    assert told[0]["code"] == "no_avatar"


async def test_an_avatar_goes_through_its_ordeals(
    server: LocalServer, room_name: str, tmp_path: Path, avatar: AvatarFactory
) -> None:
    asked = ("--only", "short", "--no-follow", "--json")
    command = ("lipsync", "torture", "--room", room_name, *asked)
    async with avatar(room_name) as living:
        code, said = await run(tmp_path, *command, env=environment(server), timeout=90)
        assert living.alive
    found = json.loads(said.stdout.splitlines()[-1])
    assert [each["ordeal"] for each in found["ordeals"]] == ["short"]
    assert found["ordeals"][0]["alive"]
    assert found["followed"] == []
    assert code == int(not found["survived"])


@pytest.mark.parametrize("option", ["--report", "--save"])
async def test_a_file_that_has_no_place_is_told_before_anything_is_joined(
    tmp_path: Path, option: str
) -> None:
    command = ("lipsync", "run", "--room", "x", option, tmp_path / "nowhere/file")
    code, said = await run(tmp_path, *command, env=environment(None))
    assert code == 3
    assert "cannot be written: no such file" in said.stderr
    assert said.stdout == ""


async def test_what_is_no_calibration_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    for file, words in ((wrong, "no calibration"), (tmp_path / "none.json", "no such file")):
        command = ("lipsync", "run", "--room", "x", "--calibration", file)
        code, said = await run(tmp_path / file.stem, *command, env=environment(None))
        assert code == 3
        assert words in said.stderr
