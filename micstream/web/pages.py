"""Pages that join a room: their built files, and the headers that keep each to itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from micstream.errors import MicstreamError

CLIENT: Final = Path(__file__).parent / "static/client.js"
"""What pages that join a room need for it; they ask for it as `client.js` beside themselves."""


def built(static: Path, names: Iterable[str], page: str) -> dict[str, bytes]:
    """A page's files by their names, what all pages share among them.

    Args:
        static: folder of what is its own.
        names: all of its files; `CLIENT` by its name.
        page: what it is called in an error.

    Raises:
        MicstreamError: it has not been built (code "page_missing").
    """
    try:
        return {
            name: (CLIENT if name == CLIENT.name else static / name).read_bytes() for name in names
        }
    except OSError:
        raise MicstreamError(
            f"{page} is not there: expected it in {static}",
            hint="install micstream again; in a checkout: make page",
            code="page_missing",
        ) from None


def headers(url: str, *, media: str = "", microphone: str = "()") -> dict[str, str]:
    """Headers that keep a page to itself: it may talk to this server and LiveKit's, no other.

    Args:
        url: of LiveKit's server; empty: this one leads to it.
        media: further directives of the policy, each with its semicolon.
        microphone: who may have one, as Permissions-Policy says it.
    """
    parts = urlsplit(url)
    hosts = [parts.netloc] if parts.netloc else []
    if (parts.hostname or "").endswith(".livekit.cloud"):
        hosts.append("*.livekit.cloud")  # its regions
    schemes = ("wss", "https") if parts.scheme in ("wss", "https") else ("ws", "http")
    servers = " ".join(f"{scheme}://{host}" for host in hosts for scheme in schemes)
    if ":" in (parts.hostname or ""):  # a policy knows no address of IPv6
        servers = " ".join(f"{scheme}:" for scheme in schemes)
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"{media}connect-src 'self' {servers}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": f"camera=(), microphone={microphone}, geolocation=()",
        "Server": "micstream",
    }


async def health(_: web.Request) -> web.Response:
    """Answer that the server lives."""
    return web.json_response({"status": "ok"})
