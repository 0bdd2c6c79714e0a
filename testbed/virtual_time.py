"""Virtual time: an event loop in which waiting takes none, so that an hour passes in a moment.

Only for what waits for timers and other tasks. Whatever waits for the network, a thread or a child
would find the hour gone.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class NothingMoreHappens(Exception):
    """Every task waits for another, and no timer is set."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Event loop whose clock begins at 0 and jumps to the next timer once all tasks wait."""

    def __init__(self) -> None:
        super().__init__(_Jumping(self))
        self.now = 0.0

    def time(self) -> float:
        """Virtual seconds."""
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise NothingMoreHappens
            self._loop.now += timeout
        return ready


def run_virtual(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a scenario to its end in virtual time.

    Raises:
        NothingMoreHappens: it would wait for ever.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(scenario)
