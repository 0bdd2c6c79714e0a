"""Live sources by what `--device` says: the one table of their kinds.

A device is a microphone's name, part of its name or its index; of another kind it is an address
with a scheme (`rtp://...`). A kind is added by its own file and a line in `_KINDS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from micstream.errors import UsageError
from micstream.sources.live import Reopening
from micstream.sources.source import Opener

_KINDS: Final = {
    "": ("microphone", "MicrophoneOpener"),
}
"""Scheme: module in `micstream.sources`, and its opener, which takes `device` and `channel`."""


def opener(device: str | None, *, channel: int = 0) -> Opener:
    """Opener of the device, by name, part of a name, index or address; None: the default one.

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
        device, channel=channel
    )
    return made


def live(device: str | None, *, channel: int = 0) -> Reopening:
    """The device as a source without an end: opened again whenever it was lost.

    Raises:
        UsageError: there is no such kind of source.
    """
    return Reopening(opener(device, channel=channel))
