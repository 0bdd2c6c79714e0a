"""Whether a sender of our identity is in the room already: asked before joining puts it out.

The server is asked for that one participant (LiveKit's RoomService, Twirp's JSON: 1 request, and
nothing is loaded for it). It lists one that has crashed for some seconds yet. So whoever is listed
is called by a method that nobody has: one that lives answers at once that it has no such method.
Where the server does not tell (only a token, no answer), we join as if nobody were there.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import threading
import time
import urllib.error
import urllib.request
from typing import IO, Any, Final
from urllib.parse import urlsplit, urlunsplit

from livekit import rtc

from micstream import events, notices
from micstream.errors import ConnectionFailed
from micstream.room import joining, token
from micstream.room.address import server_url
from micstream.room.connect import visit
from micstream.room.participant import participant
from micstream.room.proxy import way_to
from micstream.settings.pieces import ConnectionSettings

_ANSWER_S: Final = 2.0
"""How long the server may take to tell; then we join."""
_ALIVE_S: Final = 3.0
"""How long one that is listed may take to answer: behind 1.5 s of sound on a poor network."""
_GOODBYE_S: Final = 1.0
_QUESTION_LIFE: Final = datetime.timedelta(minutes=1)
_BYTES: Final = 65_536
"""A participant is told in some hundreds."""
_METHOD: Final = "micstream.are_you_there"
"""Nobody has it."""
_NO_ANSWER: Final = (
    rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT,
    rtc.RpcError.ErrorCode.RESPONSE_TIMEOUT,
    rtc.RpcError.ErrorCode.RECIPIENT_DISCONNECTED,
    rtc.RpcError.ErrorCode.RECIPIENT_NOT_FOUND,
)


async def refuse_second(connection: ConnectionSettings, bus: events.Emitter) -> None:
    """Refuse to join where that would put out a sender that is at work; tell of one that is not.

    Raises:
        ConnectionFailed: one is in the room already.
    """
    if connection.take_over or not connection.has_keys:
        return
    since = await present_since(connection)
    if since is None:
        return
    if await _answers(connection):
        raise notices.identity_taken(already(connection.identity, connection.room, since))
    bus.emit(notices.left_behind(connection.identity))


async def present_since(connection: ConnectionSettings) -> float | None:
    """Unix second at which our identity joined, as the server tells it; 0.0: it does not say when.

    None: it is not in the room, or the server does not tell.
    """
    api_key, api_secret = connection.keys()
    pass_ = token.mint_question(
        api_key=api_key, api_secret=api_secret, room=connection.room, ttl=_QUESTION_LIFE
    )
    wanted = json.dumps({"room": connection.room, "identity": connection.identity})
    request = urllib.request.Request(  # noqa: S310 - a server's address: ws, wss, http or https
        question_url(server_url(connection)),
        data=wanted.encode(),
        headers={"Authorization": f"Bearer {pass_}", "Content-Type": "application/json"},
    )
    try:
        async with asyncio.timeout(_ANSWER_S):
            return read_answer(await _in_thread(request))
    except (TimeoutError, OSError):
        return None


def question_url(url: str) -> str:
    """Where the server is asked for a participant."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    path = f"{parts.path.rstrip('/')}/twirp/livekit.RoomService/GetParticipant"
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def read_answer(answer: bytes) -> float | None:
    """Unix second at which the participant joined; 0.0: not told; None: nobody is there.

    Whatever answers in the server's place may say anything.
    """
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not isinstance(told.get("identity"), str):
        return None
    if told.get("state") in ("DISCONNECTED", 3):
        return None
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        joined = float(told.get("joined_at") or told.get("joinedAt") or 0)
        return joined if 0 <= joined < 1e11 else 0.0
    return 0.0


def already(identity: str, room: str, since: float) -> str:
    """That a sender is in the room under this identity, and since when, by the clock on the wall.

    `since`: Unix second; 0.0: not known.
    """
    then, now = time.localtime(since), time.localtime()
    when = time.strftime("%H:%M" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)
    known = f", since {when}" if since > 0 else ""
    return f"a sender {identity!r} is in the room {room!r} already{known}"


# ---- the request ---------------------------------------------------------------------------------


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody to another address: our token would go along."""

    def redirect_request(self, *_: Any) -> None:
        return None


async def _in_thread(request: urllib.request.Request) -> bytes:
    """The answer, empty where there is none; the thread is left behind where it takes too long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()

    def finish(answer: bytes) -> None:
        if not done.done():
            done.set_result(answer)

    def work() -> None:
        answer = ask(request)
        with contextlib.suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(finish, answer)

    threading.Thread(target=work, daemon=True, name="who is there").start()
    return await done


def ask(request: urllib.request.Request) -> bytes:
    """What the server answers; empty where it does not, or says that there is nobody."""
    # Whatever answers there: a server that closes, a proxy, a page. It is never in the way.
    with contextlib.suppress(Exception):
        proxies: dict[str, str] = {}
        # Without TLS a proxy would read the token; with it, it sees the host alone.
        if request.type == "https" and (proxy := way_to(request.full_url).proxy):
            proxies["https"] = proxy
        opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler(proxies))
        answer: IO[bytes]
        with opener.open(request, timeout=_ANSWER_S) as answer:
            return answer.read(_BYTES)
    return b""


# ---- the call ------------------------------------------------------------------------------------


async def _answers(connection: ConnectionSettings) -> bool:
    """Whether the one that is listed lives; where we cannot find out, it does."""
    room, gone = participant(), asyncio.Event()

    def left(who: rtc.RemoteParticipant) -> None:
        if who.identity == connection.identity:
            gone.set()

    room.on("participant_disconnected", left)
    try:
        await visit(room, connection, "micstream-look", calls=True)
    except ConnectionFailed:
        return True
    try:
        if connection.identity not in room.remote_participants:
            return False
        calling = asyncio.create_task(_call(room, connection.identity))
        leaving = asyncio.create_task(gone.wait())
        await asyncio.wait(
            {calling, leaving}, timeout=_ALIVE_S, return_when=asyncio.FIRST_COMPLETED
        )
        calling.cancel()
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await calling
        return False
    finally:
        await asyncio.wait({joining.leave(room, "micstream-look")}, timeout=_GOODBYE_S)


async def _call(room: rtc.Room, identity: str) -> bool:
    try:
        await room.local_participant.perform_rpc(
            destination_identity=identity,
            method=_METHOD,
            payload="",
            response_timeout=_ALIVE_S,
            max_round_trip_latency=_ALIVE_S,
        )
    except rtc.RpcError as error:
        return error.code not in _NO_ANSWER
    except AssertionError:  # the SDK asserts that it still has the room
        return True
    return True
