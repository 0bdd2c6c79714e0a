"""Control server: the verbs by HTTP and by WebSocket, the state and events back, the page.

    GET  /KEY/                the operator's page
    GET  /KEY/socket          its WebSocket; /api/socket for programs
    GET  /api/state           {"ok": true, "state": {...}}
    POST /api/VERB            the argument as JSON; {"ok": true, "state": {...}}, or
                              {"ok": false, "code", "message", "hint"}

Programs say `Authorization: Bearer KEY`. Whoever holds push-to-talk by requests has to ask for it
again within a second, as one on a socket. Nothing here can hold up the sound: each client has a
bounded queue and a deadline for its writes, and one that does not keep up is put out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from micstream.bus import Bus
from micstream.controls import Controls
from micstream.errors import ConnectionFailed, MicstreamError, UsageError
from micstream.show.asked import argument_for
from micstream.show.client import KEEPALIVE_S, Client
from micstream.show.cue import Show
from micstream.show.hello import hello
from micstream.taps import Taps
from micstream.web.admission import has_key, is_key, is_own_page, named_as_here

PORT: Final = 8421
CLIENTS: Final = 10
"""At once; one more is refused."""
_BODY_BYTES: Final = 16_384
_STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    "index.html": "text/html",
    "control.js": "text/javascript",
    "control.css": "text/css",
}
_STATUS: Final = {"no_such_verb": 404, "no_such_cue": 404, "no_such_performer": 404, "muted": 409}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Server": "micstream",
}
_REFUSED: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="dark">
<title>micstream control</title>
<h1>This link does not lead to the show</h1>
<p>Its key is missing or is another show's. Use the whole link that micstream live prints.</p>
</html>
"""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlServer:
    """Serves the controls of one session to whoever holds the key.

    `names`: those under which this machine is known besides its own, where only it can come;
    None where a network can come, which knows it by many.
    """

    def __init__(
        self,
        controls: Controls,
        bus: Bus,
        taps: Taps,
        show: Show,
        *,
        key: str,
        names: tuple[str, ...] | None = (),
    ) -> None:
        self._controls = controls
        self._bus = bus
        self._taps = taps
        self._show = show
        self._key = key
        self._names = names
        self._clients: set[Client] = set()
        self._files: dict[str, bytes] = {
            name: (_STATIC / name).read_bytes() for name in _TYPES if (_STATIC / name).exists()
        }
        self.path = f"/{key}/"
        """Path of the page: a secret."""

    @property
    def clients(self) -> int:
        """Clients that are connected."""
        return len(self._clients)

    def app(self) -> web.Application:
        """The application, to be served."""
        app = web.Application(middlewares=[self._guard], client_max_size=_BODY_BYTES)
        app.on_response_prepare.append(_protect)
        app.on_shutdown.append(self._close)
        app.router.add_get("/healthz", _health)
        app.router.add_get("/api/state", self._state)
        app.router.add_get("/api/socket", self._socket)
        app.router.add_post("/api/{verb}", self._verb)
        app.router.add_post("/api/{verb}/{argument}", self._verb)
        app.router.add_get("/{key}/", self._file)
        app.router.add_get("/{key}/{name:control\\.(?:js|css)}", self._file)
        app.router.add_get("/{key}/socket", self._socket)
        app.router.add_get("/{key}", self._to_the_page)
        return app

    # ---- who may -------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/healthz":
            return await handler(request)
        host = request.headers.get("Host", "")
        if self._names is not None and not named_as_here(host, self._names):
            return web.Response(status=403, text="not a name of this machine\n")
        asks = request.method != "GET" or request.path.endswith("/socket")
        if asks and not is_own_page(request):
            return web.Response(status=403, text="asked by another page\n")
        if request.path.startswith("/api/"):
            return await self._answered(request, handler)
        if not has_key(self._key, request.path):
            return web.Response(status=403, text=_REFUSED, content_type="text/html")
        return await handler(request)

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer to a program: whatever happens is told as JSON."""
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not is_key(self._key, given.strip()):
            refused = ConnectionFailed(
                "the key is missing or is another show's",
                hint="Authorization: Bearer KEY; the key is in the link that micstream live prints",
                code="no_key",
            )
            return _failed(refused, 401)
        try:
            return await handler(request)
        except MicstreamError as error:
            return _failed(error, _STATUS.get(error.code, 400))
        except web.HTTPException as error:
            wrong = UsageError(
                error.reason.lower(), hint="GET /api/state, POST /api/VERB", code="bad_request"
            )
            return _failed(wrong, error.status)

    # ---- programs ------------------------------------------------------------------------------

    async def _state(self, _: web.Request) -> web.Response:
        return self._done()

    async def _verb(self, request: web.Request) -> web.Response:
        verb = request.match_info["verb"]
        said: Any = request.match_info.get("argument")
        body = await request.text()
        if said is None and body.strip():
            try:
                said = json.loads(body)
            except (ValueError, RecursionError):
                raise UsageError(
                    f"{verb}: the body is not JSON",
                    hint='for example {"argument": "on"}',
                    code="bad_argument",
                ) from None
        argument = argument_for(verb, said)
        by = _caller(request)
        holder = f"{by} at {request.remote}"
        await self._controls.do(verb, argument, by=by, holder=holder, keepalive_s=KEEPALIVE_S)
        return self._done()

    def _done(self) -> web.Response:
        return web.json_response({"ok": True, "state": self._bus.state.as_dict()})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if len(self._clients) >= CLIENTS:
            return web.Response(status=503, text=f"{CLIENTS} are here already\n")
        by = "page" if not request.path.startswith("/api/") else _caller(request)
        client = Client(self._controls, self._bus, self._taps, by=by)
        self._clients.add(client)
        try:
            greeting = hello(self._controls, self._show)
            return await client.serve(request, greeting)
        finally:
            self._clients.discard(client)

    # ---- the page ------------------------------------------------------------------------------

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        if name not in self._files:
            raise web.HTTPNotFound
        return web.Response(body=self._files[name], content_type=_TYPES[name], charset="utf-8")

    async def _to_the_page(self, _: web.Request) -> web.Response:
        raise web.HTTPFound(self.path)

    async def _close(self, _: web.Application) -> None:
        # At once: each that does not answer takes its time.
        await asyncio.gather(*(client.aclose() for client in self._clients))


def _caller(request: web.Request) -> str:
    """Who calls: micstream's own command says so."""
    return "ctl" if request.headers.get("User-Agent", "").startswith("micstream-ctl") else "http"


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _failed(error: MicstreamError, status: int) -> web.Response:
    return web.json_response(failure(error), status=status)


def failure(error: MicstreamError) -> dict[str, Any]:
    """Answer that says what is wrong, and what to do."""
    return {"ok": False, "code": error.code, "message": error.message, "hint": error.hint}
