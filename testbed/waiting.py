"""Waiting for a condition, never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import psutil


async def wait_until(
    condition: Callable[[], object], timeout: float = 5.0, what: str | Callable[[], str] = ""
) -> None:
    """Until `condition()` is true; fails with `what` after `timeout` seconds.

    What there is to say only then, such as all that came instead, is handed in as a function.
    """
    try:
        async with asyncio.timeout(timeout):
            while not condition():  # noqa: ASYNC110 - conditions of any kind have no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        said = what() if callable(what) else what
        raise AssertionError(f"not within {timeout:g} s: {said or condition}") from None


async def until(
    condition: Callable[[], Coroutine[Any, Any, object]], what: str, timeout: float = 30.0
) -> None:
    """The same where it has to be asked for: of a page, of a server."""
    end = asyncio.get_running_loop().time() + timeout
    while not await condition():
        assert asyncio.get_running_loop().time() < end, f"not within {timeout:g} s: {what}"
        await asyncio.sleep(0.05)


async def stays(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Fails with `what` as soon as `condition()` is not true within the next `seconds`."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        assert condition(), what
        await asyncio.sleep(0.01)


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more, also where it goes while it is being looked at."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
