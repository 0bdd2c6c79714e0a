"""`micstream demo --serve`: a room in which every other command can be tried."""

from __future__ import annotations

import errno
import os
import signal
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from micstream.cli.app import app
from micstream.cli.rehearsal import invitation
from micstream.demo.rehearsal import SettingsFile
from micstream.errors import MicstreamError, UsageError
from testbed.program import Event, Program, environment, program, run
from testbed.speech import HELLO
from testbed.waiting import has_ended, until, wait_until


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--avatars", "2"), "--avatars"),
        (("--serve", "--play"), "--play"),
        (("--serve", "--url", "ws://127.0.0.1:1"), "--url"),
        (("--serve", "--device", "USB"), "--device"),
        (("--serve", "--lead-ms", "200"), "--lead-ms"),
    ],
)
def test_what_has_no_meaning_together_is_refused(options: tuple[str, ...], named: str) -> None:
    ended = CliRunner().invoke(app, ["demo", *options])
    assert isinstance(ended.exception, UsageError)
    assert named in ended.exception.message


def test_what_to_type_is_told_for_each_place_of_the_settings() -> None:
    found = "\n".join(invitation(SettingsFile(Path("/here/.env.local"), is_found=True)))
    assert "in this folder (.env.local is here until Ctrl-C)" in found
    assert "  cd /here\n" in found
    assert "doctor --through" in found
    away = SettingsFile(Path("/tmp/a b/rehearsal.env"), is_found=False, token_in=".env")
    told = "\n".join(invitation(away))
    assert "set -a; . '/tmp/a b/rehearsal.env'; set +a" in told
    assert "LIVEKIT_TOKEN in .env goes before that" in told


def secrets_in_private(place: Path) -> list[str]:
    """What nobody else may read, and nobody may."""
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    pairs = [line.partition("=") for line in place.read_text().splitlines()]
    return [value for name, _, value in pairs if "SECRET" in name or "LICENSE" in name]


@pytest.mark.parametrize("options", [("--serve",), ("--play",)])
def test_what_the_machine_refuses_is_told(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/micstream")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    ended = CliRunner().invoke(app, ["demo", *options])
    assert isinstance(ended.exception, MicstreamError)
    assert "no space left on device: /tmp/micstream" in ended.exception.message


@asynccontextmanager
async def rehearsal(folder: Path, *options: str) -> AsyncIterator[tuple[Program, Event]]:
    """One that is open, in this folder."""
    words = ("demo", "--serve", "--json", *options)
    async with program(folder, *words, env=environment()) as ours:
        yield ours, await ours.until("rehearsal_open", 90)


@pytest.mark.room
@pytest.mark.slow
@pytest.mark.usefixtures("server_binary")
async def test_every_command_works_against_it_until_ctrl_c(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    async with rehearsal(folder, "--avatars", "2") as (room, opened):
        assert opened["avatars"] == ["avatar-anna", "avatar-ben"]
        place = Path(opened["file"])
        assert place == folder / ".env.local"
        secrets = secrets_in_private(place)
        (folder / "other").mkdir()
        (folder / "other" / ".env.local").symlink_to(place)

        async def works(*words: str | Path, code: int = 0) -> Program:
            ended, ours = await run(folder / "other", *words, env=environment(), timeout=60)
            assert ended == code, ours
            return ours

        both = ("--avatar", "avatar-anna", "--avatar", "avatar-ben")
        await works("avatar", "status", "--room", "show")
        spoken = await works("play", HELLO, "--json", "--room", "show")
        assert {each["avatar"] for each in spoken.named("playback_finished")} == {"avatar-anna"}
        spoken = await works("play", HELLO, "--json", *both, "--route", "2")
        assert {each["avatar"] for each in spoken.named("playback_finished")} == {"avatar-ben"}
        await works("token", "--room", "show")
        await works("avatar", "stop", "--avatar-id", "anna")
        await works("avatar", "status", code=6)
        await wait_until(lambda: "to have it back" in room.stderr, 10, "word of it")
        await works("avatar", "start", "--json")
        await works("play", HELLO)

        family = psutil.Process(room.running.pid).children(recursive=True)
        room.send(signal.SIGINT)
        assert await room.ended() == 0
        assert all(map(has_ended, family))
    assert not (folder / ".env.local").exists()
    for secret in secrets:
        assert secret not in room.stdout + room.stderr


@pytest.mark.room
@pytest.mark.slow
@pytest.mark.usefixtures("server_binary")
async def test_an_avatar_that_crashed_comes_back_and_a_server_that_did_ends_it(
    tmp_path: Path,
) -> None:
    async with rehearsal(tmp_path, "--no-stage") as (room, _):
        children = {
            " ".join(each.cmdline()): each for each in psutil.Process(room.running.pid).children()
        }
        (avatar,) = (each for words, each in children.items() if "micstream.demo.avatar" in words)
        avatar.kill()
        started = "starting the avatar, avatar-anna"
        await wait_until(lambda: room.stderr.count(started) == 2, 10, lambda: f"word of it\n{room}")

        async def is_back() -> bool:
            code, _ = await run(tmp_path / "other", "avatar", "status", env=environment())
            return code == 0

        (tmp_path / "other").mkdir()
        (tmp_path / "other" / ".env.local").symlink_to(tmp_path / ".env.local")
        await until(is_back, "it is back", 60)
        (server,) = (each for words, each in children.items() if "livekit-server" in words)
        server.kill()
        assert await room.ended() == 1
    assert "livekit-server has ended" in room.stderr
    assert not (tmp_path / ".env.local").exists()
