"""Tasks of the room, in one group whose failures reach the owner."""

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
        self._changes = changes

    def set(self, error: Exception) -> None:
        """Take the error, unless there was one before."""
        if self.error is None:
            self.error = error
            self._changes.tell()

    def check(self) -> None:
        """Raise the error, if there is one."""
        if self.error is not None:
            raise self.error

    async def wait(self) -> NoReturn:
        """Raise the error as soon as there is one."""
        while True:
            version = self._changes.version
            self.check()
            await self._changes.after(version)


class Tasks:
    """Task group that lives from `start` to `aclose`; the first failure ends all its tasks.

    Unlike a group that is entered by a block it belongs to no task of its owner's: it can be begun
    in one and ended in another. Its failure stands in `failure`.
    """

    def __init__(self, failure: Failure) -> None:
        self._failure = failure
        self._group: asyncio.TaskGroup | None = None
        self._ending: asyncio.Event | None = None
        self._owner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        begun, self._ending = asyncio.Event(), asyncio.Event()
        self._owner = asyncio.create_task(self._own(begun, self._ending), name="room")
        await begun.wait()

    async def aclose(self) -> None:
        """Cancel what is left, and wait for its end."""
        if self._ending is not None and self._owner is not None:
            self._ending.set()
            await asyncio.wait({self._owner})

    @property
    def is_running(self) -> bool:
        """Whether it has begun, and neither failed nor ended."""
        return self._group is not None

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T] | None:
        """Do `work` in a task of the group; None: it has ended, and nothing is done any more."""
        if self._group is None:
            work.close()
            return None
        return self._group.create_task(work)

    def guarded(self, callback: Callable[..., T], *arguments: Any) -> T | None:
        """Call back from the loop or the SDK, where nobody else would hear of an error."""
        try:
            return callback(*arguments)
        except Exception as error:
            self.spawn(_raise(error))
            self._failure.set(error)
            return None

    async def _own(self, begun: asyncio.Event, ending: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                begun.set()
                await ending.wait()
                raise _Ended
        except* _Ended:
            pass
        except* Exception as errors:
            self._failure.set(_first(errors))
        finally:
            self._group = None


class _Ended(Exception):
    """Ends the group, and cancels what is left in it."""


async def _raise(error: Exception) -> NoReturn:
    raise error


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    """First error of a group, which says more to people than the group."""
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an empty group")
