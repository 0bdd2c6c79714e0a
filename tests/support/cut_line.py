"""A line between a page and its server that can be cut without a word: nothing goes through it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

_HOST: Final = "127.0.0.1"


class CutLine:
    """Hands on what comes, both ways, while it is whole."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def cut(self) -> None:
        """Hold everything back, and close nothing: a cable that was pulled."""
        self._whole.clear()

    def mend(self) -> None:
        """What was held back comes now."""
        self._whole.set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        await self._whole.wait()
        there, back = await asyncio.open_connection(_HOST, self._to)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._hand_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hand_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                await self._whole.wait()
                sink.write(piece)
                await sink.drain()
        sink.close()

    async def aclose(self) -> None:
        """End all that goes through it."""
        self.mend()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def cut_line(port: int) -> AsyncIterator[CutLine]:
    """A line to that port of this machine."""
    line = CutLine(port)
    server = await asyncio.start_server(line.take, _HOST, 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        await line.aclose()
