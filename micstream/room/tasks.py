"""Tasks of the room, whose failures reach the owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class Changes:
    """Counter of changes that can be waited for; nobody has to be registered."""

    def __init__(self) -> None:
        self.version = 0
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Wake whoever waits."""
        self.version += 1
        self._next.set()
        self._next = asyncio.Event()

    async def after(self, version: int) -> int:
        """Wait until there was a change after this one; the newest."""
        while self.version == version:
            await self._next.wait()
        return self.version


class Failure:
    """First error that ended what it belongs to, for whoever waits for it."""

    def __init__(self, changes: Changes) -> None:
        self.error: Exception | None = None
        self.was_raised = False
        """Whether somebody has heard of it."""
        self._changes = changes

    def set(self, error: Exception) -> None:
        """Take the error, unless there was one before."""
        if self.error is None:
            self.error = error
            self._changes.tell()

    def check(self) -> None:
        """Raise the error, if there is one."""
        if self.error is not None:
            self.was_raised = True
            raise self.error

    async def wait(self) -> NoReturn:
        """Raise the error as soon as there is one."""
        while True:
            version = self._changes.version
            self.check()
            await self._changes.after(version)


class Tasks:
    """Tasks that live from `start` to `aclose`, whatever fails in one of them.

    The first failure stands in `failure`, where the owner waits for it. Unlike in a task group the
    others go on: the streams that are open have to be closed, and the avatars left in order.
    """

    def __init__(self, failure: Failure) -> None:
        self._failure = failure
        self._running: set[asyncio.Task[Any]] | None = None

    def start(self) -> None:
        """Begin."""
        self._running = set()

    async def aclose(self) -> None:
        """Cancel what is left, and wait for its end."""
        running, self._running = self._running, None
        for task in running or ():
            task.cancel()
        if running:
            await asyncio.wait(running)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T] | None:
        """Do `work` in a task; None: all has ended, and nothing is done any more."""
        if self._running is None:
            work.close()
            return None
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self._running is not None:
            self._running.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._failure.set(error)

    def guarded(self, callback: Callable[..., T], *arguments: Any) -> T | None:
        """Call back from the loop or the SDK, where nobody else would hear of an error."""
        try:
            return callback(*arguments)
        except Exception as error:
            self._failure.set(error)
            return None
