"""A bounded queue between what arrives and whoever takes it with `async for`."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, Self, TypeVar

from micstream.viewer.changes import Changes

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Sink(Protocol[T_contra]):
    """Something that takes what arrives. `push` is called in the event loop, and must not wait."""

    def push(self, item: T_contra) -> None:
        """Take the next item."""

    def end(self, error: Exception | None) -> None:
        """Learn that nothing comes any more; `error`: reading it has failed."""


class Tap(Generic[T]):
    """Items as they arrive, for `async for`; the oldest are lost where nobody takes them in time.

    Ends with whatever feeds it, or by `close`.
    """

    def __init__(self, capacity: int) -> None:
        self.lost = 0
        """Items dropped because nobody took them in time."""
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changes = Changes()
        self._ended = False
        self._error: Exception | None = None

    def push(self, item: T) -> None:
        """Take the next item; one that comes after the end is ignored."""
        if self._ended:
            return
        if len(self._items) == self._capacity:
            self._items.popleft()
            self.lost += 1
        self._items.append(item)
        self._changes.tell()

    def end(self, error: Exception | None = None) -> None:
        """End the iteration once what is held has been taken; with an error, if there is one."""
        self._ended = True
        self._error = self._error or error
        self._changes.tell()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        await self._changes.until(lambda: self._items or self._ended)
        if self._items:
            return self._items.popleft()
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration
