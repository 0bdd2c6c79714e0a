"""What every source is to the rest: an open thing that yields blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from micstream.audio.format import AudioFormat


class Block(NamedTuple):
    """Some sound, of any length."""

    pcm: bytes
    """16-bit PCM in the source's format."""
    ends_at: float
    """Monotonic seconds at which its last sample was captured."""


class Source(Protocol):
    """An open source. Iterate once; leaving the iteration closes it."""

    @property
    def name(self) -> str:
        """For people: the device's name, the file's name."""
        ...

    @property
    def format(self) -> AudioFormat:
        """What `Block.pcm` is made of."""
        ...

    @property
    def pick(self) -> int:
        """The channel to use, from 1; 0 mixes them all."""
        ...

    def blocks(self) -> AsyncIterator[Block]:
        """Block after block until the source ends."""
        ...
