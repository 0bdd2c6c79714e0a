"""Admission to a server of ours: by a name of this machine, a key, and a page of our own.

A page from elsewhere whose name was made to lead here (DNS rebinding) asks under its own name;
another page in somebody's browser is named by the browser as the one that asks.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from micstream.settings.pieces import ConnectionSettings

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


def key_for(connection: ConnectionSettings, what: str = "stage") -> str:
    """Key to `what`, made from the API secret and the room, so that a link stays good.

    It tells no more of the secret than a token does. Another room or secret makes another key.
    """
    held = connection.api_secret or connection.token
    assert held is not None, "the settings suffice to join"
    text = f"micstream {what}\0{connection.room}".encode()
    digest = hmac.new(held.get_secret_value().encode(), text, hashlib.sha256)
    return digest.digest()[:_KEY_BYTES].hex()


def is_key(key: str, given: str) -> bool:
    """Compare two keys, in a time that tells nothing."""
    return hmac.compare_digest(key.encode(), given.encode(errors="replace"))


def has_key(key: str, path: str) -> bool:
    """Tell whether a path begins with the key: `/KEY/...`. `OPTIONS *` has no path at all."""
    first = path.removeprefix("/").partition("/")[0] if path.startswith("/") else ""
    return is_key(key, first)


def is_own_page(request: web.Request) -> bool:
    """Tell whether no other web page in somebody's browser asks: browsers say who does.

    Programs say nothing, and may ask. Source: Fetch Metadata (W3C), `Origin` (RFC 6454).
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
