"""The first step into the room, and why it fails when it does."""

from __future__ import annotations

import asyncio
import datetime
import re
from typing import Final

from livekit import rtc

from micstream.avatar import token
from micstream.avatar.address import refuse_insecure, shown
from micstream.avatar.redact import guard_sdk_log, redact
from micstream.errors import ConnectionFailed, UsageError
from micstream.settings import Settings

_CONNECT_S: Final = 15.0
_ATTEMPT_S: Final = 5.0


TOKEN_LIFE: Final = datetime.timedelta(minutes=10)
"""Long enough to join with; the server renews it for those who are in."""


def server_of(settings: Settings) -> str:
    """The server's address.

    Raises:
        UsageError: there is none, or the way is open to all the internet.
    """
    if not settings.url:
        raise UsageError(
            "no server: LIVEKIT_URL is not set",
            hint="set it in the environment, in .env.local or by --url; "
            "without a server of your own: micstream demo",
            code="no_url",
        )
    refuse_insecure(settings)
    return settings.url


def credentials(settings: Settings) -> tuple[str, str]:
    """The server's address and a token for it: the one given, or a fresh one.

    Raises:
        UsageError: address, key, secret or token is missing or of no use, or the way is open to
            all the internet.
    """
    url = server_of(settings)
    if settings.token is not None:
        given = settings.token.get_secret_value()
        token.check_agent(given)
        return url, given
    if not settings.api_key or settings.api_secret is None:
        missing = "LIVEKIT_API_KEY" if not settings.api_key else "LIVEKIT_API_SECRET"
        raise UsageError(
            f"no credentials: {missing} is not set",
            hint="set LIVEKIT_API_KEY and LIVEKIT_API_SECRET in the environment or in .env.local",
            code="no_credentials",
        )
    minted = token.mint(
        api_key=settings.api_key,
        api_secret=settings.api_secret.get_secret_value(),
        room=settings.room,
        identity=settings.identity,
        ttl=TOKEN_LIFE,
    )
    return url, minted


async def connect(room: rtc.Room, settings: Settings) -> None:
    """Connect `room`, subscribing to nothing by itself.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the server is not reached or does not let us in.
    """
    guard_sdk_log()
    url, pass_ = credentials(settings)
    options = rtc.RoomOptions(auto_subscribe=False, connect_timeout=_ATTEMPT_S)
    try:
        async with asyncio.timeout(_CONNECT_S):
            await room.connect(url, pass_, options)
    except TimeoutError:
        raise ConnectionFailed(
            f"{shown(url)} does not answer within {_CONNECT_S:.0f} s",
            hint="check LIVEKIT_URL and the network; micstream doctor looks closer",
            code="server_unreachable",
        ) from None
    except rtc.ConnectError as error:
        raise explain(url, error.message) from None


def explain(url: str, said: str) -> ConnectionFailed:
    """What the SDK said of a failed connection, as an error of ours, without secrets."""
    if re.search(r"\b401\b|unauthorized|invalid token|invalid API key", said, re.IGNORECASE):
        return ConnectionFailed(
            f"{shown(url)} does not accept the token",
            hint="check that LIVEKIT_API_KEY and LIVEKIT_API_SECRET belong to this server, "
            "and this machine's clock",
            code="token_refused",
        )
    return ConnectionFailed(
        f"{shown(url)} was not reached: {_first_words(said)}",
        hint="check LIVEKIT_URL and the network; micstream doctor looks closer",
        code="server_unreachable",
    )


def _first_words(said: str) -> str:
    """The SDK's words, without the names of its own parts before them."""
    said = redact(said).removeprefix("engine: signal failure: ").removeprefix("client error: ")
    return said.removeprefix("transport connection error: IO error: ").strip()[:200]
