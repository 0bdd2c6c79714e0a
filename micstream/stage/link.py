"""The link to the page: for people, and as a QR code for what has a camera."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import sys
from typing import Final

from micstream.stage.addresses import for_others, found

_ANYWHERE: Final = {4: ("192.0.2.1", 9), 6: ("2001:db8::1", 9)}
"""For documentation, RFC 5737 and 3849: nothing is sent there, the system only says from where it
would be."""


def link(host: str, port: int, path: str) -> str:
    """The address of the page on a server that listens at `host`; of several the most likely."""
    return links(host, port, path)[0]


def links(host: str, port: int, path: str) -> list[str]:
    """All addresses of the page on a server that listens at `host`, the most likely first.

    A machine is on several networks: cable and radio, a VPN, those of its containers. Which of them
    others are on it cannot know.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return [_link(host, port, path)]
    if not address.is_unspecified:
        return [_link(str(address), port, path)]
    here = own_addresses(address.version) or ["::1" if address.version == 6 else "127.0.0.1"]
    return [_link(each, port, path) for each in here]


def _link(host: str, port: int, path: str) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"


def own_addresses(version: int = 4) -> list[str]:
    """Addresses under which others may know this machine, the most likely first."""
    return for_others(found(), own_address(version), version)


def own_address(version: int = 4) -> str | None:
    """The address on the way to a router; None where there is none.

    With a VPN that is the tunnel's: see `own_addresses`.
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
    return not address.is_unspecified or bool(own_addresses(address.version))


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


async def open_browser(address: str) -> bool:
    """Open it in the user's own browser; False where none was found that shows pictures.

    Without a desktop, or where only such a one is installed, Python would start a browser of
    letters in this very terminal. A process of its own opens it, told by its standard input: some
    browsers write to our output, wait until they are closed, or end with Ctrl-C in our terminal.
    """
    if sys.platform not in ("darwin", "win32") and not _has_desktop():
        return False
    quiet = asyncio.subprocess.DEVNULL
    try:
        opening = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _OPEN),
            stdin=asyncio.subprocess.PIPE,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(_OPEN_S):
            await opening.communicate(address.encode())
    except TimeoutError:
        return True  # it is open, and the command that opened it stays
    return opening.returncode == 0


_OPEN_S: Final = 10.0
_OPEN: Final = """
import os, sys, webbrowser
letters = ("www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh", "edbrowse")
try:
    name = os.path.basename(str(getattr(webbrowser.get(), "name", "")))
except webbrowser.Error:
    sys.exit(1)
sys.exit(name in letters or not webbrowser.open(sys.stdin.read()))
"""


def _has_desktop() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
