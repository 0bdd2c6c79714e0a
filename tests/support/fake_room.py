"""A room without a server: it joins when it is told to, and notes how it is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NoReturn, Self

from testbed.outputs import NotedOutput


class FakeRoom:
    """In place of `room.Room`, as far as a session needs it."""

    def __init__(self, *avatars: NotedOutput) -> None:
        self.avatars = avatars or (NotedOutput(),)
        self.joins = asyncio.Event()
        self.joins.set()
        self.refuses: Exception | None = None
        self.plays = asyncio.Event()
        self.plays.set()
        self.hangs_in_leaving = False
        self.is_ready = False
        self.log: list[str] = []
        """joining, joined, leave, closed: in their order."""
        self.deadlines: list[float | None] = []
        self._failure: asyncio.Queue[Exception] = asyncio.Queue()
        self._ready: asyncio.Queue[None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self.log.append("joining")
        await self.joins.wait()
        if self.refuses is not None:
            raise self.refuses
        self.log.append("joined")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.append("closed")

    async def leave(self, deadline: float | None) -> None:
        """Until all is played; with a deadline, at once."""
        self.log.append("leave")
        self.deadlines.append(deadline)
        if deadline is None:
            await self.plays.wait()
        if self.hangs_in_leaving:
            await asyncio.sleep(0.05)

    def fail(self, error: Exception) -> None:
        """Something in it has failed."""
        self._failure.put_nowait(error)

    def become_ready(self) -> None:
        """Its avatars listen."""
        self.is_ready = True
        self._ready.put_nowait(None)

    async def wait_failed(self) -> NoReturn:
        """Raise what `fail` was told."""
        raise await self._failure.get()

    async def times_ready(self) -> AsyncIterator[None]:
        """Each `become_ready`."""
        while True:
            await self._ready.get()
            yield
