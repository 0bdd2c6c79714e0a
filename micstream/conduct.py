"""A performance from its beginning to its end: join, work, leave; whatever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from micstream.pipeline import Performance


async def conduct(
    performance: Performance,
    work: Coroutine[Any, Any, None],
    *,
    stop: asyncio.Event,
) -> None:
    """Join, and do `work` until it ends or `stop` is set; then leave.

    The work begins at once, so that a microphone is open by the time the room is; and where it
    fails, or `stop` is set, joining is not waited for.
    """
    performance.hurry = stop
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        async with AsyncExitStack() as stack:
            if not await _enter(stack, performance, working, stopping):
                if working.done():
                    working.result()
                return
            failing = asyncio.create_task(performance.wait_failed())
            tasks: set[asyncio.Task[Any]] = {working, stopping, failing}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not working.done():
                    stop.set()
                await _cancel({working, failing})
            for task in (working, failing):
                if not task.cancelled():
                    task.result()
    finally:
        await _cancel({working, stopping})


async def beside(work: Coroutine[Any, Any, None], guard: Coroutine[Any, Any, None]) -> None:
    """Do `work`, and `guard` beside it, which ends it only where it fails."""
    working, guarding = asyncio.create_task(work), asyncio.create_task(guard)
    try:
        done, _ = await asyncio.wait({working, guarding}, return_when=asyncio.FIRST_COMPLETED)
        if guarding in done:
            guarding.result()
        await working
    finally:
        await _cancel({working, guarding})


async def _enter(
    stack: AsyncExitStack,
    performance: Performance,
    working: asyncio.Task[None],
    stopping: asyncio.Task[Any],
) -> bool:
    """Join, unless the work fails or somebody wants to stop before; whether we are in."""
    entering = asyncio.create_task(stack.enter_async_context(performance))
    waiting: set[asyncio.Task[Any]] = {entering, working, stopping}
    try:
        while not entering.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if stopping in done or (working in done and working.exception() is not None):
                break
    finally:
        await _cancel({entering})
    if entering.cancelled():
        return False
    entering.result()
    return True


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
