"""`micstream play` that brings its avatar in."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from micstream.demo.server import LocalServer
from testbed.program import program, run
from testbed.rooms import bystander
from testbed.speech import HELLO
from tests.cli.test_cli_avatar import env, steps, until_heard
from tests.support.avatar_servers import Avatars, says, scripted

pytestmark = pytest.mark.room


@pytest.mark.slow
async def test_it_plays_on_through_an_avatar_that_was_brought_back(
    server: LocalServer, room_name: str, avatars: Avatars, tmp_path: Path
) -> None:
    ours_env = env(server, room_name, avatars.address)
    options = ("--every", "2.5", "--keep-avatar", "--wait-avatar", "120", "--json")
    async with (
        bystander(server, room_name, avatar="avatar-demo") as viewer,
        program(tmp_path, "play", HELLO, *options, env=ours_env) as ours,
    ):
        for number in (1, 2):
            await ours.until("ready", 120, count=number)
            await ours.until("avatar_starting", 5, count=4 * number)
            assert steps(ours) == ["asked", "accepted", "joined", "ready"] * number
            heard = viewer.heard_seconds()
            played = len(ours.named("playback_finished"))
            await ours.until("playback_finished", 60, count=played + 1)
            await until_heard(viewer, heard + 0.5)
            (worker,) = avatars.server.sessions.values()
            if number == 1:
                os.kill(worker.pid, signal.SIGTERM)
                await ours.until("avatar_left")
        ours.send(signal.SIGTERM)
        assert await ours.ended() == 0
        assert worker.alive, "leaving does not take it along"


@pytest.mark.slow
async def test_it_ends_with_the_file_though_the_avatar_is_kept(
    server: LocalServer, room_name: str, avatars: Avatars, tmp_path: Path
) -> None:
    ours_env = env(server, room_name, avatars.address)
    options = ("--keep-avatar", "--wait-avatar", "120", "--json")
    async with bystander(server, room_name, avatar="avatar-demo"):
        code, ours = await run(tmp_path, "play", HELLO, *options, env=ours_env, timeout=150)
    assert code == 0, ours
    assert len(ours.named("playback_finished")) == 1


async def test_it_ends_where_the_start_is_refused(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with scripted(says(401)) as page:
        ours_env = env(server, room_name, page.address)
        code, ours = await run(tmp_path, "play", HELLO, "--start-avatar", "--json", env=ours_env)
    assert code == 5, ours
    assert ours.named("error")[-1]["code"] == "license_refused"


async def test_it_ends_where_there_is_no_key_to_ask_with(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    ours_env = env(server, room_name, "http://127.0.0.1:1", AVALUMA_LICENSE_KEY="")
    code, ours = await run(tmp_path, "play", HELLO, "--start-avatar", "--json", env=ours_env)
    assert code == 2, ours
    assert ours.named("error")[-1]["code"] == "no_license_key"
