"""Task groups: what fails is heard of as itself, and nothing is left running."""

from __future__ import annotations

import asyncio

import pytest

from micstream.tasks import run_guarded, run_until, task_group


class Mistake(Exception):
    """Something failed."""


async def fail(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


class Forever:
    """Work without an end, which says how it ended."""

    def __init__(self) -> None:
        self.cancelled = False

    async def __call__(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def test_a_failure_comes_out_as_itself_and_ends_the_others() -> None:
    other, error = Forever(), Mistake("one")
    with pytest.raises(Mistake) as raised:
        async with task_group() as tasks:
            tasks.create_task(other())
            tasks.create_task(fail(error))
            await asyncio.Event().wait()
    assert raised.value is error
    assert other.cancelled


async def test_of_several_the_others_are_told_in_its_notes() -> None:
    with pytest.raises(Mistake, match="one") as raised:
        async with task_group() as tasks:
            tasks.create_task(fail(Mistake("one")))
            tasks.create_task(fail(Mistake("two")))
    assert raised.value.__notes__ == ["at the same time: Mistake('two')"]


async def test_groups_in_groups_are_unpacked() -> None:
    async def inner() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail(Mistake("deep")))

    with pytest.raises(Mistake, match="deep"):
        async with task_group() as tasks:
            tasks.create_task(inner())


async def test_a_cancellation_runs_through() -> None:
    other = Forever()

    async def work() -> None:
        async with task_group() as tasks:
            tasks.create_task(other())
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert other.cancelled


async def test_a_guard_that_fails_ends_the_work() -> None:
    work = Forever()
    with pytest.raises(Mistake, match="guard"):
        await run_guarded(work(), fail(Mistake("guard")))
    assert work.cancelled


async def test_a_guard_ends_with_the_work_and_one_that_ends_before_ends_nothing() -> None:
    guard = Forever()
    await run_guarded(asyncio.sleep(0.01), guard())
    assert guard.cancelled
    await run_guarded(asyncio.sleep(0.01), asyncio.sleep(0))
    guard = Forever()
    with pytest.raises(Mistake, match="work"):
        await run_guarded(fail(Mistake("work")), guard())
    assert guard.cancelled


async def test_until_a_stop_there_is_a_result_and_after_it_none() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    stop = asyncio.Event()
    assert await run_until(work(), stop) == 7
    with pytest.raises(Mistake):
        await run_until(fail(Mistake()), stop)
    endless = Forever()
    asyncio.get_running_loop().call_later(0.01, stop.set)
    done: list[object] = [await run_until(endless(), stop)]
    assert done == [None]
    assert endless.cancelled
