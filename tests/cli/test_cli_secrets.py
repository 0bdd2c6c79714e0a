"""Neither secret nor token is in anything that a run leaves behind, however it ends."""

from __future__ import annotations

import asyncio
import base64
import datetime
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web

from micstream import Sender
from micstream.demo.server import LocalServer
from micstream.room.token import mint
from testbed.program import environment, program, run, started_with
from testbed.rooms import wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO
from testbed.waiting import wait_until
from tests.conftest import SENDER

SPOKEN = ("play", str(HELLO), "--pace", "fast")
COMMANDS = (SPOKEN, ("pipe",), ("doctor", "--device", "nowhere", "--through"))
VIEWS = (("--verbose", "--json"), ("--verbose", "--plain"))


def token_for(server: LocalServer, room: str, *, secret: str = "", minutes: float = 10) -> str:
    return mint(
        api_key=server.api_key,
        api_secret=secret or server.api_secret,
        room=room,
        identity=SENDER,
        ttl=datetime.timedelta(minutes=minutes),
    )


def forms(hidden: str) -> Iterator[bytes]:
    """What must not be found: the whole, the parts of a token that matter, and encodings."""
    for part in (hidden, *hidden.split(".")[1:]):
        yield part.encode()
        yield quote(part, safe="").encode()
        yield base64.b64encode(part.encode()).rstrip(b"=")[:-1]  # its end depends on what follows


def assert_nowhere(folder: Path, *hidden: str, least: int) -> None:
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "stdin"]
    left = {file: file.read_bytes() for file in files}
    assert sum(map(len, left.values())) > least, "it said next to nothing: nothing is proved"
    for file, content in left.items():
        assert b"eyJ" not in content, f"a token in {file}"
        for each in hidden:
            for form in forms(each):
                assert form not in content, f"{form!r} in {file}"


@pytest.mark.room
@pytest.mark.parametrize("by", ["secret", "token"])
async def test_runs_that_go_well(
    server: LocalServer, room_name: str, tmp_path: Path, by: str
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, HOME=str(tmp_path), TMPDIR=str(tmp_path))
    given = token_for(server, room_name)
    if by == "token":
        env |= {"LIVEKIT_TOKEN": given}
    async with wire_avatar(server, room_name, plays=True):
        for number, command in enumerate(COMMANDS):
            folder, view = tmp_path / command[0], VIEWS[(number + (by == "token")) % 2]
            code, ours = await run(
                folder, *command, *view, env=env, stdin=HELLO.read_bytes()[:20_000]
            )
            assert code == (4 if command[0] == "doctor" else 0), ours
    assert_nowhere(tmp_path, server.api_secret, given, least=2_000)


@pytest.mark.room
@pytest.mark.sound
async def test_a_live_run_that_rejoins(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    from livekit import api

    ours = environment(server, LIVEKIT_ROOM=room_name, HOME=str(tmp_path), TMPDIR=str(tmp_path))
    env = {**microphone.env, **ours}
    options = ("--device", microphone.DEVICE, "--verbose", "--json", "--stay")
    async with (
        wire_avatar(server, room_name, plays=True),
        program(tmp_path / "live", "live", *options, env=env) as running,
    ):
        await running.until("ready")
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as admin:
            who = api.RoomParticipantIdentity(room=room_name, identity=SENDER)
            await admin.room.remove_participant(who)
        await running.until("ready", count=2)
        speaking = asyncio.create_task(microphone.speak(HELLO))
        await running.until("utterance_started")
        running.send(signal.SIGTERM)
        assert await running.ended() == 0
        speaking.cancel()
        await asyncio.wait([speaking])
    assert_nowhere(tmp_path, server.api_secret, least=1_000)


@pytest.mark.room
@pytest.mark.parametrize("fault", ["secret", "signature", "expired", "unreachable"])
async def test_runs_that_are_refused(
    server: LocalServer, room_name: str, tmp_path: Path, fault: str
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, HOME=str(tmp_path), TMPDIR=str(tmp_path))
    wrong = "not-the-right-secret-but-one-all-the-same"
    hidden = [server.api_secret, wrong]
    if fault == "secret":
        env["LIVEKIT_API_SECRET"] = wrong
    elif fault == "unreachable":
        env["LIVEKIT_URL"] = "ws://127.0.0.1:1"
    else:
        good = fault == "expired"
        env["LIVEKIT_TOKEN"] = token_for(
            server, room_name, secret="" if good else wrong, minutes=-5 if good else 5
        )
        hidden.append(env["LIVEKIT_TOKEN"])
    runs = []
    for number, command in enumerate((*COMMANDS, ("live",))):
        folder, view = tmp_path / command[0], VIEWS[number % 2]
        runs.append(run(folder, *command, *view, env=env, stdin=b"\1\0" * 8_000))
    for code, ours in await asyncio.gather(*runs):
        assert code in (4, 5), ours
    assert_nowhere(tmp_path, *hidden, least=1_000)


@asynccontextmanager
async def echo(status: int) -> AsyncIterator[str]:
    """A server that refuses, and repeats all that it was asked in its answer."""

    async def answer(request: web.Request) -> web.Response:
        said = f"{request.method} {request.url} {request.path_qs} {dict(request.headers)}"
        return web.Response(status=status, text=said, headers={"X-Said": request.path_qs})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.name.replace("http", "ws")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [200, 401, 500])
async def test_a_server_that_repeats_what_it_was_told(tmp_path: Path, status: int) -> None:
    secret = "a-secret-that-nobody-else-has-ever-had"
    async with echo(status) as url:
        env = environment(
            None,
            LIVEKIT_URL=url,
            LIVEKIT_API_KEY="key",
            LIVEKIT_API_SECRET=secret,
        )
        runs = []
        for number, command in enumerate(COMMANDS):
            view = VIEWS[number % 2]
            runs.append(run(tmp_path / str(number), *command, *view, env=env, stdin=b"\1\0"))
        for code, ours in await asyncio.gather(*runs):
            assert code in (4, 5), ours
    assert_nowhere(tmp_path, secret, least=500)


async def test_a_program_that_crashes_shows_them_neither(tmp_path: Path) -> None:
    """Its traceback is the one thing that nobody has looked over."""
    secret = "a-secret-that-nobody-else-has-ever-had"
    crash = (
        "import micstream.room.connect as c\n"
        "def crash(room, settings):\n"
        "    raise ZeroDivisionError(repr(settings) + str(c.credentials(settings)))\n"
        "import micstream.room.connector as r\n"
        "r.connect = crash\n"
    )
    env = started_with(crash, tmp_path / "site", environment(None))
    env |= {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": secret}
    async with program(tmp_path / "run", *SPOKEN, "--verbose", env=env) as ours:
        await wait_until(lambda: ours.running.poll() is not None, 20, "its end")
        assert ours.running.returncode == 1
        assert "ZeroDivisionError: ConnectionSettings(" in ours.stderr
    assert_nowhere(tmp_path / "run", secret, least=500)


@pytest.mark.room
async def test_no_part_shows_them_of_itself(server: LocalServer, room_name: str) -> None:
    given = token_for(server, room_name)
    settings = {"url": server.url, "api_key": server.api_key, "api_secret": server.api_secret}
    async with wire_avatar(server, room_name), Sender(**settings, room=room_name) as sender:
        await sender.wait_ready(20)
        seen: dict[int, object] = {}
        parts: list[object] = [sender]
        while parts:
            part = parts.pop()
            if id(part) in seen or not type(part).__module__.startswith(("micstream", "livekit")):
                continue
            seen[id(part)] = part
            parts += getattr(part, "__dict__", {}).values()
        shown = " ".join(repr(part) + str(part) for part in seen.values())
    assert len(seen) > 10
    assert "Settings(" in shown
    for each in (server.api_secret, given.split(".")[0]):
        assert each not in shown
