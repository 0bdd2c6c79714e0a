"""`micstream avatar`, and `live` with it: brought in, looked at, kept, taken out."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from micstream.demo.avatar_server import avatar_server
from micstream.demo.server import LocalServer
from testbed.program import Program, environment, program, run
from testbed.rooms import Bystander, bystander, token, wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO
from testbed.waiting import wait_until
from tests.cli.test_cli_secrets import assert_nowhere
from tests.support.avatar_servers import KEY, Avatars, hangs, repeats_all, says, scripted

pytestmark = pytest.mark.room

STEPS = ["asked", "accepted", "joined", "active", "picture", "ready"]


def env(server: LocalServer, room: str, address: str, **more: str) -> dict[str, str]:
    variables = {
        "LIVEKIT_ROOM": room,
        "AVALUMA_LICENSE_KEY": KEY,
        "AVALUMA_AVATAR_ID": "demo",
        "AVATAR_SERVER_URL": address,
    }
    return environment(server, **variables | more)


def steps(ours: Program) -> list[str]:
    return [event["step"] for event in ours.named("avatar_starting")]


async def status(folder: Path, env_: dict[str, str]) -> tuple[int, list[dict[str, Any]]]:
    code, ours = await run(folder, "avatar", "status", "--json", env=env_)
    told = json.loads(ours.stdout)
    assert told["room"] == env_["LIVEKIT_ROOM"]
    return code, told["avatars"]


async def until_heard(viewer: Bystander, seconds: float) -> None:
    await wait_until(lambda: viewer.heard_seconds() > seconds, 5, f"{seconds:.1f} s of sound")


async def test_in_and_out_again(
    server: LocalServer, room_name: str, avatars: Avatars, tmp_path: Path
) -> None:
    ours_env = env(server, room_name, avatars.address)
    assert await status(tmp_path / "before", ours_env) == (6, [])
    async with bystander(server, room_name, avatar="avatar-demo") as viewer:
        code, ours = await run(tmp_path / "start", "avatar", "start", "--json", env=ours_env)
        assert code == 0, ours
        assert steps(ours) == STEPS
        assert ours.stderr == ""
        times = [event["total_s"] for event in ours.named("avatar_starting")]
        assert times == sorted(times)
        await wait_until(lambda: viewer.shows_picture and viewer.listening, 10, "both")
    code, (standing,) = await status(tmp_path / "there", ours_env)
    assert code == 0
    assert standing.pop("since") > 1_700_000_000
    standing["tracks"].sort()  # in whatever order they were published
    assert standing == {
        "identity": "avatar-demo",
        "state": "active",
        "speaks_for": "external-audio-sender",
        "tracks": ["audio", "video"],
    }
    code, ours = await run(tmp_path / "words", "avatar", "status", "-i", "x", env=ours_env)
    assert code == 0
    assert "avatar-demo is active, in the room since" in ours.stdout
    assert "listens to 'external-audio-sender', not to us ('x'); publishes audio" in ours.stdout
    code, ours = await run(tmp_path / "again", "avatar", "start", "--plain", env=ours_env)
    assert code == 0
    assert "it is in the room already" in ours.stdout
    for found in (True, False):
        code, ours = await run(tmp_path / f"{found}", "avatar", "stop", "--json", env=ours_env)
        assert code == 0
        assert [event["found"] for event in ours.named("avatar_stopped")] == [found]
    await wait_until(lambda: not avatars.server.sessions, 10, "its process is gone too")
    code, ours = await run(tmp_path / "gone", "avatar", "status", env=ours_env)
    assert code == 6
    assert f"avatar-demo is not in the room {room_name!r}" in ours.stdout


@pytest.mark.slow
async def test_a_stock_worker_waits_for_its_sender_and_then_speaks(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with (
        avatar_server(KEY, ["demo"], stock=True) as (running, address),
        bystander(server, room_name, avatar="avatar-demo") as viewer,
    ):
        ours_env = env(server, room_name, address)
        code, ours = await run(tmp_path / "start", "avatar", "start", "--json", env=ours_env)
        assert code == 0, ours
        assert [event["code"] for event in ours.named("warning")] == ["no_picture_yet"]
        code, ours = await run(tmp_path / "play", "play", HELLO, "--json", env=ours_env)
        assert code == 0, ours
        (finished,) = ours.named("playback_finished")
        assert finished["interrupted"] is False
        await until_heard(viewer, 1.0)
        code, ours = await run(tmp_path / "stop", "avatar", "stop", "--json", env=ours_env)
        assert [event["found"] for event in ours.named("avatar_stopped")] == [True]
        await wait_until(lambda: not running.sessions, 10, "its process is gone too")


async def test_what_the_server_refuses(
    server: LocalServer, room_name: str, avatars: Avatars, tmp_path: Path
) -> None:
    base = env(server, room_name, avatars.address)
    for change, code in (
        ({"AVALUMA_LICENSE_KEY": "not-the-key"}, "license_refused"),
        ({"AVALUMA_AVATAR_ID": "nobody"}, "unknown_avatar"),
        ({"AVATAR_SERVER_URL": server.url.replace("ws", "http")}, "unknown_avatar"),
    ):
        ended, ours = await run(
            tmp_path / f"{list(change)}", "avatar", "start", "--json", env=base | change
        )
        assert ended == 5, ours
        assert ours.events[-1]["event"] == "error"
        assert ours.events[-1]["code"] == code
        assert ours.events[-1]["hint"]
        assert ours.stderr.startswith("micstream: the avatar's server http://")
    assert not avatars.server.sessions


@pytest.mark.parametrize(
    ("answer", "code", "exit_code"),
    [
        (says(200, "<html>"), "avatar_server_answer", 5),
        (says(302, "", Location="https://example.org/"), "avatar_server_redirects", 5),
        (hangs, "avatar_server_timeout", 5),
        (says(200, "{}"), "no_avatar", 6),
    ],
    ids=["html", "redirect", "hangs", "never comes"],
)
async def test_a_server_that_does_otherwise(
    server: LocalServer, room_name: str, tmp_path: Path, answer: Any, code: str, exit_code: int
) -> None:
    async with scripted(answer) as page:
        start = ("avatar", "start", "--json", "--wait-avatar", "2")
        ended, ours = await run(tmp_path, *start, env=env(server, room_name, page.address))
    assert ended == exit_code, ours
    assert ours.events[-1]["code"] == code


async def test_no_server_is_tried_again_and_ends(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    start = ("avatar", "start", "--json", "--wait-avatar", "1")
    ended, ours = await run(tmp_path, *start, env=env(server, room_name, "http://127.0.0.1:1"))
    assert ended == 5, ours
    assert {event["code"] for event in ours.named("warning")} == {"avatar_server_unreachable"}
    assert "asking again in" in ours.named("warning")[0]["hint"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AVALUMA_LICENSE_KEY": ""}, "no_license_key"),
        ({"AVALUMA_AVATAR_ID": ""}, "no_avatar_id"),
        ({"AVALUMA_API_KEY": "another"}, "settings_differ"),
        ({"AVALUMA_API_URL": "http://elsewhere:1"}, "settings_differ"),
        ({"AVATAR_SERVER_URL": "http://api.example.org"}, "insecure_url"),
        ({"LIVEKIT_URL": "ws://livekit.example.org"}, "insecure_url"),
        ({"LIVEKIT_API_SECRET": ""}, "no_credentials"),
    ],
    ids=lambda value: value if isinstance(value, str) else "".join(value),
)
async def test_settings_that_do_not_suffice(
    server: LocalServer, room_name: str, tmp_path: Path, change: dict[str, str], code: str
) -> None:
    async with scripted(says(200, "{}")) as page:
        base = env(server, room_name, page.address)
        ended, ours = await run(tmp_path, "avatar", "start", "--json", env=base | change)
    assert ended == 2, ours
    assert ours.events[-1]["code"] == code
    assert page.asked == []
    assert KEY not in ours.stdout + ours.stderr


async def test_either_family_of_names_and_a_file(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    async with (
        scripted(says(200, "{}")) as page,
        wire_avatar(server, f"{room_name}-2", identity="avatar-other"),
    ):
        plugin = environment(server, LIVEKIT_ROOM=room_name, AVALUMA_API_URL=page.address)
        (tmp_path / ".env.local").write_text(f"AVALUMA_API_KEY={KEY}\nAVALUMA_AVATAR_ID=anna\n")
        start = ("avatar", "start", "--json", "--wait-avatar", "3")
        assert (await run(tmp_path, *start, env=plugin))[0] == 6
        (_, headers, body) = page.asked[0]
        assert headers["api-secret"] == body["avaluma_key"] == KEY
        assert body["avaluma_avatar_id"] == "anna"


async def test_stop_takes_out_no_one_else(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    ours_env = environment(server, LIVEKIT_ROOM=room_name)
    async with (
        wire_avatar(server, room_name, identity="avatar-a") as one,
        wire_avatar(server, room_name, identity="avatar-viewer", kind="standard") as viewer,
    ):
        code, ours = await run(
            tmp_path / "kind", "avatar", "stop", "--avatar", "avatar-viewer", env=ours_env
        )
        assert code == 0
        assert "nothing to stop" in ours.stdout
        async with wire_avatar(server, room_name, identity="avatar-b"):
            code, ours = await run(tmp_path / "two", "avatar", "stop", env=ours_env)
            assert code == 2, "which of them?"
            assert "avatar-a, avatar-b" in ours.stderr
            code, both = await status(tmp_path / "both", ours_env)
            assert [each["identity"] for each in both] == ["avatar-a", "avatar-b"]
        code, ours = await run(tmp_path / "one", "avatar", "stop", env=ours_env)
        assert code == 0
        assert "avatar-a was taken out" in ours.stdout
        room = one.room
        assert room is not None
        await wait_until(lambda: not room.isconnected(), 5, "it is out")
        assert viewer.room is not None
        assert viewer.room.isconnected()


@pytest.mark.parametrize("part", ["status", "stop"])
async def test_a_server_that_cannot_be_asked(part: str, room_name: str, tmp_path: Path) -> None:
    bare = environment(None, LIVEKIT_ROOM=room_name)
    assert (await run(tmp_path / "none", "avatar", part, env=bare))[0] == 2
    keys = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 40}
    there = bare | keys | {"LIVEKIT_URL": "ws://127.0.0.1:1"}
    assert (await run(tmp_path / "down", "avatar", part, env=there))[0] == 5


@pytest.mark.sound
@pytest.mark.slow
async def test_live_brings_it_in_and_back_and_the_next_word_is_heard(
    server: LocalServer,
    room_name: str,
    avatars: Avatars,
    microphone: VirtualMicrophone,
    tmp_path: Path,
) -> None:
    ours_env = {**microphone.env, **env(server, room_name, avatars.address)}
    ours_env |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    options = ["--device", microphone.DEVICE, "--keep-avatar", "--wait-avatar", "120"]
    options += ["--verbose", "--json"]
    async with (
        bystander(server, room_name, avatar="avatar-demo") as viewer,
        program(tmp_path / "live", "live", *options, env=ours_env) as live,
    ):
        for number in (1, 2):
            await live.until("ready", 120, count=number)
            await live.until("capturing")
            await live.until("avatar_starting", 5, count=4 * number)
            assert steps(live) == ["asked", "accepted", "joined", "ready"] * number
            heard = viewer.heard_seconds()
            await microphone.speak(HELLO)
            await live.until("playback_finished", count=number)
            await until_heard(viewer, heard + 0.5)
            (worker,) = avatars.server.sessions.values()
            if number == 1:
                os.kill(worker.pid, signal.SIGTERM)
                await live.until("avatar_left")
        shown = Path(f"/proc/{live.running.pid}/cmdline").read_bytes()  # noqa: ASYNC240
        assert KEY.encode() not in shown
        live.send(signal.SIGTERM)
        assert await live.ended() == 0
        assert worker.alive, "leaving does not take it along"
    assert live.events[-1]["event"] == "bye"
    assert_nowhere(tmp_path / "live", KEY, server.api_secret, least=1_000)


@pytest.mark.sound
async def test_live_ends_where_the_first_start_is_refused(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    async with scripted(says(401)) as page:
        ours_env = {**microphone.env, **env(server, room_name, page.address)}
        options = ("--device", microphone.DEVICE, "--start-avatar", "--json")
        async with program(tmp_path / "live", "live", *options, env=ours_env) as live:
            assert await live.ended() == 5, live
            assert live.named("error")[-1]["code"] == "license_refused"
        del ours_env["AVALUMA_LICENSE_KEY"]
        async with program(tmp_path / "none", "live", *options, env=ours_env) as live:
            assert await live.ended() == 2, live
            assert live.named("error")[-1]["code"] == "no_license_key"


@pytest.mark.parametrize("view", [("--json",), ("--plain",)])
async def test_secrets_are_nowhere(
    server: LocalServer, room_name: str, tmp_path: Path, view: tuple[str, ...]
) -> None:
    """Well or refused, and where the server repeats all that it was told."""
    hidden = [KEY, server.api_secret]
    for number, answer in enumerate((repeats_all, says(500, KEY), says(200, KEY), says(200, "{}"))):
        async with scripted(answer) as page:
            ours_env = env(server, room_name, page.address, HOME=str(tmp_path))
            start = ("avatar", "start", "--verbose", "--wait-avatar", "1", *view)
            code, ours = await run(tmp_path / f"{number}", *start, env=ours_env)
            assert code in (5, 6), ours
            hidden += [body["livekit_token"] for _, _, body in page.asked]
    async with wire_avatar(server, room_name, identity="avatar-demo"):
        for part in ("status", "stop"):
            code, ours = await run(
                tmp_path / part, "avatar", part, "--verbose", *view, env=ours_env
            )
            assert code == 0, ours
    assert len(hidden) > 4
    assert_nowhere(tmp_path, *hidden, least=1_000)


async def test_a_token_alone_does_not_suffice(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    given = token(server, room_name, "external-audio-sender", kind="agent")
    only = environment(None, LIVEKIT_URL=server.url, LIVEKIT_TOKEN=given, LIVEKIT_ROOM=room_name)
    for part in ("status", "stop"):
        code, ours = await run(tmp_path / part, "avatar", part, env=only)
        assert code == 2
        assert "LIVEKIT_API_KEY" in ours.stderr
