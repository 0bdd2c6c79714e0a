"""The level on its way to the status: five times a second, and never in an event's place."""

from __future__ import annotations

import asyncio
import threading

from micstream import events
from micstream.bus import Bus, ThreadConsumer
from micstream.cli.run import draw_levels
from micstream.events import Event
from micstream.taps import Captured, Taps
from micstream.view.status import Tick
from testbed.waiting import wait_until

BLOCK_S = 0.032


def block(at: float, amplitude: int = 8_192) -> Captured:
    pcm = (amplitude.to_bytes(2, "little") + (-amplitude).to_bytes(2, "little", signed=True)) * 256
    return Captured(source="USB", channel=0, start=0, at=at, pcm=pcm, speaking=False)


async def drawn(taps: Taps, consumer: ThreadConsumer, *blocks: Captured) -> None:
    drawing = asyncio.create_task(draw_levels(taps, consumer))
    await asyncio.sleep(0)
    for each in blocks:
        taps.captured(each)
        await asyncio.sleep(0)
    drawing.cancel()
    await asyncio.wait({drawing})
    assert not taps.active, "it taps no more"


async def test_the_loudest_of_each_fifth_of_a_second_is_shown() -> None:
    taken: list[Event] = []
    taps, bus = Taps(), Bus()
    consumer = ThreadConsumer(bus, "test", taken.append)
    await drawn(taps, consumer, block(1.0), *[block(1.0 + BLOCK_S * n, 64) for n in range(1, 7)])
    await wait_until(lambda: taken, 5, "the first")
    await drawn(taps, consumer, block(2.0, 0))
    await wait_until(lambda: len(taken) == 2, 5, lambda: f"{taken}")
    assert [event.level_db for event in taken if isinstance(event, Tick)] == [-12, -96]
    assert bus.state.t is None, "it is no event of the bus"
    await consumer.aclose(1)


async def test_where_nobody_reads_no_event_gives_way_to_it() -> None:
    taps, bus, reads = Taps(), Bus(), threading.Event()

    def stands_still(_: Event) -> None:
        reads.wait(10)

    consumer = ThreadConsumer(bus, "test", stands_still, capacity=3)
    for _ in range(2):
        bus.emit(events.Ready())
    await drawn(taps, consumer, *[block(float(at)) for at in range(50)])
    assert consumer.subscription.lost == 0
    assert not any(isinstance(event, Tick) for event in consumer.subscription.events)
    reads.set()
    await consumer.aclose(1)
