"""Switch: several live sources, of which one is current: only its blocks come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from micstream.sources.live import bridged
from micstream.sources.source import Away, Block, Item, Left, LiveSource, Lost, Opened, Source


class Switch:
    """A live source made of several: all are kept open, one is current.

    Of the others only `Opened`, `Lost` and `Away` come, marked so (`current=False`). At a
    switch comes `Left` for the one and `Opened` for the other, before its first block.
    """

    def __init__(self, sources: Sequence[LiveSource], *, current: int = 0) -> None:
        self._sources = tuple(sources)
        self._check(current)
        self._current = current
        # One item waits at a time: what is not taken in time the sources themselves count as lost.
        self._inbox: asyncio.Queue[tuple[int, Item | Exception] | None] = asyncio.Queue(1)
        self._open: dict[int, Source] = {}
        self._told: Source | None = None  # was told as open, and not as lost or left
        self._ended_at: float | None = None
        self._first = False  # its next block is the first since it was told

    @property
    def current(self) -> int:
        """Index of the current source."""
        return self._current

    def switch(self, index: int) -> None:
        """Make another source current from now on; the same one: nothing happens.

        Raises:
            ValueError: there are not so many.
        """
        self._check(index)
        if index != self._current:
            self._current = index
            if self._inbox.empty():  # else its reader is woken anyway
                self._inbox.put_nowait(None)

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self._sources):
            raise ValueError(f"no source {index}; there are {len(self._sources)}, from 0")

    async def items(self) -> AsyncGenerator[Item, None]:
        """Items of the current source, until the generator is closed.

        Raises:
            AudioDeviceError: one of them cannot be opened the first time.
        """
        pumps = [asyncio.create_task(self._pump(n)) for n in range(len(self._sources))]
        try:
            while True:
                arrived = await self._inbox.get()
                for item in self._changed():
                    yield item
                if arrived is None:
                    continue
                index, what = arrived
                if isinstance(what, Exception):
                    raise what
                for item in self._taken(index, what):
                    yield item
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, index: int) -> None:
        items = self._sources[index].items()
        try:
            async for item in items:
                if index == self._current or not isinstance(item, Block):
                    await self._inbox.put((index, item))
        except Exception as error:
            await self._inbox.put((index, error))
        finally:
            await items.aclose()

    def _changed(self) -> list[Item]:
        """Items that tell of a switch, if there was one."""
        wanted = self._open.get(self._current)
        if self._told is wanted or (self._told is None and wanted is None):
            return []
        left: list[Item] = [] if self._told is None else [Left(self._told)]
        self._told, self._first = wanted, True
        return [*left, Opened(wanted)] if wanted is not None else left

    def _taken(self, index: int, item: Item) -> list[Item]:
        current = index == self._current
        match item:
            case Opened(source, again):
                self._open[index] = source
                if current:
                    self._told, self._first = source, True
                return [Opened(source, again=again, current=current)]
            case Lost(source, error):
                self._open.pop(index, None)
                if current:
                    self._told = None
                return [Lost(source, error, current=current)]
            case Away(source, error):
                return [Away(source, error, current=current)]
            case Block() if current and self._told is not None:
                block = item
                if self._first:
                    block = bridged(item, self._told.format, self._ended_at)
                    self._first = False
                self._ended_at = item.ends_at
                return [block]
        return []
