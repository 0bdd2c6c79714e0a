"""Task groups: lifetimes as trees, in which no task's failure is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """Task group whose first failure comes out as itself, not as one of a group.

    Any others are told in its notes.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as failed:
        first, *others = _each(failed)
        for other in others:
            first.add_note(f"at the same time: {other!r}")
        raise first from None


async def run_guarded(work: Coroutine[Any, Any, None], guard: Coroutine[Any, Any, None]) -> None:
    """Run `work` with a guard, which ends it where it fails, and ends with it."""
    async with task_group() as tasks:
        guarding = tasks.create_task(guard)
        try:
            await work
        finally:
            guarding.cancel()


async def run_until(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """Result of `work`; None where it was cancelled because `stop` was set."""
    async with task_group() as tasks:
        working = tasks.create_task(work)
        stopping = tasks.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        stopping.cancel()
    return None if working.cancelled() else working.result()


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Result of `work`, which goes through to its end however often the caller is cancelled.

    It has to be bounded by itself. Whoever was cancelled hears of that afterwards.
    """
    working, cancelled = asyncio.create_task(work), False
    while not working.done():
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        if not working.cancelled():
            working.exception()  # the cancellation goes before it
        raise asyncio.CancelledError
    return working.result()


async def apart(work: Callable[[], None], *, within_s: float) -> None:
    """Do it in a thread of its own, and wait for it for so many seconds at most.

    It may go on afterwards, and ends with the process.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            work()
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, daemon=True, name="apart").start()
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await done.wait()


def _each(failed: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for each in failed.exceptions:
        found += _each(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found
