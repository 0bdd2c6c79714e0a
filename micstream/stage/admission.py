"""Admission to the page: who may see it, and the token with which it may join the room.

On loopback everybody on this machine may, but only under a name of this machine: a page from
elsewhere whose name was made to lead here (DNS rebinding) asks under its own. On a network the
link holds a key.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Callable, Iterable
from typing import Final

from micstream.room import token
from micstream.settings import given_token
from micstream.settings.pieces import ConnectionSettings

TOKEN_LIFE: Final = datetime.timedelta(minutes=2)
"""Life of a token to join with; a page that joins again asks for another."""

_KEY_BYTES: Final = 16
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def named_as_here(host: str, names: Iterable[str] = ()) -> bool:
    """Tell whether the `Host` of a request is a name of this machine's own, whatever the port.

    `names`: those that it was given besides.
    """
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    known = {*_LOOPBACK, *(each.lower() for each in names)}
    return name.lower().removeprefix("[").removesuffix("]") in known


def key_for(connection: ConnectionSettings) -> str:
    """The key in the link: made from the API secret and the room, so that a link stays good.

    It tells no more of the secret than a token does. Another room or secret makes another key.
    """
    held = connection.api_secret or connection.token
    assert held is not None, "checked by passes()"
    text = f"micstream stage\0{connection.room}".encode()
    digest = hmac.new(held.get_secret_value().encode(), text, hashlib.sha256)
    return digest.digest()[:_KEY_BYTES].hex()


def is_key(key: str, given: str) -> bool:
    """Compare two keys, in a time that tells nothing."""
    return hmac.compare_digest(key.encode(), given.encode(errors="replace"))


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
