"""The link to the page: for people, and as a QR code for what has a camera."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Final

_ANYWHERE: Final = ("192.0.2.1", 9)
"""TEST-NET-1, RFC 5737: nothing is sent there, the system only says from where it would be."""


def link(host: str, port: int, path: str) -> str:
    """The address of the page on a server that listens at `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}{path}"
    if address.is_unspecified:
        address = ipaddress.ip_address(own_address())
    shown = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{shown}:{port}{path}"


def own_address() -> str:
    """The address under which others of the network know this machine, as far as it can tell."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        try:
            out.connect(_ANYWHERE)
        except OSError:  # no network
            return "127.0.0.1"
        address: str = out.getsockname()[0]
        return address


def qr(text: str) -> list[str]:
    """A QR code as lines of half blocks, drawn light on dark with its quiet zone."""
    import io

    import segno

    lines = io.StringIO()
    segno.make(text, error="m", micro=False).terminal(out=lines, border=2, compact=True)
    return lines.getvalue().splitlines()


def has_display() -> bool:
    """Whether a browser can be opened where somebody sees it: a desktop, and a terminal."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(address: str) -> bool:
    """Show it in the user's own browser; whether one was found."""
    import webbrowser

    return webbrowser.open(address)
