"""Waiting for a condition: looked at whenever something has changed, never polled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Wakes whoever waits for a condition, in one event loop; free while nobody does."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._error: Exception | None = None

    def tell(self) -> None:
        """Wake whoever waits: something that a condition may depend on has changed."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def fail(self, error: Exception) -> None:
        """End all waiting, now and later, with this error: nothing will change any more."""
        self._error = self._error or error
        self.tell()

    async def until(self, condition: Callable[[], T]) -> T:
        """Wait until `condition()` is true, and return what it returned.

        A limit of time is the caller's: `asyncio.timeout`.

        Raises:
            Exception: that of `fail`, where the condition does not hold.
        """
        while not (found := condition()):
            if self._error is not None:
                raise self._error
            changed = asyncio.get_running_loop().create_future()
            self._waiting.add(changed)
            try:
                await changed
            finally:
                self._waiting.discard(changed)
        return found
