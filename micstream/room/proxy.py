"""The way to a server through a proxy, or straight: one for all that connects.

LiveKit's SDK, its HTTP and ours read the environment each in another way: the SDK's WebSocket goes
through HTTPS_PROXY (HTTP_PROXY for `ws://`) whatever NO_PROXY says, to this machine too, and knows
no ALL_PROXY (rust-sdks, `livekit-net/src/native/proxy.rs`); aiohttp uses none of them unless told.
So the way is found here, our HTTP is told, and the SDK's view of the environment is set to fit.

As curl and Python have it, the name in lower case goes first, and ALL_PROXY where the scheme has
none. What is on this machine is never asked for through a proxy. The proxy carries what is said to
the servers; sound goes beside it, by UDP or a TCP connection of its own.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from micstream.errors import UsageError
from micstream.room.address import Reach, reach

_SECURE: Final = ("wss", "https")
_PORTS: Final = {"ws": 80, "http": 80, "wss": 443, "https": 443}
_ALL: Final = ("all_proxy", "ALL_PROXY")
_NONE: Final = ("no_proxy", "NO_PROXY")

_put_for_sdk: Final = os.putenv
_steered: Final[set[str]] = set()
"""Variables in which the SDK finds something else than `os.environ` says, or has once."""


@dataclass(frozen=True, slots=True)
class Way:
    """Way to a server."""

    proxy: str | None = field(default=None, repr=False)
    """`http://host:port`, with a user and password where it wants them; None: straight."""
    variable: str = ""
    """The variable that says so, or would."""
    because: str = ""
    """Why it is straight although there is a proxy."""

    @property
    def shown(self) -> str:
        """The proxy for people, without its password."""
        if self.proxy is None:
            return ""
        parts = urlsplit(self.proxy)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def way_to(url: str, environment: Mapping[str, str] | None = None) -> Way:
    """Way to the server of an address.

    Raises:
        UsageError: the variable that counts names no proxy that all of us can go through.
    """
    known = os.environ if environment is None else environment
    variable = _variable(urlsplit(url).scheme in _SECURE, known)
    said = known.get(variable, "").strip()
    if not said:
        return Way()
    if reach(url) is Reach.SELF:
        return Way(None, variable, "it is on this machine")
    spares = next((name for name in _NONE if name in known), "")
    if spares and _is_spared(urlsplit(url), known[spares]):
        return Way(None, variable, f"{spares} names it")
    proxy = _proxy(said)
    if proxy is None:
        if variable in _ALL:  # set for browsers; nothing of LiveKit has ever gone through it
            return Way(None, variable, "it is no http:// proxy")
        raise UsageError(
            f"{variable} names a proxy that cannot be used: expected http://host:port, as "
            "LiveKit's SDK speaks no other kind",
            hint=f"give the HTTP address of that proxy, or name the server in NO_PROXY: "
            f"NO_PROXY={urlsplit(url).hostname}",
            code="bad_proxy",
        )
    return Way(proxy, variable)


def steer_sdk(url: str) -> Way:
    """Have the SDK go our way to this address, from now on; it looks at each connection anew.

    Only what the C library holds is set: `os.environ`, which this program's other parts and its
    children get, stays as it is. The SDK has one way for all addresses of a scheme.

    Raises:
        UsageError: as `way_to`.
    """
    way = way_to(url)
    name = "HTTPS_PROXY" if urlsplit(url).scheme in _SECURE else "HTTP_PROXY"
    finds = os.environ.get(name, os.environ.get(name.lower(), ""))
    wanted = way.proxy or ""  # empty: straight
    if finds != wanted or name in _steered:
        _put_for_sdk(name, wanted)
        _steered.add(name)
    return way


def _variable(secure: bool, known: Mapping[str, str]) -> str:
    own = "https_proxy" if secure else "http_proxy"
    return next((name for name in (own, own.upper(), *_ALL) if name in known), "")


def _proxy(said: str) -> str | None:
    """`http://[user:password@]host:port`; None: not of that kind."""
    text = said if "://" in said else f"http://{said}"
    try:
        parts = urlsplit(text)
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or not parts.hostname or re.search(r"[\s\x00-\x1f\\]", text):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    user, at, _ = parts.netloc.rpartition("@")
    return f"http://{user}{at}{host}:{port}"


def _is_spared(parts: SplitResult, spares: str) -> bool:
    """Whether NO_PROXY names this host: itself, a domain above it, its network, or all."""
    host = (parts.hostname or "").removesuffix(".").lower()
    port = parts.port or _PORTS.get(parts.scheme)
    for entry in re.split(r"[\s,;]+", spares.strip().lower()):
        name, entry_port = _split_port(entry)
        if not name or (entry_port is not None and entry_port != port):
            continue
        if name == "*" or _fits(host, name):
            return True
    return False


def _split_port(entry: str) -> tuple[str, int | None]:
    if match := re.fullmatch(r"\[([^]]*)\](?::(\d{1,5}))?", entry):
        return match[1], int(match[2]) if match[2] else None
    if match := re.fullmatch(r"([^:]*):(\d{1,5})", entry):
        return match[1], int(match[2])
    return entry, None


def _fits(host: str, name: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    except (ValueError, TypeError):
        pass
    domain = name.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))
