"""The first step into the room, and why it fails when it does."""

from __future__ import annotations

import asyncio
import datetime
import re
import secrets
import time
from typing import Final
from urllib.parse import urlsplit

from livekit import rtc

from micstream.errors import ConnectionFailed
from micstream.room import joining, token
from micstream.room.address import server_url, shown
from micstream.room.proxy import way_to
from micstream.room.redact import guard_sdk_log, redact
from micstream.settings import given_token
from micstream.settings.pieces import ConnectionSettings

_CONNECT_S: Final = 15.0
_ATTEMPT_S: Final = 5.0


TOKEN_LIFE: Final = datetime.timedelta(minutes=10)
"""Long enough to join with; the server renews it for those who are in."""


def credentials(connection: ConnectionSettings) -> tuple[str, str]:
    """The server's address and a token for it: the one given, or a fresh one.

    Raises:
        UsageError: address, key, secret or token is missing or of no use, or the way is open to
            all the internet.
    """
    url = server_url(connection)
    if connection.token is not None:
        given = connection.token.get_secret_value()
        given_token.check_sender(given, room=connection.room, identity=connection.identity)
        return url, given
    api_key, api_secret = connection.keys()
    minted = token.mint(
        api_key=api_key,
        api_secret=api_secret,
        room=connection.room,
        identity=connection.identity,
        ttl=TOKEN_LIFE,
    )
    return url, minted


async def connect(room: rtc.Room, connection: ConnectionSettings) -> None:
    """Connect `room`, subscribing to nothing by itself.

    Without a timeout of ours; one that is cancelled goes on until `joining.leave`.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the server is not reached or does not let us in.
    """
    guard_sdk_log()
    url, pass_ = credentials(connection)
    options = rtc.RoomOptions(auto_subscribe=False, connect_timeout=_ATTEMPT_S)
    try:
        await joining.join(room, url, pass_, options)
    except joining.FAILURES as error:
        given = pass_ if connection.token is not None else None
        raise explain(url, joining.said(error), given=given) from None


async def visit(
    room: rtc.Room,
    connection: ConnectionSettings,
    name: str,
    *,
    calls: bool = False,
    publishes: bool = False,
) -> None:
    """Connect `room` as a viewer of whom the room takes no notice, as `name` and a random end.

    Of kind standard: an agent may be taken for the sender. `calls`: it may call others.
    `publishes`: it publishes tracks, and subscribes to none.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the server is not reached or does not let us in.
    """
    guard_sdk_log()
    url = server_url(connection)
    api_key, api_secret = connection.keys()
    pass_ = token.mint_visit(
        api_key=api_key,
        api_secret=api_secret,
        room=connection.room,
        identity=f"{name}-{secrets.token_hex(3)}",
        ttl=TOKEN_LIFE,
        calls=calls,
        publishes=publishes,
    )
    await enter(room, url, pass_, name)


async def enter(room: rtc.Room, url: str, pass_: str, name: str) -> None:
    """Join `room` with `pass_`, a fresh token, subscribing to nothing by itself, within a timeout.

    `name`: of the one who joins, as `joining.leave` takes it where it has come to nothing.

    Raises:
        ConnectionFailed: the server is not reached or does not let us in.
    """
    joined = False
    try:
        async with asyncio.timeout(_CONNECT_S):
            await joining.join(room, url, pass_, rtc.RoomOptions(auto_subscribe=False))
        joined = True
    except joining.FAILURES as error:
        raise explain(url, joining.said(error)) from None
    finally:
        if not joined:
            joining.leave(room, name)


def explain(url: str, said: str, *, given: str | None = None) -> ConnectionFailed:
    """What the SDK said of a failed connection, as an error of ours, without secrets.

    `given`: the token, where it is not one of ours, and so cannot be made anew.
    """
    if re.search(r"\b401\b|unauthorized|invalid token|invalid API key", said, re.IGNORECASE):
        if given is not None and (until := token.expired_at(given)) is not None:
            then = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(until))
            return ConnectionFailed(
                f"the token given expired at {then}: {shown(url)} lets nobody in with it any more",
                hint="set LIVEKIT_API_KEY and LIVEKIT_API_SECRET in place of LIVEKIT_TOKEN: each "
                "joining then has a fresh one; or give a token that lives longer",
                code="token_expired",
            )
        return ConnectionFailed(
            f"{shown(url)} does not accept the token",
            hint="check that LIVEKIT_API_KEY and LIVEKIT_API_SECRET belong to this server, "
            "and this machine's clock",
            code="token_refused",
        )
    by = way_to(url)
    through = f" through the proxy {by.shown} ({by.variable})" if by.proxy else ""
    proxied = f", and that proxy; NO_PROXY={urlsplit(url).hostname} goes past it" if through else ""
    return ConnectionFailed(
        f"{shown(url)} was not reached{through}: {_first_words(said)}",
        hint=f"check LIVEKIT_URL and the network{proxied}; micstream doctor looks closer",
        code="server_unreachable",
    )


def _first_words(said: str) -> str:
    """The SDK's words, without the names of its own parts before them."""
    said = redact(said).removeprefix("engine: signal failure: ").removeprefix("client error: ")
    return said.removeprefix("transport connection error: IO error: ").strip()[:200]
