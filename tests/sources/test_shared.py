"""One capture, several picks: each has all of it, and what it is too slow for is told it alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.errors import AudioDeviceError
from micstream.sound_path import SoundPath
from micstream.sources.shared import Shared
from micstream.sources.source import Away, Block, Item, Lost, Opened
from micstream.speech.events import EndReason, Speech
from micstream.speech.whole import Whole
from testbed.sources import GONE, Pushed, Silent, first_of

DESK = Silent(channels=2, name="desk")


def block(ends_at: float, frames: int = 160) -> Block:
    return Block(bytes(frames * 4), ends_at)


@asynccontextmanager
async def running(shared: Shared) -> AsyncIterator[None]:
    task = asyncio.create_task(shared.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_each_path_hears_the_channel_that_it_picks() -> None:
    device = Pushed()
    shared = Shared(device)
    picks = [shared.pick(1), shared.pick(2)]
    left, right = np.arange(1, 161), np.arange(1_001, 1_161)
    both = np.stack([left, right], axis=1).astype("<i2").tobytes()
    device.push(Opened(DESK), Block(both, 1.0))
    async with running(shared):
        for pick, channel in zip(picks, (left, right), strict=True):
            opened, sound = await first_of(pick, 2)
            assert isinstance(opened, Opened)
            assert isinstance(sound, Block)
            path = SoundPath(Whole())
            path.open(opened.source)
            events = [*path.push(sound), *path.finish(EndReason.SOURCE_ENDED)]
            pcm = b"".join(event.pcm for event, _ in events if isinstance(event, Speech))
            assert pcm == channel.astype("<i2").tobytes()
    assert device.closed


async def test_losses_and_openings_are_everybodys() -> None:
    device = Pushed()
    shared = Shared(device)
    picks = [shared.pick(0), shared.pick(2)]
    device.push(Opened(DESK), block(1.0), Lost(DESK, GONE), Away(DESK, GONE))
    device.push(Opened(DESK, again=True), block(9.0))
    async with running(shared):
        for number, pick in zip((0, 2), picks, strict=True):
            items = await first_of(pick, 6)
            assert [type(item) for item in items] == [Opened, Block, Lost, Away, Opened, Block]
            lost, away, again = items[2:5]
            assert isinstance(lost, Lost)
            assert isinstance(away, Away)
            assert away.error is GONE
            assert isinstance(again, Opened)
            assert lost.error is GONE
            assert again.again
            assert (again.source.name, again.source.pick) == ("desk", number)


async def test_a_device_that_cannot_be_opened_is_everybodys_error() -> None:
    device = Pushed()
    shared = Shared(device)
    pick = shared.pick(1)
    device.push(GONE)
    with pytest.raises(AudioDeviceError, match="gone"):
        await shared.run()
    with pytest.raises(AudioDeviceError, match="gone"):
        await anext(pick.items())


async def test_a_channel_that_is_not_there_is_the_error_of_who_picked_it() -> None:
    device = Pushed()
    shared = Shared(device)
    one, three = shared.pick(1), shared.pick(3)
    device.push(Opened(DESK), block(1.0))
    async with running(shared):
        assert len(await first_of(one, 2)) == 2
        with pytest.raises(AudioDeviceError, match="2 channels; picked: 3"):
            await anext(three.items())


async def test_the_picks_end_with_it() -> None:
    device = Pushed()
    shared = Shared(device)
    pick = shared.pick(1)
    device.push(Opened(DESK), block(1.0))
    async with running(shared):
        await device.until_taken()
    assert len([item async for item in pick.items()]) == 2


@settings(max_examples=200)
@given(
    st.lists(st.one_of(st.integers(0, 800), st.just("take")), max_size=40),
    st.integers(1, 60),
)
def test_what_one_does_not_take_in_time_is_lost_to_it_and_told(
    acts: list[int | str], hundredths: int
) -> None:
    """All time is sound or told as lost, and never more is held than may be."""

    async def run() -> None:
        shared = Shared(Pushed(), capacity_s=hundredths / 100)
        pick = shared.pick(1)
        pick.push(Opened(DESK))
        items = pick.items()
        assert isinstance(await anext(items), Opened)
        now, seen, held_s = 0.0, 0.0, 0.0
        taken: list[Item] = []
        for act in (*acts, *["take"] * 40, 1, "take"):
            if isinstance(act, int):
                now += act / 16_000
                pick.push(block(now, act))
            elif pick._held:
                taken.append(await anext(items))
            held_s = sum(seconds for _, seconds in pick._held)
            assert held_s <= hundredths / 100 + 1e-9
        for item in taken:
            assert isinstance(item, Block)
            seen += item.lost_s + len(item.pcm) / 64_000
            assert item.ends_at == pytest.approx(seen)
            assert item.lost_code == ("slow" if item.lost_s else "")
        assert seen == pytest.approx(now)

    asyncio.run(run())
