"""Sources by script: what is to come is given, block by block, opening by opening."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

from micstream.audio.format import AudioFormat
from micstream.errors import AudioDeviceError
from micstream.sound_path import SoundPath
from micstream.sources.source import Block, Item, LiveSource


class Silent:
    """A source that yields nothing: a path is handed its blocks by the tests."""

    def __init__(
        self, rate: int = 16_000, channels: int = 1, pick: int = 0, name: str = "test"
    ) -> None:
        self.name = name
        self.format = AudioFormat(rate, channels)
        self.pick = pick

    async def blocks(self) -> AsyncIterator[Block]:
        """Nothing."""
        raise NotImplementedError
        yield


def opened(path: SoundPath, source: Silent | None = None) -> SoundPath:
    """The path with a source opened in it."""
    assert path.open(source or Silent()) == []
    return path


GONE = AudioDeviceError("it is gone", code="device_lost")


class Scripted(Silent):
    """Yields what it is given, and then fails with `error`, ends, or (`Ellipsis`) stays silent."""

    def __init__(
        self,
        blocks: Sequence[Block] = (),
        error: AudioDeviceError | None = GONE,
        *,
        stays: bool = False,
        name: str = "test",
        channels: int = 1,
    ) -> None:
        super().__init__(channels=channels, name=name)
        self.closed = False
        self._blocks = blocks
        self._error = error
        self._stays = stays

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """One after the other; others run in between."""
        try:
            for block in self._blocks:
                await asyncio.sleep(0)
                yield block
            if self._stays:
                await asyncio.Event().wait()
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


class ScriptedOpener:
    """Opens one source after the other; an error in a source's place is raised."""

    def __init__(self, *openings: Scripted | AudioDeviceError) -> None:
        self._openings: Iterator[Scripted | AudioDeviceError] = iter(openings)
        self.asked: list[bool] = []
        """`again` of each call."""

    async def open(self, *, again: bool = False) -> Scripted:
        """The next one; for ever nothing after the last."""
        self.asked.append(again)
        what = next(self._openings, None)
        if what is None:
            await asyncio.Event().wait()
        if isinstance(what, AudioDeviceError):
            raise what
        assert what is not None
        return what


class Pushed:
    """A live source whose items the test pushes."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Item | Exception] = asyncio.Queue()
        self.closed = False

    def push(self, *items: Item | Exception) -> None:
        """These come next; an error is raised."""
        for item in items:
            self._queue.put_nowait(item)

    async def until_taken(self) -> None:
        """Until all that was pushed was taken, and done with."""
        await self._queue.join()

    async def items(self) -> AsyncGenerator[Item, None]:
        """What is pushed."""
        try:
            while True:
                item = await self._queue.get()
                if isinstance(item, Exception):
                    raise item
                yield item
                self._queue.task_done()
        finally:
            self.closed = True


async def first_of(source: LiveSource, number: int) -> list[Item]:
    """The first so many of its items; then it is closed."""
    items = source.items()
    try:
        return [await anext(items) for _ in range(number)]
    finally:
        await items.aclose()
