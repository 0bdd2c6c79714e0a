"""What the server says of avatars in its rooms, and what may be taken out of them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from micstream.demo.server import LocalServer
from micstream.errors import ConnectionFailed, UsageError
from micstream.room.admin import find, remove
from micstream.settings import load
from micstream.settings.pieces import ConnectionSettings
from testbed.rooms import joined, wire_avatar
from testbed.waiting import wait_until
from tests.support.avatar_servers import hangs_up, says, scripted

pytestmark = pytest.mark.room

ANY = ("avatar-*",)


def settings(server: LocalServer, room: str, **more: Any) -> ConnectionSettings:
    flags: dict[str, Any] = {
        "url": server.url,
        "api_key": server.api_key,
        "api_secret": server.api_secret,
        "room": room,
    }
    return load(**flags | more).connection()


async def test_avatars_are_of_kind_agent_and_named_as_meant(
    server: LocalServer, room_name: str
) -> None:
    ours = settings(server, room_name)
    assert await find(ours, ANY) == [], "no such room"
    before = time.time()
    async with (
        wire_avatar(server, room_name, identity="avatar-b", publish_tracks=True),
        wire_avatar(server, room_name, identity="avatar-a"),
        wire_avatar(server, room_name, identity="other"),
        joined(server, room_name, "avatar-viewer", kind="standard"),
    ):
        found = await find(ours, ANY)
        assert [each.identity for each in found] == ["avatar-b", "avatar-a"], "the first first"
        first = found[0]
        assert first.is_active
        assert set(first.tracks) == {"audio", "video"}
        assert before - 1 <= first.since <= time.time() + 1
        assert first.speaks_for is None
        assert not await remove(ours, "avatar-viewer"), "it is no avatar"
        assert await remove(ours, "avatar-a")
        assert [each.identity for each in await find(ours, ANY)] == ["avatar-b"]
        assert not await remove(ours, "avatar-a"), "there is nothing more to do"
        assert [each.identity for each in await find(ours, ("oth*",))] == ["other"]


async def test_whoever_was_taken_out_stays_out(server: LocalServer, room_name: str) -> None:
    ours = settings(server, room_name)
    async with wire_avatar(server, room_name, identity="avatar-a") as avatar:
        assert await remove(ours, "avatar-a")
        room = avatar.room
        assert room is not None
        await wait_until(lambda: not room.isconnected(), 5, "its end")


async def test_why_it_cannot_be_asked(server: LocalServer, room_name: str) -> None:
    async def code(**more: Any) -> str:
        with pytest.raises(ConnectionFailed) as caught:
            await find(settings(server, room_name, **more), ANY)
        assert caught.value.hint
        assert server.api_secret not in caught.value.message + caught.value.hint
        return caught.value.code

    assert await code(api_secret="s" * 40) == "token_refused"
    assert await code(url="ws://127.0.0.1:1") == "server_unreachable"
    for answer in (says(200, "<!doctype html>" * 9), says(500, "{}"), hangs_up):
        async with scripted(answer) as page:
            assert await code(url=page.address) == "server_unreachable"
    for missing in ("url", "api_key", "api_secret"):
        with pytest.raises(UsageError):
            await find(settings(server, room_name, **{missing: None}), ANY)
    with pytest.raises(UsageError):
        await find(settings(server, room_name, url="ws://livekit.example.org"), ANY)
