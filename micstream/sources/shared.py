"""Shared capture: one device for several sound paths, each with a channel of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from micstream.audio.format import AudioFormat
from micstream.errors import AudioDeviceError
from micstream.sources.source import (
    Away,
    Block,
    Item,
    Left,
    LiveSource,
    LossCode,
    Lost,
    Opened,
    Source,
)

_CAPACITY_S: Final = 10.0


class Shared:
    """Shares a live source: `pick` a channel for each consumer, and `run` it.

    The source has to be opened with all channels that are picked: `MicrophoneOpener(device,
    channels=4)`. A consumer that is too slow loses sound of its own, which its next block tells.
    """

    def __init__(self, source: LiveSource, *, capacity_s: float = _CAPACITY_S) -> None:
        self._source = source
        self._capacity_s = capacity_s
        self._picks: list[Picked] = []

    def pick(self, channel: int) -> Picked:
        """Pick one channel, from 1 (0: all mixed), as a live source of its own; before `run`."""
        picked = Picked(channel, self._capacity_s)
        self._picks.append(picked)
        return picked

    async def run(self) -> None:
        """Capture until cancelled; the picks end with it, and fail as it does.

        Raises:
            AudioDeviceError: it cannot be opened the first time.
        """
        error: AudioDeviceError | None = None
        try:
            async with aclosing(self._source.items()) as items:
                async for item in items:
                    for picked in self._picks:
                        picked.push(item)
        except AudioDeviceError as failed:
            error = failed
            raise
        finally:
            for picked in self._picks:
                picked.close(error)


class Picked:
    """A live source: one channel of a shared one. For one consumer."""

    def __init__(self, channel: int, capacity_s: float) -> None:
        self._channel = channel
        self._capacity_s = capacity_s
        self._source: _Channel | None = None
        self._held: deque[tuple[Item, float]] = deque()  # each with its seconds of sound
        self._held_s = 0.0
        self._lost_s = 0.0
        self._lost_code: LossCode = ""
        self._arrived = asyncio.Event()
        self._closed = False
        self._error: AudioDeviceError | None = None

    def push(self, item: Item) -> None:
        """Hold it for the consumer; a block that finds no room is counted, and told by the next."""
        if self._closed:
            return
        match item:
            case Block():
                self._push(item)
            case Opened(source, again, current):
                if self._channel > source.format.channels:
                    self.close(_no_channel(source, self._channel))
                    return
                self._source = _Channel(source.name, source.format, self._channel)
                self._hold(Opened(self._source, again=again, current=current))
            case Lost(_, error, current) if self._source is not None:
                self._hold(Lost(self._source, error, current))
            case Away(_, error, current) if self._source is not None:
                self._hold(Away(self._source, error, current))
            case Left() if self._source is not None:
                self._hold(Left(self._source))

    def close(self, error: AudioDeviceError | None) -> None:
        """Nothing comes any more; `error` is raised once all that is held was taken."""
        self._closed, self._error = True, error
        self._arrived.set()

    async def items(self) -> AsyncGenerator[Item, None]:
        """Items of the shared source, until it is no longer run.

        Raises:
            AudioDeviceError: it cannot be opened the first time, or has no such channel.
        """
        while True:
            while self._held:
                item, seconds = self._held.popleft()
                self._held_s = self._held_s - seconds if self._held else 0.0
                yield item
            if self._closed:
                if self._error is not None:
                    raise self._error
                return
            self._arrived.clear()
            await self._arrived.wait()

    def _push(self, block: Block) -> None:
        if block.lost_s >= self._lost_s and block.lost_code:
            self._lost_code = block.lost_code
        self._lost_s += block.lost_s
        seconds = self._source.format.seconds(len(block.pcm)) if self._source else 0.0
        if self._held_s + seconds > self._capacity_s:
            self._lost_s += seconds
            self._lost_code = "slow"
            return
        self._held_s += seconds
        self._hold(block._replace(lost_s=self._lost_s, lost_code=self._lost_code), seconds)
        self._lost_s, self._lost_code = 0.0, ""

    def _hold(self, item: Item, seconds: float = 0.0) -> None:
        self._held.append((item, seconds))
        self._arrived.set()


@dataclass(frozen=True, slots=True)
class _Channel:
    """The shared source, with the channel that is picked. Its blocks come from `Picked`."""

    name: str
    format: AudioFormat
    pick: int

    def blocks(self) -> AsyncIterator[Block]:
        """Not from here."""
        raise NotImplementedError


def _no_channel(source: Source, channel: int) -> AudioDeviceError:
    channels = source.format.channels
    return AudioDeviceError(
        f"{source.name!r} is open with {channels} channels; picked: {channel}",
        hint="0 mixes them all",
        code="no_channel",
    )
