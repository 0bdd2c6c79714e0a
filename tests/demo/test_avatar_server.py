"""The server that brings avatars in: what it takes, what it refuses, and that it leaves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from micstream.avatars.start import order
from micstream.demo import process
from micstream.demo.avatar_server import avatar_server
from micstream.demo.server import LocalServer
from micstream.settings import load
from testbed.rooms import bystander, joined, token
from testbed.waiting import has_ended, wait_until
from tests.conftest import SENDER
from tests.support.avatar_servers import KEY, Avatars
from tests.support.senders import voice

PATH = "/v1/livekit/start-avatar"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def body(server: LocalServer, room: str, **more: Any) -> dict[str, Any]:
    """What a client sends for `demo`."""
    settings = load(
        url=server.url,
        api_key=server.api_key,
        api_secret=server.api_secret,
        room=room,
        license_key=KEY,
        avatar_id="demo",
    )
    fields = {
        "livekit_url": server.url,
        "livekit_token": order(settings.start()).livekit_token(),
        "avaluma_key": KEY,
        "avaluma_avatar_id": "demo",
    }
    return fields | more


async def post(
    http: aiohttp.ClientSession, avatars: Avatars, *, key: str | None = KEY, **what: Any
) -> tuple[int, dict[str, Any]]:
    headers = {} if key is None else {"api-secret": key}
    async with http.post(avatars.address + PATH, headers=headers, **what) as answer:
        return answer.status, await answer.json()


@pytest.mark.room
async def test_an_avatar_joins_listens_and_ends_with_the_room(
    server: LocalServer, room_name: str, avatars: Avatars, http: aiohttp.ClientSession
) -> None:
    async with bystander(server, room_name, avatar="avatar-demo") as viewer:
        status, told = await post(http, avatars, json=body(server, room_name))
        assert status == 200
        assert told["session_id"].startswith("sess_")
        assert told["avatar_participant_identity"] == "avatar-demo"
        assert list(avatars.server.sessions) == [told["session_id"]]
        await wait_until(
            lambda: viewer.shows_picture, 10, "its picture, before its sender is there"
        )
        async with voice(server, room_name, avatar=["avatar-demo"]) as ours:
            async with ours.sender.utterance() as utterance:
                await utterance.write((b"\x00\x20" * 20 + b"\x00\xe0" * 20) * 400)
            await ours.until("playback_finished")
        await wait_until(lambda: viewer.heard_seconds() > 0.5, 5, "its sound")
        async with joined(server, room_name, "avatar-demo", kind="agent"):  # puts it out
            await wait_until(lambda: not avatars.server.sessions, 10, "its end")


@pytest.mark.room
async def test_several_at_once_and_none_is_left(
    server: LocalServer, room_name: str, http: aiohttp.ClientSession
) -> None:
    async with avatar_server(KEY, ["demo", "anna"], keeps_spare=True) as (running, address):
        avatars = Avatars(running, address)
        rooms = [f"{room_name}-{number}" for number in range(2)]
        asked = (post(http, avatars, json=body(server, room)) for room in rooms)
        for status, _ in await asyncio.gather(*asked):
            assert status == 200
        async with http.get(address + "/healthz") as answer:
            assert await answer.json() == {"status": "ok", "sessions": 2}
        processes = psutil.Process().children(recursive=True)
        workers = [each for each in processes if "--spare" in each.cmdline()]
        assert len(workers) == 3, "the two, and a spare one"
        for each in workers:
            shown = " ".join(each.cmdline()) + str(each.environ())
            assert KEY not in shown
            assert "eyJ" not in shown
            assert server.api_secret not in shown
    assert all(map(has_ended, workers))


@pytest.mark.parametrize("key", [None, "", "another", KEY + "x", "é"])
async def test_without_its_key_nothing_is_read(
    avatars: Avatars, http: aiohttp.ClientSession, key: str | None
) -> None:
    status, told = await post(http, avatars, key=key, data=b"{")
    assert status == 401
    assert "license key" in told["error"]


@pytest.mark.parametrize(
    ("change", "status", "says_so"),
    [
        ({"avaluma_key": "another"}, 401, "avaluma_key"),
        ({"avaluma_avatar_id": "nobody"}, 404, "no such avatar"),
        ({"livekit_url": "ftp://x"}, 400, "livekit_url"),
        ({"livekit_url": None}, 400, "missing, or no text: livekit_url"),
        ({"livekit_token": 7, "livekit_url": ""}, 400, "livekit_token, livekit_url"),
        ({"livekit_token": "eyJ"}, 400, "no JWT"),
        ({"avaluma_avatar_id": "anna"}, 400, "avatar-anna"),
    ],
)
async def test_what_cannot_work_is_refused(
    server: LocalServer,
    avatars: Avatars,
    http: aiohttp.ClientSession,
    change: dict[str, Any],
    status: int,
    says_so: str,
) -> None:
    answered, told = await post(http, avatars, json=body(server, "x", **change))
    assert answered == status
    assert says_so in told["error"]
    assert not avatars.server.sessions


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'"x"', b"[" * 50_000])
async def test_a_body_that_is_no_object(
    avatars: Avatars, http: aiohttp.ClientSession, data: bytes
) -> None:
    status, told = await post(http, avatars, data=data)
    assert status == 400
    assert "JSON" in told["error"]


@pytest.mark.parametrize("kind", ["standard", "agent"])
async def test_a_token_that_does_not_say_for_whom(
    server: LocalServer, avatars: Avatars, http: aiohttp.ClientSession, kind: str
) -> None:
    given = token(server, "x", "avatar-demo", kind=kind)
    status, told = await post(http, avatars, json=body(server, "x", livekit_token=given))
    assert status == 400
    assert ("lk.publish_on_behalf" if kind == "agent" else "kind agent") in told["error"]


async def test_one_that_cannot_join_is_the_servers_fault(
    server: LocalServer, avatars: Avatars, http: aiohttp.ClientSession
) -> None:
    asked = body(server, "x", livekit_url="ws://127.0.0.1:1")
    status, told = await post(http, avatars, json=asked)
    assert status == 500
    assert "cannot join the room" in told["error"]
    assert told["code"] == "avatar_failed"
    assert asked["livekit_token"] not in str(told)
    assert not avatars.server.sessions


async def test_the_program(server: LocalServer, room_name: str, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AVALUMA_")}
    command = [sys.executable, "-m", "micstream.demo.avatar_server"]
    log = tmp_path / "log"
    env = clean | {"MICSTREAM_AVATAR_SERVER": "127.0.0.1:0", "MICSTREAM_AVATARS": "demo, anna"}
    keyless = process.start(command, environment=env, log=log)
    assert await process.ended(keyless) == 2
    assert "AVALUMA_LICENSE_KEY" in process.tail(log)
    running = process.start(command, environment=env | {"AVALUMA_LICENSE_KEY": KEY}, log=log)
    try:
        await wait_until(lambda: "avatars at http://" in process.tail(log), 20, "its start")
        address = process.tail(log).partition("avatars at ")[2].partition(": ")[0]
        async with aiohttp.ClientSession() as session:
            headers = {"api-secret": KEY}
            asked = body(server, room_name)
            async with session.post(address + PATH, headers=headers, json=asked) as answer:
                assert answer.status == 200
        children = psutil.Process(running.pid).children(recursive=True)
        assert children
        running.send_signal(signal.SIGTERM)
        assert await process.ended(running) == 0
        assert all(map(has_ended, children))
    finally:
        await process.end(running)
    assert KEY not in log.read_text()
    assert SENDER not in log.read_text()
