"""Asking the avatar's server to have the avatar join our room.

Source: Avaluma's LiveKit plugin. `POST {server}/v1/livekit/start-avatar` with the license key in
the header `api-secret`; the answer is JSON and may hold a `session_id`.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote

import aiohttp

from micstream.backoff import Backoff
from micstream.errors import AvatarUnavailable, ConnectionFailed, UsageError
from micstream.events import AvatarStarting, Emitter, Event, Warned
from micstream.room import admin, web
from micstream.room.address import avatar_server_warnings, refuse_insecure, server_url, shown
from micstream.room.connect import TOKEN_LIFE
from micstream.room.redact import redact
from micstream.room.token import mint_avatar
from micstream.settings import Settings, load
from micstream.settings.pieces import StartSettings

WAIT_S: Final = 30.0
"""Seconds that the avatar may take to be there, from the first step on, unless told otherwise."""
_AGAIN_S: Final = 10.0
"""After this long no further attempt is begun."""
_PAUSES_S: Final = (0.3, 0.6, 1.2, 2.4, 4.0)
_JITTER_S: Final = 0.2
"""Added to each pause, at most: those who lost one server shall not come back all at once."""
_CONNECT_S: Final = 5.0
_LONGEST_ANSWER: Final = 64 * 1024
_PATH: Final = "/v1/livekit/start-avatar"

Step = Literal["asked", "accepted", "present", "joined", "active", "picture", "ready"]


@dataclass(frozen=True, slots=True)
class Order:
    """Order to the avatar's server, checked; its secrets are shown nowhere."""

    server: str
    avatar_id: str
    identity: str
    """The avatar's in the room."""
    speaks_for: str
    livekit_url: str
    key: str = field(repr=False)
    livekit_token: Callable[[], str] = field(repr=False)
    """A fresh token for the avatar."""


class Progress:
    """Progress of one start: each step is told with the seconds it took."""

    def __init__(self, identity: str, bus: Emitter) -> None:
        self._identity = identity
        self._bus = bus
        self._begun = self._last = time.monotonic()

    def done(self, step: Step) -> None:
        """This step is done."""
        now = time.monotonic()
        took, self._last = now - self._last, now
        total = now - self._begun
        self._bus.emit(
            AvatarStarting(identity=self._identity, step=step, seconds=took, total_s=total)
        )


def order(settings: StartSettings) -> Order:
    """The order that the settings ask for.

    Raises:
        UsageError: something is missing or of no use, or a secret would go unencrypted through the
            internet.
    """
    if not settings.avatar_id:
        raise UsageError(
            "no avatar to bring in: AVALUMA_AVATAR_ID is not set",
            hint="give --avatar-id: the name of its .hvia file without the ending",
            code="no_avatar_id",
        )
    key = settings.license_key
    if key is None:
        raise UsageError(
            "no license key for the avatar's server: AVALUMA_LICENSE_KEY is not set",
            hint="set it in the environment or in .env.local",
            code="no_license_key",
        )
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise UsageError(
            "the license key cannot be used: expected letters, digits and signs, without a space",
            hint="look at AVALUMA_LICENSE_KEY (AVALUMA_API_KEY)",
            code="bad_license_key",
        )
    connection = settings.connection
    refuse_insecure(
        settings.server, "reads the license key and can use it", insecure=connection.insecure
    )
    url = server_url(connection)
    api_key, api_secret = connection.keys()
    identity = f"avatar-{settings.avatar_id}"

    def token() -> str:
        return mint_avatar(
            api_key=api_key,
            api_secret=api_secret,
            room=connection.room,
            identity=identity,
            sender=connection.identity,
            ttl=TOKEN_LIFE,
        )

    return Order(
        server=settings.server,
        avatar_id=settings.avatar_id,
        identity=identity,
        speaks_for=connection.identity,
        livekit_url=url,
        key=key.get_secret_value(),
        livekit_token=token,
    )


def warnings(settings: StartSettings) -> list[Warned]:
    """Warnings of what is unsafe about the avatar's server and not refused, or cannot work."""
    return avatar_server_warnings(settings.server, settings.connection)


async def start_avatar(settings: Settings | None = None, /, **changes: Any) -> str:
    """Ask its server to bring the avatar in, unless it is in the room; returns its identity there.

    Settings as for `Sender`: it listens to their `identity` alone, so a `Sender` of the same
    settings speaks through it. Returns as soon as the server has agreed: it may not be there yet.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the server, or LiveKit's, is not reached or refuses.
        AvatarUnavailable: it is there and listens to somebody else.
    """
    start = (settings if settings is not None else load(**changes)).start()
    identity = order(start).identity
    await bring(start, Progress(identity, _Silent()), _Silent())
    return identity


class _Silent:
    def emit(self, event: Event) -> None:
        """Tell nobody."""


async def bring(
    settings: StartSettings, progress: Progress, bus: Emitter, *, timeout_s: float = WAIT_S
) -> bool:
    """Ask for the avatar unless it is in the room; whether it was asked for, and may yet join.

    Asked again, with growing pauses, where the server is not reached or says that it is its own
    fault; each time a warning tells of it.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the server, or LiveKit's, is not reached or refuses.
        AvatarUnavailable: it is there and listens to somebody else.
    """
    wanted = order(settings)
    for there in await admin.find(settings.connection, (wanted.identity,)):
        if there.speaks_for not in (None, wanted.speaks_for):
            raise _bound_to_another(wanted, there.speaks_for)
        progress.done("present")
        return False
    progress.done("asked")
    await ask(wanted, bus, timeout_s=timeout_s)
    progress.done("accepted")
    return True


async def ask(wanted: Order, bus: Emitter, *, timeout_s: float = WAIT_S) -> str | None:
    """Ask the server, at most for `timeout_s` seconds; returns the session's id, if it tells one.

    Raises:
        ConnectionFailed: it is not reached, refuses, or answers what cannot be understood.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask_again(wanted, bus, min(_AGAIN_S, timeout_s))
    except TimeoutError:
        raise ConnectionFailed(
            f"the avatar's server {shown(wanted.server)} does not answer within {timeout_s:g} s",
            hint="look at that server; where it needs longer: --wait-avatar",
            code="avatar_server_timeout",
        ) from None


async def _ask_again(wanted: Order, bus: Emitter, again_s: float) -> str | None:
    """Ask, and again after what may pass, for `again_s` seconds."""
    loop = asyncio.get_running_loop()
    until, backoff = loop.time() + again_s, Backoff(*_PAUSES_S)
    while True:
        try:
            return await _post(wanted)
        except _MayPass as error:
            if loop.time() >= until:
                raise
            pause = backoff.next_s() + random.uniform(0, _JITTER_S)  # noqa: S311 - no secret
            hint = f"asking again in {pause:.1f} s"
            bus.emit(Warned(code=error.code, message=error.message, hint=hint))
        await asyncio.sleep(pause)


class _MayPass(ConnectionFailed):
    """A failure that may be over soon."""


async def _post(wanted: Order) -> str | None:
    body = {
        "livekit_url": wanted.livekit_url,
        "livekit_token": wanted.livekit_token(),
        "avaluma_key": wanted.key,
        "avaluma_avatar_id": wanted.avatar_id,
    }
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
    try:
        async with (
            web.session(wanted.server, timeout) as session,
            session.post(
                wanted.server + _PATH,
                json=body,
                headers={"api-secret": wanted.key},
                allow_redirects=False,  # the key is for this server alone
            ) as answer,
        ):
            said = await web.read_up_to(answer, _LONGEST_ANSWER)
    except aiohttp.ClientConnectorCertificateError:
        raise ConnectionFailed(
            f"the certificate of {shown(wanted.server)} is not to be trusted",
            hint="check AVATAR_SERVER_URL, that server's certificate and this machine's clock",
            code="avatar_server_unreachable",
        ) from None
    except web.ODD as error:
        raise _MayPass(
            f"the avatar's server {shown(wanted.server)} was not reached: "
            f"{web.why(error, wanted.server)}",
            hint="check AVATAR_SERVER_URL and the network; is that server running?",
            code="avatar_server_unreachable",
        ) from None
    return _judge(wanted, answer.status, said)


def _judge(wanted: Order, status: int, said: bytes) -> str | None:
    """The session's id, or the error that an answer means."""
    server = f"the avatar's server {shown(wanted.server)}"
    reason = _reason(wanted, said)
    if 200 <= status < 300:
        return _session(server, said)
    if status in (401, 403):
        raise ConnectionFailed(
            f"{server} does not accept the license key ({status}){reason}",
            hint="check AVALUMA_LICENSE_KEY (AVALUMA_API_KEY), and that it is for this server",
            code="license_refused",
        )
    if status == 404:
        raise ConnectionFailed(
            f"{server} knows no avatar {wanted.avatar_id!r} (404){reason}",
            hint="check --avatar-id: the name of its .hvia file without the ending; and "
            "AVATAR_SERVER_URL: another kind of server says the same",
            code="unknown_avatar",
        )
    if status == 429 or status >= 500:
        what = "is asked too often" if status == 429 else "has failed"
        raise _MayPass(
            f"{server} {what} ({status}){reason}",
            hint="look at that server, and try again",
            code="avatar_server_failed",
        )
    if 300 <= status < 400:
        raise ConnectionFailed(
            f"{server} sends us elsewhere ({status}); the license key is not carried there",
            hint="set AVATAR_SERVER_URL to the address that answers itself, https:// for example",
            code="avatar_server_redirects",
        )
    raise ConnectionFailed(
        f"{server} refuses what it was asked ({status}){reason}",
        hint="check --avatar-id and AVATAR_SERVER_URL",
        code="avatar_server_refuses",
    )


def _session(server: str, said: bytes) -> str | None:
    if not said.strip():
        return None
    answer = _json(said)
    if not isinstance(answer, dict):
        raise ConnectionFailed(
            f"{server} answers with what is no JSON object: it may not be an avatar's server",
            hint="check AVATAR_SERVER_URL; whether the avatar comes all the same: micstream avatar "
            "status",
            code="avatar_server_answer",
        )
    session = answer.get("session_id")
    return session if isinstance(session, str) else None


def _reason(wanted: Order, said: bytes) -> str:
    """The server's own words for an error, where it has some; they may repeat what we sent."""
    answer = _json(said)
    for name in ("error", "message", "detail"):
        words = answer.get(name) if isinstance(answer, dict) else None
        if isinstance(words, str) and words.strip():
            for form in (wanted.key, quote(wanted.key, safe="")):
                words = words.replace(form, "***")
            return f": {' '.join(redact(words).split())[:200]}"
    return ""


def _json(said: bytes) -> Any:
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return None


def _bound_to_another(wanted: Order, speaks_for: str | None) -> AvatarUnavailable:
    return AvatarUnavailable(
        f"{wanted.identity!r} is in the room and listens to {speaks_for!r}, not to "
        f"{wanted.speaks_for!r}",
        hint="take it out (micstream avatar stop) and start it again, or speak as that --identity",
        code="avatar_bound",
    )
