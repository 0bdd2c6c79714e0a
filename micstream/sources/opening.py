"""Live sources by what `--device` says: the one table of their kinds.

A device is a microphone's name, part of its name or its index; of another kind it is an address
with a scheme (`rtp://...`). A kind is added by its own file and a line in `_KINDS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from micstream.errors import UsageError
from micstream.sources.live import Reopening
from micstream.sources.source import Opener, Source

_KINDS: Final = {
    "": ("microphone", "MicrophoneOpener"),
}
"""Scheme: module in `micstream.sources`, and its opener, which takes `device` and `channel`."""


def opener(device: str | None, *, channel: int = 0, channels: int = 0) -> Opener:
    """Opener of the device, by name, part of a name, index or address; None: the default one.

    `channels`: open at least so many, whichever is used.

    Raises:
        UsageError: there is no such kind of source.
    """
    scheme, mark, _ = (device or "").partition("://")
    kind = _KINDS.get(scheme if mark else "")
    if kind is None:
        known = ", ".join(f"{name}://" for name in _KINDS if name)
        raise UsageError(
            f"no source of the kind {scheme}://",
            hint=f"expected a microphone's name or index{f', or {known}' if known else ''}",
            code="no_source",
        )
    module, name = kind
    made: Opener = getattr(import_module(f"micstream.sources.{module}"), name)(
        device, channel=channel, **({"channels": channels} if channels else {})
    )
    return made


class Found:
    """Opener whose source was found already, before anything was begun that needs it."""

    def __init__(self, opener: Opener, source: Source) -> None:
        self._opener = opener
        self._found: Source | None = source

    async def open(self, *, again: bool = False) -> Source:
        """The source that was found; after that, as the opener has it."""
        found, self._found = self._found, None
        return found if found is not None else await self._opener.open(again=again)


async def find(device: str | None, *, channel: int = 0, channels: int = 0) -> Found:
    """Find the device, and open nothing yet: what `opener` would open first.

    Raises:
        UsageError: there is no such kind of source.
        AudioDeviceError: it is not there, or cannot be opened.
    """
    by = opener(device, channel=channel, channels=channels)
    return Found(by, await by.open())


def live(device: str | None, *, channel: int = 0, channels: int = 0) -> Reopening:
    """The device as a source without an end: opened again whenever it was lost.

    Raises:
        UsageError: there is no such kind of source.
    """
    return Reopening(opener(device, channel=channel, channels=channels))
