"""Admission to the page: who may see it, and the token with which it may join the room.

On loopback everybody on this machine may; on a network the link holds a key.
"""

from __future__ import annotations

import datetime
import secrets
import time
from collections.abc import Callable
from typing import Final

from micstream.room import token
from micstream.settings import given_token
from micstream.settings.pieces import ConnectionSettings

TOKEN_LIFE: Final = datetime.timedelta(minutes=2)
"""Life of a token to join with; a page that joins again asks for another."""

TICKET_S: Final = 60.0
"""Life of a ticket: a browser may take its time to start."""


class Tickets:
    """Paths that lead to the page, each once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._good_until: dict[str, float] = {}

    def path(self) -> str:
        """A new one."""
        path = f"/open/{secrets.token_urlsafe(16)}"
        self._good_until[path] = self._clock() + TICKET_S
        return path

    def take(self, path: str) -> bool:
        """Tell whether it is good; it is none any more then."""
        return self._good_until.pop(path, 0.0) > self._clock()


def passes(connection: ConnectionSettings) -> Callable[[], str]:
    """Maker of tokens for a page: kind standard, to see and hear one room and no more.

    A viewer of kind standard also keeps the room open; it is not hidden, so that the crew sees it.
    Without an API secret the token given is handed on: for one page at a time.

    Raises:
        UsageError: neither key and secret, nor a token that may only watch this room.
    """
    if connection.token is not None and not connection.has_keys:
        given = connection.token.get_secret_value()
        given_token.check_watcher(given, room=connection.room)
        return lambda: given
    api_key, api_secret = connection.keys(
        or_else=", or LIVEKIT_TOKEN to one of micstream token --kind standard"
    )
    return lambda: token.mint(
        api_key=api_key,
        api_secret=api_secret,
        room=connection.room,
        identity=f"stage-{secrets.token_hex(4)}",
        kind="standard",
        ttl=TOKEN_LIFE,
    )
