"""Sources, as the rest of the program sees them.

A `Source` is an open thing that yields blocks: a file, standard input, a device. A `LiveSource` has
no end of its own: it is opened again whenever it is lost, and says so between its blocks.

To add a live source: one file with an `Opener`, and its line in `sources/opening.py`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from micstream.audio.format import AudioFormat
from micstream.errors import AudioDeviceError

LossCode = Literal["", "slow", "overflow", "gap", "device"]
"""Why sound was lost: this program did not take it in time; PortAudio lost it; somebody before it
did, and nobody said so; the device was away, or another one was current. How much PortAudio or
others lost is estimated by the clock. Empty: nothing was lost."""


class Block(NamedTuple):
    """Some sound, of any length."""

    pcm: bytes
    """16-bit PCM in the source's format; empty where nothing but a loss is told."""
    ends_at: float
    """Monotonic seconds at which its last sample was captured."""
    lost_s: float = 0.0
    """Seconds of sound that were lost just before it."""
    lost_code: LossCode = ""


@runtime_checkable
class Hurried(Protocol):
    """A source that can hand its sound over sooner, in shorter blocks."""

    @property
    def block_ms(self) -> int:
        """Milliseconds of the shortest."""
        ...

    def hurry(self, on: bool) -> None:
        """Hand over each block as it comes; else no sooner than a detector's frame needs it."""
        ...


@runtime_checkable
class Suppressed(Protocol):
    """A source that something before us silences where nobody speaks: a browser's noise
    suppression, a mute key far away. Its silence says nothing of the microphone."""

    @property
    def silent_at_rest(self) -> bool:
        """Whether it is so."""
        ...


class Source(Protocol):
    """An open source. Iterate once; leaving the iteration closes it.

    A live one does not end by itself: it raises AudioDeviceError when it is lost.
    """

    @property
    def name(self) -> str:
        """For people: the device's name, the file's name."""
        ...

    @property
    def format(self) -> AudioFormat:
        """Format of `Block.pcm`."""
        ...

    @property
    def pick(self) -> int:
        """The channel to use, from 1; 0 mixes them all."""
        ...

    def blocks(self) -> AsyncIterator[Block]:
        """Block after block until the source ends."""
        ...


@asynccontextmanager
async def blocks_of(source: Source) -> AsyncIterator[AsyncIterator[Block]]:
    """Blocks of a source; whatever happens meanwhile, it is closed at the end."""
    blocks = source.blocks()
    try:
        yield blocks
    finally:
        if isinstance(blocks, AsyncGenerator):
            await blocks.aclose()


class Opener(Protocol):
    """Opens one live source, as often as it is lost."""

    async def open(self, *, again: bool = False) -> Source:
        """Open it; `again`: exactly the one opened before, another is never taken unasked.

        Raises:
            AudioDeviceError: it is not there, or cannot be opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """The source was opened and its first block has come: that is the next item."""

    source: Source
    again: bool = False
    """True: it had been lost."""
    current: bool = True
    """False: another source of a switch is the current one; the blocks of this one do not come."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The source was lost; it is opened again as soon as it can be."""

    source: Source
    error: AudioDeviceError
    current: bool = True
    """False: another source of a switch is the current one."""


@dataclass(frozen=True, slots=True)
class Away:
    """The source has been away for some seconds; it is still looked for."""

    source: Source
    error: AudioDeviceError
    """What is in its way, and what is there in its place."""
    current: bool = True
    """False: another source of a switch is the current one."""


@dataclass(frozen=True, slots=True)
class Left:
    """Another source of a switch is current from here on; its `Opened` comes once it is there."""

    source: Source


Item = Opened | Block | Lost | Away | Left


class LiveSource(Protocol):
    """A source without an end, opened again whenever it was lost."""

    def items(self) -> AsyncGenerator[Item, None]:
        """`Opened`, blocks, `Lost`, `Opened` again, and so on; close the generator to close it.

        `Away` comes between `Lost` and `Opened` where that takes long.

        Raises:
            AudioDeviceError: it cannot be opened the first time, or is lost before its first block.
        """
        ...
