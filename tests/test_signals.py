"""A signal sets the event, and afterwards everything is as it was."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from micstream.signals import ENDING, set_on_signals


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_each_sets_the_event_and_ends_nothing(number: signal.Signals) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        with set_on_signals(stop):
            os.kill(os.getpid(), number)
            async with asyncio.timeout(5):
                await stop.wait()
            os.kill(os.getpid(), number)  # one more, while it is ending
            await asyncio.sleep(0)

    asyncio.run(run())


@pytest.mark.parametrize("how", ["default", "ignored", "own"])
def test_handlers_are_put_back(how: str) -> None:
    def own(_: int, __: FrameType | None) -> None:
        pass

    handler: Any = {"default": signal.SIG_DFL, "ignored": signal.SIG_IGN, "own": own}[how]

    async def run() -> None:
        for number in ENDING:
            signal.signal(number, handler)
        with pytest.raises(ZeroDivisionError), set_on_signals(asyncio.Event()):
            taken = [signal.getsignal(number) is not handler for number in ENDING]
            assert all(taken) if how != "ignored" else not any(taken)
            raise ZeroDivisionError
        assert all(signal.getsignal(number) is handler for number in ENDING)

    asyncio.run(run())


def test_what_is_ignored_ends_nothing() -> None:
    """As under `nohup`, or behind a script's `&`."""

    async def run() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        stop = asyncio.Event()
        with set_on_signals(stop):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(5):
                await stop.wait()

    asyncio.run(run())


def test_one_within_another_leaves_the_outer_one_at_work() -> None:
    """The demo's own, and the session's within it."""

    async def run() -> None:
        outer, inner = asyncio.Event(), asyncio.Event()
        with set_on_signals(outer):
            with set_on_signals(inner):
                os.kill(os.getpid(), signal.SIGTERM)
                async with asyncio.timeout(5):
                    await inner.wait()
            assert not outer.is_set()
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(5):
                await outer.wait()

    asyncio.run(run())
