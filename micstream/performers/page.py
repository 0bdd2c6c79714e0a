"""The small server behind the performer's page: the page, and tokens for its microphone.

    GET  /KEY/                the page; a key for each performer, who is nobody else by it
    POST /KEY/session         {"name", "url", "token"}
    GET  /KEY/livekit/rtc     the way to LiveKit's server, where that has no TLS of its own

A page on https may talk to no `ws://` address but this machine's own. So where the page has TLS and
LiveKit's server has none, the page's signalling comes this way; its sound does not.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from micstream.events import Emitter, StagePage
from micstream.room.address import server_url
from micstream.room.token import mint_performer
from micstream.settings.pieces import ConnectionSettings
from micstream.tasks import task_group
from micstream.web.admission import is_key, is_own_page, key_for
from micstream.web.pages import CLIENT, built, headers, health

PORT: Final = 8422
"""Port where it is free and none was asked for: so that a link stays good."""

_STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    "index.html": "text/html",
    "performer.js": "text/javascript",
    "performer.css": "text/css",
    CLIENT.name: "text/javascript",
}
_TOKEN_LIFE: Final = datetime.timedelta(minutes=2)
_MOST_BYTES: Final = 1_024
_MESSAGE_BYTES: Final = 1 << 20
"""Of one message of the signalling."""
_CONNECT_S: Final = 10.0
_REFUSED: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width"><title>micstream performer</title>
<h1>This link leads to no microphone</h1>
<p>Its key is missing or is another show's. Use the whole link that micstream performer-page prints.
</p></html>
"""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PerformerServer:
    """Gives each performer his page, and a token with the least it works with.

    `tls`: it is served on https.

    Raises:
        UsageError: the settings do not suffice.
        MicstreamError: the page has not been built (code "page_missing").
    """

    def __init__(
        self, settings: ConnectionSettings, names: Sequence[str], *, tls: bool, bus: Emitter
    ) -> None:
        self._url = server_url(settings)
        self._room = settings.room
        self._keys = settings.keys()
        self._bus = bus
        self._names = {key_for(settings, f"performer\0{name}"): name for name in names}
        self._relays = tls and self._url.startswith(("ws://", "http://"))
        self._files = built(_STATIC, _TYPES, "the performer's page")
        url = "" if self._relays else self._url
        self._headers = headers(url, microphone="(self)") | {"Cache-Control": "no-store"}

    def path(self, name: str) -> str:
        """Path of this performer's page: a secret."""
        return next(f"/{key}/" for key, each in self._names.items() if each == name)

    def app(self) -> web.Application:
        """The application, to be served."""
        app = web.Application(middlewares=[self._guard], client_max_size=_MOST_BYTES)
        app.on_response_prepare.append(self._protect)
        app.router.add_get("/healthz", health)
        app.router.add_get("/{key}/", self._file)
        app.router.add_get("/{key}/{name:performer\\.(?:js|css)|client\\.js}", self._file)
        app.router.add_post("/{key}/session", self._session)
        app.router.add_get("/{key}", self._to_the_page)
        if self._relays:
            app.router.add_get("/{key}/livekit/{way:rtc(?:/[a-z0-9]+)?}", self._relay)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/healthz":
            return await handler(request)
        if self._name(request) is None:
            return web.Response(status=403, text=_REFUSED, content_type="text/html")
        asks = request.match_info.handler in (self._session, self._relay)
        if asks and not is_own_page(request):
            return web.Response(status=403, text="asked by another page\n")
        return await handler(request)

    def _name(self, request: web.Request) -> str | None:
        """Whose page it is; every key is compared, in a time that tells nothing."""
        given = request.path.removeprefix("/").partition("/")[0]
        found = [name for key, name in self._names.items() if is_key(key, given)]
        return found[0] if found else None

    async def _protect(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._headers)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        return web.Response(body=self._files[name], content_type=_TYPES[name], charset="utf-8")

    async def _to_the_page(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{request.path}/")

    async def _session(self, request: web.Request) -> web.Response:
        name = self._name(request) or ""
        self._bus.emit(StagePage(address=request.remote or ""))
        api_key, api_secret = self._keys
        token = mint_performer(
            api_key=api_key,
            api_secret=api_secret,
            room=self._room,
            identity=name,
            ttl=_TOKEN_LIFE,
        )
        place = request.path.removesuffix("session")
        url = f"wss://{request.host}{place}livekit" if self._relays else self._url
        return web.json_response({"name": name, "url": url, "token": token})

    # ---- to LiveKit's server -------------------------------------------------------------------

    async def _relay(self, request: web.Request) -> web.StreamResponse:
        """Hand on the signalling of one page, until either end is closed."""
        way = f"{self._url.rstrip('/')}/{request.match_info['way']}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        async with aiohttp.ClientSession(timeout=timeout) as client:
            if request.headers.get("Upgrade", "").lower() != "websocket":
                # The page asks in plain words why it was not let in.
                try:
                    async with client.get(_plain(way), params=request.query) as answer:
                        said = (await answer.text())[:1_000]
                        return web.Response(status=answer.status, text=said)
                except (aiohttp.ClientError, TimeoutError):
                    return _unanswered()
            try:
                there = await client.ws_connect(
                    way, params=request.query, max_msg_size=_MESSAGE_BYTES
                )
            except (aiohttp.ClientError, TimeoutError):
                return _unanswered()
            here = web.WebSocketResponse(max_msg_size=_MESSAGE_BYTES)
            async with there:
                await here.prepare(request)
                async with task_group() as tasks:
                    ways = (
                        tasks.create_task(_hand_on(here, there)),
                        tasks.create_task(_hand_on(there, here)),
                    )
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                    for task in ways:
                        task.cancel()
                await here.close()
        return here


def _unanswered() -> web.Response:
    return web.Response(status=502, text="LiveKit's server does not answer\n")


async def _hand_on(source: Any, into: Any) -> None:
    async for message in source:
        try:
            if message.type is aiohttp.WSMsgType.BINARY:
                await into.send_bytes(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await into.send_str(message.data)
        except ConnectionError:
            return


def _plain(address: str) -> str:
    return f"http{address.removeprefix('ws')}" if address.startswith("ws") else address
