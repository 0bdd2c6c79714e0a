"""The link to the page: for people, and as a QR code for what has a camera."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Final

_ANYWHERE: Final = {4: ("192.0.2.1", 9), 6: ("2001:db8::1", 9)}
"""For documentation, RFC 5737 and 3849: nothing is sent there, the system only says from where it
would be."""


def link(host: str, port: int, path: str) -> str:
    """The address of the page on a server that listens at `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}{path}"
    if address.is_unspecified:
        here = own_address(address.version)
        address = ipaddress.ip_address(here or ("::1" if address.version == 6 else "127.0.0.1"))
    shown = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{shown}:{port}{path}"


def own_address(version: int = 4) -> str | None:
    """The address under which others of the network know this machine; None if it cannot tell.

    It can where there is a router, as this is asked for the way to one.
    """
    with socket.socket(
        socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM
    ) as out:
        try:
            out.connect(_ANYWHERE[version])
        except OSError:
            return None
        address: str = out.getsockname()[0]
        return address


def is_known(host: str) -> bool:
    """Tell whether a link to a server that listens at `host` leads others there too."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not address.is_unspecified or own_address(address.version) is not None


def qr(text: str) -> list[str]:
    """A QR code as lines of half blocks, drawn light on dark with its quiet zone."""
    import io

    import segno

    lines = io.StringIO()
    segno.make(text, error="m", micro=False).terminal(out=lines, border=2, compact=True)
    return lines.getvalue().splitlines()


def has_display() -> bool:
    """Tell whether a browser can be opened where somebody sees it: a desktop, and a terminal."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return _has_desktop()


def open_browser(address: str) -> bool:
    """Open it in the user's own browser; False where none was found that shows pictures.

    Without a desktop Python would start a browser of letters in this very terminal.
    """
    if sys.platform not in ("darwin", "win32") and not _has_desktop():
        return False
    import webbrowser

    return webbrowser.open(address)


def _has_desktop() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
