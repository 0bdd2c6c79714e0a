"""An avatar's host that fails is told, and takes no other avatar with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from micstream.avatars.start import order
from micstream.demo import avatar_server as servers
from micstream.demo.avatar_server import avatar_server
from micstream.errors import MicstreamError
from micstream.settings import load
from tests.support.avatar_servers import KEY


class Double:
    """In place of an avatar's process."""

    alive = True

    def __init__(self, fails: Exception | None) -> None:
        self._fails = fails
        self._ended = asyncio.Event()

    async def join(self, *_: str) -> None:
        if self._fails is not None:
            raise self._fails

    async def ended(self) -> None:
        await self._ended.wait()

    async def end(self) -> None:
        self._ended.set()


async def asked(address: str, room: str) -> int:
    """Status of the answer to an order."""
    settings = load(
        url="ws://127.0.0.1:1",
        api_key="key",
        api_secret="s" * 40,
        room=room,
        license_key=KEY,
        avatar_id="demo",
    )
    body = {
        "livekit_url": "ws://127.0.0.1:1",
        "livekit_token": order(settings.start()).livekit_token(),
        "avaluma_key": KEY,
        "avaluma_avatar_id": "demo",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{address}/v1/livekit/start-avatar", headers={"api-secret": KEY}, json=body
        ) as answer,
    ):
        return answer.status


async def test_a_mistake_in_one_is_an_answer_and_the_next_one_comes(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fails: list[Exception | None] = [ValueError("a mistake"), MicstreamError("no room"), None, None]

    @asynccontextmanager
    async def spare(*, stock: bool) -> AsyncIterator[Double]:
        assert not stock
        yield Double(fails.pop(0))

    monkeypatch.setattr(servers, "spare_avatar", spare)
    async with avatar_server(KEY, ["demo"]) as (running, address):
        assert await asked(address, "one") == 500
        assert await asked(address, "two") == 500
        assert await asked(address, "three") == 200
        assert len(running.sessions) == 1
    assert "never retrieved" not in capfd.readouterr().err


async def test_that_no_other_gets_ready_ends_none_that_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spares = iter([Double(None)])

    @asynccontextmanager
    async def spare(*, stock: bool) -> AsyncIterator[Double]:
        assert not stock
        one = next(spares, None)
        if one is None:
            raise MicstreamError("no memory")
        yield one

    monkeypatch.setattr(servers, "spare_avatar", spare)
    async with avatar_server(KEY, ["demo"], keeps_spare=True) as (running, address):
        assert await asked(address, "one") == 200
        await asyncio.sleep(0)
        assert len(running.sessions) == 1
        assert await asked(address, "two") == 500
        assert len(running.sessions) == 1
