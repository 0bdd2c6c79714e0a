"""Avatar servers: ours, which starts real avatars, and one that answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from micstream.demo.avatar_server import AvatarServer

KEY = "license-key-that-nobody-else-has"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Avatars:
    """An avatar server of ours that knows `demo` and `anna`, and takes `KEY`."""

    server: AvatarServer
    address: str

    @property
    def env(self) -> dict[str, str]:
        """What a person sets to use it."""
        return {"AVALUMA_LICENSE_KEY": KEY, "AVATAR_SERVER_URL": self.address}

    @property
    def flags(self) -> dict[str, str]:
        """The same as settings, for the avatar `demo`."""
        return {"license_key": KEY, "avatar_server": self.address, "avatar_id": "demo"}


@dataclass
class Scripted:
    """A server that notes what it is asked; the answers are given one after the other."""

    address: str = ""
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    """Path and query, headers in lower case, the JSON body."""


@asynccontextmanager
async def scripted(*answers: Answer) -> AsyncIterator[Scripted]:
    """On a free port of loopback; the last answer is given for ever."""
    noted = Scripted()
    left = list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.json() if request.content_type == "application/json" else None
        noted.asked.append((request.path_qs, headers, body))
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    noted.address = site.name
    try:
        yield noted
    finally:
        await runner.cleanup()


def says(status: int, text: str = "", **headers: str) -> Answer:
    """This status and text."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return answer


async def repeats_all(request: web.Request) -> web.Response:
    """Refuses, and repeats all that it was told."""
    said = f"{dict(request.headers)} {await request.text()}"
    return web.json_response({"error": said}, status=403, headers={"X-Said": request.path_qs})


async def hangs(_: web.Request) -> web.Response:
    """Takes the question and never answers."""
    await asyncio.Event().wait()
    raise AssertionError


async def hangs_up(request: web.Request) -> web.Response:
    """Ends the connection in place of an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()
