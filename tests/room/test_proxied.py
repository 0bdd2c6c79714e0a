"""A real room behind a proxy: all connections go the same way, and past it where they should."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from livekit import rtc

from micstream.demo.server import LocalServer
from micstream.doctor.server import check_server
from micstream.errors import ConnectionFailed
from micstream.room import proxy as ways
from micstream.room.admin import find
from micstream.room.connect import connect, visit
from micstream.settings import load
from micstream.settings.pieces import ConnectionSettings
from testbed.rooms import wire_avatar
from tests.support.proxies import Proxy, http_proxy

pytestmark = pytest.mark.room

ANY = ("avatar-*",)


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """HTTP_PROXY leads there; the SDK finds afterwards what it found before."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ways, "_steered", set())
    async with http_proxy() as running:
        monkeypatch.setenv("HTTP_PROXY", running.address)
        yield running


def behind(server: LocalServer, room: str, host: str) -> ConnectionSettings:
    """The server by a name that nobody but the proxy can look up, or by another."""
    url = f"ws://{host}:{urlsplit(server.url).port}"
    return load(
        url=url, api_key=server.api_key, api_secret=server.api_secret, room=room
    ).connection()


async def test_what_only_the_proxy_can_reach_is_reached(
    server: LocalServer, room_name: str, proxy: Proxy
) -> None:
    ours = behind(server, room_name, "stage-server")
    room = rtc.Room()
    async with wire_avatar(server, room_name, identity="avatar-a"):
        proxy.asked.clear()  # by itself the SDK goes through it to this machine too
        assert [each.identity for each in await find(ours, ANY)] == ["avatar-a"]
        assert ours.url is not None
        assert [check.state for check in await check_server(ours.url)] == ["ok", "ok"]
        asked = len(proxy.asked)
        await connect(room, ours)
        assert "avatar-a" in room.remote_participants
        await room.disconnect()
        viewer = rtc.Room()
        await visit(viewer, ours, "viewer")
        await viewer.disconnect()
    assert asked == 2
    assert len(proxy.asked) > asked
    assert all("stage-server" in line for line in proxy.asked)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_nothing_of_this_machine_goes_through_it(
    server: LocalServer, room_name: str, proxy: Proxy, host: str
) -> None:
    proxy.refuses = 403
    ours = behind(server, room_name, host)
    room = rtc.Room()
    await connect(room, ours)
    await room.disconnect()
    assert await find(ours, ANY) == []
    assert ours.url is not None
    assert [check.state for check in await check_server(ours.url)] == ["ok", "ok"]
    assert proxy.asked == []


@pytest.mark.parametrize(("status", "word"), [(403, "refuses"), (407, "user and a password")])
async def test_a_proxy_that_refuses_is_named(
    server: LocalServer, room_name: str, proxy: Proxy, status: int, word: str
) -> None:
    proxy.refuses = status
    ours = behind(server, room_name, "stage-server")
    for ask in (connect(rtc.Room(), ours), find(ours, ANY)):
        with pytest.raises(ConnectionFailed) as caught:
            await ask
        said = caught.value
        assert said.code == "server_unreachable"
        assert proxy.address in said.message
        assert str(status) in said.message
        assert "NO_PROXY=stage-server" in said.hint
    assert ours.url is not None
    (check,) = await check_server(ours.url)
    assert check.state == "failed"
