"""A server that brings avatars into rooms, with the interface of Avaluma's (see avatar/start.py).

    python -m micstream.demo.avatar_server

runs one. Its settings come by environment: AVALUMA_LICENSE_KEY, the one key it takes;
MICSTREAM_AVATARS, the ids it knows, separated by commas (default: demo);
MICSTREAM_AVATAR_SERVER, where it listens (default: 127.0.0.1:8080).

Each avatar is the demo's, in a process of its own, bound to the sender that its token names in
`lk.publish_on_behalf`. All end with the server. `GET /healthz` tells how many there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from micstream.delivery import wire
from micstream.demo.avatar import AvatarProcess, spare_avatar
from micstream.errors import MicstreamError, UsageError, reason_of
from micstream.room.redact import redact
from micstream.settings.given_token import read
from micstream.signals import set_on_signals

LOOPBACK: Final = "127.0.0.1"
_LONGEST_BODY: Final = 64 * 1024
_FIELDS: Final = ("livekit_url", "livekit_token", "avaluma_key", "avaluma_avatar_id")


@dataclass(frozen=True, slots=True)
class _Request:
    """Request as it was asked, checked."""

    url: str
    token: str
    avatar_id: str
    room: str
    sender: str


class _Refused(Exception):
    """With the status and the words of the answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class AvatarServer:
    """Takes orders and keeps the avatars' processes, one of them spare where `keeps_spare`.

    `stock`: livekit-agents' own, in place of the demo's, whose picture is there before its sender.
    `ended`: told of each avatar that has ended by itself, by its id, with the reason.
    """

    def __init__(
        self,
        key: str,
        avatars: Sequence[str],
        *,
        keeps_spare: bool,
        stock: bool = False,
        ended: Callable[[str, str], None] | None = None,
    ) -> None:
        self._stock = stock
        self._on_end = ended
        self._key = key.encode()
        self._avatars = frozenset(avatars)
        self._keeps_spare = keeps_spare
        self._spare: tuple[AsyncExitStack, AvatarProcess] | None = None
        self._sessions: dict[str, AvatarProcess] = {}
        self._places: dict[tuple[str, str, str], AvatarProcess] = {}
        """By server, room and avatar: whoever was there before is put out, or hangs."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.app = web.Application(client_max_size=_LONGEST_BODY)
        self.app.router.add_post("/v1/livekit/start-avatar", self._start)
        self.app.router.add_get("/healthz", self._health)

    @property
    def sessions(self) -> dict[str, AvatarProcess]:
        """The avatars that are there, by session."""
        return dict(self._sessions)

    async def prepare(self) -> None:
        """Have an avatar get ready, for the next who asks.

        Raises MicstreamError (code "extra_missing") without the extra `demo`.
        """
        if self._spare is not None and not self._spare[1].alive:
            spent, self._spare = self._spare, None
            await spent[0].aclose()
        if self._spare is None:
            stack = AsyncExitStack()
            self._spare = stack, await stack.enter_async_context(spare_avatar(stock=self._stock))

    async def aclose(self) -> None:
        """End every avatar."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._spare is not None:
            await self._spare[0].aclose()

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "sessions": len(self._sessions)})

    async def _start(self, request: web.Request) -> web.Response:
        try:
            asked = await self._check(request)
            session = await self._join(asked)
        except _Refused as refused:
            return web.json_response({"error": str(refused)}, status=refused.status)
        except MicstreamError as error:
            return web.json_response({"error": error.message, "code": error.code}, status=500)
        told = {"session_id": session, "avatar_participant_identity": f"avatar-{asked.avatar_id}"}
        return web.json_response(told)

    async def _check(self, request: web.Request) -> _Request:
        if not self._is_key(request.headers.get("api-secret", "")):
            raise _Refused(401, "the header api-secret does not hold the license key")
        try:
            body = await request.json()
        except (ValueError, RecursionError):
            raise _Refused(400, "the body is no JSON") from None
        fields = _strings(body)
        if not self._is_key(fields["avaluma_key"]):
            raise _Refused(401, "avaluma_key is not the license key")
        avatar_id = fields["avaluma_avatar_id"]
        if avatar_id not in self._avatars:
            raise _Refused(404, "there is no such avatar")
        if urlsplit(fields["livekit_url"]).scheme not in ("ws", "wss", "http", "https"):
            raise _Refused(400, "livekit_url is no address of a LiveKit server")
        room, sender = _place(fields["livekit_token"], avatar_id)
        return _Request(fields["livekit_url"], fields["livekit_token"], avatar_id, room, sender)

    def _is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="surrogateescape"), self._key)

    async def _join(self, asked: _Request) -> str:
        """A session's id, once its avatar has joined."""
        session = f"sess_{secrets.token_hex(8)}"
        joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._host(session, asked, joined))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            await joined
        except asyncio.CancelledError:  # whoever asked has gone
            task.cancel()
            raise
        return session

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"an avatar's host failed: {redact(repr(error))}", file=sys.stderr)  # noqa: T201

    async def _host(self, session: str, asked: _Request, joined: asyncio.Future[None]) -> None:
        """One avatar, from its joining to its end."""
        place = (asked.url, asked.room, asked.avatar_id)
        try:
            await self.prepare()
            assert self._spare is not None
            (stack, avatar), self._spare = self._spare, None
            async with stack:
                await avatar.join(asked.url, asked.token, asked.sender)
                self._sessions[session] = avatar
                before, self._places[place] = self._places.get(place), avatar
                joined.set_result(None)
                if before is not None:
                    await before.end()
                if self._keeps_spare:
                    with suppress(MicstreamError):  # whoever asks next is told
                        await self.prepare()
                await avatar.ended()
                self._tell_end(asked.avatar_id, place, avatar)
        except Exception as error:
            if joined.done():
                raise
            joined.set_exception(error)
        finally:
            avatar_here = self._sessions.pop(session, None)
            if avatar_here is not None and self._places.get(place) is avatar_here:
                del self._places[place]
            joined.cancel()

    def _tell_end(self, avatar_id: str, place: tuple[str, str, str], avatar: AvatarProcess) -> None:
        """Tell of an avatar that nobody has ended, and that no other one has taken over from."""
        if self._on_end is not None and avatar.exit_code and self._places.get(place) is avatar:
            self._on_end(avatar_id, avatar.reason or f"its process ended with {avatar.exit_code}")


def _strings(body: Any) -> dict[str, str]:
    if not isinstance(body, dict):
        raise _Refused(400, "the body is no JSON object")
    given = {name: body.get(name) for name in _FIELDS}
    fields = {name: value for name, value in given.items() if isinstance(value, str) and value}
    if missing := given.keys() - fields.keys():
        raise _Refused(400, f"missing, or no text: {', '.join(sorted(missing))}")
    return fields


def _place(token: str, avatar_id: str) -> tuple[str, str]:
    """Into which room the avatar's token leads, and for whom it speaks there."""
    try:
        claims = read(token)
    except UsageError:
        raise _Refused(400, "livekit_token is no JWT") from None
    if claims.get("kind") != "agent" or claims.get("sub") != f"avatar-{avatar_id}":
        raise _Refused(400, f"livekit_token is not of kind agent for 'avatar-{avatar_id}'")
    grants = claims.get("video")
    room = grants.get("room") if isinstance(grants, dict) else None
    if not isinstance(room, str) or not room:
        raise _Refused(400, "livekit_token names no room")
    attributes = claims.get("attributes")
    sender = attributes.get(wire.ON_BEHALF) if isinstance(attributes, dict) else None
    if not isinstance(sender, str) or not sender:
        raise _Refused(400, f"livekit_token does not say for whom it speaks: {wire.ON_BEHALF}")
    return room, sender


@asynccontextmanager
async def avatar_server(
    key: str,
    avatars: Sequence[str],
    *,
    host: str = LOOPBACK,
    port: int = 0,
    keeps_spare: bool = False,
    stock: bool = False,
    ended: Callable[[str, str], None] | None = None,
) -> AsyncIterator[tuple[AvatarServer, str]]:
    """A running server and its address; all its avatars end with the context.

    `port` 0 is a free one. A first avatar gets ready at once. `stock`, `ended`: see `AvatarServer`.

    Raises MicstreamError: code "extra_missing", or "port_taken".
    """
    server = AvatarServer(key, avatars, keeps_spare=keeps_spare, stock=stock, ended=ended)
    runner = web.AppRunner(
        server.app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5
    )
    try:
        await server.prepare()
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise MicstreamError(
                f"cannot listen at {host}:{port}: {reason_of(error)}",
                hint="choose another port by MICSTREAM_AVATAR_SERVER",
                code="port_taken",
            ) from None
        host, port = runner.addresses[0][:2]
        yield server, f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        await runner.cleanup()
        await server.aclose()


async def _serve() -> None:
    key = os.environ.get("AVALUMA_LICENSE_KEY", "")
    avatars = [each.strip() for each in os.environ.get("MICSTREAM_AVATARS", "demo").split(",")]
    where = os.environ.get("MICSTREAM_AVATAR_SERVER", f"{LOOPBACK}:8080")
    host, _, port = where.rpartition(":")
    if not key or not port.isdecimal() or int(port) > 65_535:
        raise UsageError("set AVALUMA_LICENSE_KEY; MICSTREAM_AVATAR_SERVER is HOST:PORT")
    stop = asyncio.Event()
    with set_on_signals(stop):
        serving = avatar_server(
            key, avatars, host=host.strip("[]"), port=int(port), keeps_spare=True
        )
        async with serving as (_, address):
            print(f"avatars at {address}: {', '.join(avatars)}", flush=True)  # noqa: T201
            await stop.wait()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit code."""
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve())
    except MicstreamError as error:
        print(error.message, error.hint, sep="\n", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
