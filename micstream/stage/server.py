"""The small server behind the page: the page itself, tokens for it, a poster, and its health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from micstream.events import Emitter, StagePage
from micstream.room.address import server_url
from micstream.settings.pieces import StageSettings
from micstream.stage.admission import Tickets, passes
from micstream.stage.complaints import Complaints
from micstream.stage.look import Look
from micstream.web.admission import has_key, is_loopback, is_own_page, key_for, named_as_here
from micstream.web.pages import CLIENT, built, headers, health

PORT: Final = 8420
"""Port where it is free and none was asked for: so that a link stays good."""

_STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    "index.html": "text/html",
    "stage.js": "text/javascript",
    "stage.css": "text/css",
    CLIENT.name: "text/javascript",
}
# Dark, as it may come up on a projector; the browser's own dark look needs no style of ours.
_WORDS: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="dark">
<meta name="viewport" content="width=device-width"><title>micstream stage</title>
<h1>{title}</h1>
<p>{words}</p>
</html>
"""
_REFUSED: Final = _WORDS.format(
    title="This link does not lead to the stage",
    words="Its key is missing or is another stage's. Use the whole link that micstream stage "
    "prints.",
)
_NOT_HERE: Final = "Use the whole link that micstream stage prints, as it stands there."
_MOST_BYTES: Final = 16_384
"""Of what a page may send."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StageServer:
    """Gives the page to whoever may see it. `bus` is told of each page that joins.

    It listens at `host`; where others know that by another name, `link_host` is that name.

    Raises:
        UsageError: the settings do not suffice.
        InputError: the poster cannot be used.
        MicstreamError: the page has not been built (code "page_missing").
    """

    def __init__(
        self,
        settings: StageSettings,
        look: Look,
        *,
        host: str,
        bus: Emitter,
        link_host: str | None = None,
    ) -> None:
        look.check()
        self._url = server_url(settings.connection)
        self._pass = passes(settings.connection)
        self._avatars = list(settings.patterns)
        self._look, self._bus = look, bus
        self._tickets, self._complaints = Tickets(), Complaints()
        self._files = built(_STATIC, _TYPES, "the stage's page")
        self._headers = headers(self._url, media="media-src 'self' blob: mediastream:; ")
        self._loopback = is_loopback(host)
        self._names = {name for name in (host, link_host) if name}
        self.path = "/" if self._loopback else f"/{key_for(settings.connection)}/"
        """Path of the page: a secret, unless only this machine can come."""

    def app(self) -> web.Application:
        """The application, to be run."""
        app = web.Application(middlewares=[self._guard], client_max_size=_MOST_BYTES)
        app.on_response_prepare.append(self._protect)
        app.router.add_get("/healthz", health)
        app.router.add_get("/open/{ticket}", self._open)
        base = "/" if self._loopback else "/{key}/"
        app.router.add_get(base, self._file)
        app.router.add_get(f"{base}{{name:stage\\.(?:js|css)|client\\.js}}", self._file)
        app.router.add_get(f"{base}poster", self._poster)
        app.router.add_post(f"{base}session", self._session)
        if not self._loopback:
            app.router.add_get("/{key}", self._to_the_page)
        return app

    def ticket(self) -> str:
        """Path that leads to the page once, within a minute.

        For the browser on this machine: everybody here sees what a program was started with.
        """
        return self._tickets.path()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/healthz":
            return await handler(request)
        try:
            return await self._admitted(request, handler)
        except web.HTTPClientError as error:
            if request.method != "GET" or "text/html" not in request.headers.get("Accept", ""):
                raise
            words = _WORDS.format(title="Nothing is shown here", words=_NOT_HERE)
            return web.Response(status=error.status, text=words, content_type="text/html")

    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._loopback:
            if not named_as_here(request.headers.get("Host", ""), self._names):
                words = "It was asked for under a name that this machine does not know as its own."
                refused = _WORDS.format(title="Not a name of this machine", words=words)
                return web.Response(status=403, text=refused, content_type="text/html")
        elif request.match_info.handler == self._open:
            pass  # by a ticket, which that looks at
        elif not has_key(self.path.strip("/"), request.path):
            return web.Response(status=403, text=_REFUSED, content_type="text/html")
        if request.method == "POST" and not is_own_page(request):
            return web.Response(status=403, text="asked by another page\n")
        return await handler(request)

    async def _protect(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._headers)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        return web.Response(
            body=self._files[name], content_type=_TYPES[name], charset="utf-8", headers=_AGAIN
        )

    async def _open(self, request: web.Request) -> web.Response:
        if not self._tickets.take(request.path):
            return web.Response(status=403, text=_REFUSED, content_type="text/html")
        raise web.HTTPFound(self.path)

    async def _to_the_page(self, request: web.Request) -> web.Response:
        raw = request.rel_url.raw_query_string  # a colour's # stays %23
        query = f"?{raw}" if raw else ""
        raise web.HTTPFound(f"{self.path}{query}")

    async def _poster(self, _: web.Request) -> web.StreamResponse:
        file = self._look.poster_file
        if file is None:
            raise web.HTTPNotFound
        return web.FileResponse(file, headers={**_AGAIN, "Content-Type": self._look.poster_type})

    async def _session(self, request: web.Request) -> web.Response:
        address = request.remote or ""
        self._bus.emit(StagePage(address=address))
        for warning in self._complaints.about(await request.read(), address):
            self._bus.emit(warning)
        session: dict[str, Any] = {
            "url": self._url,
            "token": self._pass(),
            "avatars": self._avatars,
            "look": self._look.as_dict(),
        }
        return web.json_response(session, headers={"Cache-Control": "no-store"})


_AGAIN: Final = {"Cache-Control": "no-cache"}
