"""The bus never waits: whoever stalls loses counted events, and the last one comes all the same."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.bus import Bus, Subscription, ThreadConsumer
from micstream.events import Event
from micstream.state import replay
from testbed.waiting import wait_until


def numbered(number: int) -> Event:
    return events.Backlog(avatar="a", seconds=float(number))


def numbers(taken: list[Event]) -> list[float | str]:
    return [each.seconds if isinstance(each, events.Backlog) else each.EVENT for each in taken]


async def test_everyone_gets_everything_in_order() -> None:
    bus = Bus()
    first, second = bus.subscribe("first"), bus.subscribe("second")
    for number in range(5):
        bus.emit(numbered(number))
    bus.emit_summary()
    for each in (first, second):
        assert numbers([event async for event in each]) == [0, 1, 2, 3, 4, "bye"]


async def test_who_comes_later_gets_what_happens_from_then_on() -> None:
    bus = Bus()
    bus.emit(numbered(0))
    late = bus.subscribe("late")
    bus.emit(numbered(1))
    assert numbers(list(late.events)) == [1]


async def test_who_waits_is_woken() -> None:
    bus = Bus()
    waiting = bus.subscribe("waiting")
    taking = asyncio.create_task(anext(waiting))
    await asyncio.sleep(0)
    bus.emit(numbered(7))
    assert numbers([await taking]) == [7]


async def test_a_closed_subscription_gets_no_more_and_ends() -> None:
    bus = Bus()
    ours = bus.subscribe("ours")
    bus.emit(numbered(0))
    ours.close()
    bus.emit(numbered(1))
    assert bus.subscriptions == ()
    assert numbers([event async for event in ours]) == [0]


@given(
    capacity=st.integers(3, 12),
    steps=st.lists(st.one_of(st.just("emit"), st.integers(1, 9)), max_size=120),
)
def test_nothing_is_lost_without_a_count_and_the_last_is_always_had(
    capacity: int, steps: list[str | int]
) -> None:
    """Whatever the reader does: it gets all in order, gaps are told where they are, with counts."""
    bus = Bus()
    slow = bus.subscribe("slow", capacity)
    whole = bus.subscribe("whole", 10_000)
    taken: list[Event] = []
    emitted = 0
    for step in steps:
        if step == "emit":
            bus.emit(numbered(emitted))
            emitted += 1
        else:
            assert isinstance(step, int)
            for _ in range(min(step, len(slow.events))):
                taken.append(slow.events.popleft())
        assert len(slow.events) <= capacity
    bus.emit_summary()
    assert len(slow.events) <= capacity
    taken += slow.events
    assert isinstance(taken[-1], events.Bye)
    expected = 0
    for event in taken[:-1]:
        if isinstance(event, events.Warned):
            assert event.code == "events_lost"
            assert event.count
            expected += event.count
        else:
            assert isinstance(event, events.Backlog)
            assert event.seconds == expected, "a gap that was not told"
            expected += 1
    assert expected == emitted
    told = sum(event.count or 0 for event in taken if isinstance(event, events.Warned))
    assert slow.lost == told == bus.state.lost_events
    assert whole.lost == 0
    assert replay(whole.events) == bus.state


async def test_a_slow_reader_is_told_of_once_for_half_a_queue_not_for_each_event() -> None:
    bus = Bus()
    slow = bus.subscribe("slow", 100)
    for number in range(1_000):
        bus.emit(numbered(number))
        if number % 2:
            slow.events.popleft()
    assert bus.state.warnings <= 10
    assert bus.state.warning is not None
    assert bus.state.warning.code == "events_lost"
    assert "slow" in bus.state.warning.message


def test_what_holds_no_three_events_is_no_queue() -> None:
    with pytest.raises(ValueError, match="3 or more"):
        Subscription("tiny", 2)


async def test_nothing_is_kept_for_one_who_is_gone() -> None:
    bus = Bus()
    bus.subscribe("gone").close()
    bus.emit(numbered(0))
    gc.collect()
    assert bus.subscriptions == ()


# ---- threads -----------------------------------------------------------------------------------


class Stalling:
    """A writer that stands still from its first event on, until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.written: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.go.wait(10)
        self.written.append(event)


async def test_a_writer_that_stalls_holds_up_nothing_and_goes_on_with_the_count() -> None:
    bus, writer = Bus(), Stalling()
    consumer = ThreadConsumer(bus, "the terminal", writer, capacity=50)
    begun = time.monotonic()
    for number in range(1_000):
        bus.emit(numbered(number))
    assert time.monotonic() - begun < 5, "it stands still for ten"
    writer.go.set()
    await wait_until(lambda: not consumer.subscription.events, 5, "what was kept")
    bus.emit(numbered(1_000))
    bus.emit_summary()
    assert await consumer.aclose(5)
    *before, notice, newest, bye = writer.written
    assert numbers(before) == list(range(len(before)))
    assert isinstance(notice, events.Warned)
    assert notice.count == 1_000 - len(before) == bus.state.lost_events
    assert numbers([newest, bye]) == [1_000, "bye"]
    assert await consumer.wait_ended() is None


async def test_one_that_never_goes_on_is_left_behind_in_time() -> None:
    bus, writer = Bus(), Stalling()
    consumer = ThreadConsumer(bus, "a full pipe", writer, capacity=10)
    for number in range(100):
        bus.emit(numbered(number))
    bus.emit_summary()
    begun = time.monotonic()
    assert not await consumer.aclose(0.2)
    assert time.monotonic() - begun < 5, "it stands still for ten"
    writer.go.set()


async def test_the_rest_is_written_before_it_is_closed() -> None:
    bus = Bus()
    written: list[Event] = []
    consumer = ThreadConsumer(bus, "ours", written.append)
    for number in range(500):
        bus.emit(numbered(number))
    assert await consumer.aclose(5)
    assert numbers(written) == list(range(500))
    bus.emit(numbered(500))
    assert len(written) == 500


@asynccontextmanager
async def piped(bus: Bus) -> AsyncIterator[tuple[int, ThreadConsumer]]:
    """A pipe that events are written to; its reading end."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as out:

        def line(event: Event) -> None:
            out.write(event.as_json() + "\n")
            out.flush()

        consumer = ThreadConsumer(bus, "a pipe", line)
        try:
            yield read, consumer
        finally:
            os.close(read)
            await consumer.aclose(5)
            _silence(out)


def _silence(out: object) -> None:
    """What is left in its buffer goes nowhere."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), out.fileno())  # type: ignore[attr-defined]


async def test_whose_reader_goes_away_ends_and_says_so() -> None:
    bus = Bus()
    async with piped(bus) as (read, consumer):
        bus.emit(numbered(0))
        await asyncio.to_thread(os.read, read, 10)
        os.dup2(os.open(os.devnull, os.O_RDONLY), read)
        bus.emit(numbered(1))
        error = await asyncio.wait_for(consumer.wait_ended(), 5)
    assert error is not None
    assert error.errno == errno.EPIPE
    bus.emit(numbered(2))
    assert bus.subscriptions == ()


def failing(error: Exception) -> Callable[[Event], None]:
    def write(_: Event) -> None:
        raise error

    return write


async def test_a_disk_that_is_full_ends_this_one_alone() -> None:
    bus = Bus()
    other = bus.subscribe("other")
    consumer = ThreadConsumer(bus, "a file", failing(OSError(errno.ENOSPC, "full")))
    bus.emit(numbered(0))
    error = await asyncio.wait_for(consumer.wait_ended(), 5)
    assert error is not None
    assert error.errno == errno.ENOSPC
    bus.emit(numbered(1))
    assert numbers(list(other.events)) == [0, 1]


async def test_a_mistake_in_a_writer_reaches_its_owner() -> None:
    bus = Bus()
    consumer = ThreadConsumer(bus, "ours", failing(KeyError("mistake")))
    bus.emit(numbered(0))
    with pytest.raises(KeyError, match="mistake"):
        await asyncio.wait_for(consumer.wait_ended(), 5)
