"""Taps: every sample once and in order, what is not read in time counted, nothing without them."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.sound_path import SoundPath
from micstream.sources.source import Block
from micstream.speech.events import EndReason
from micstream.speech.whole import Whole
from micstream.taps import Captured, Sent, Tap, Taps
from testbed.sources import opened
from tests.support.scripted import ramp


def piece(start: int, samples: int) -> Captured:
    return Captured("m", 0, start, start / 16_000, ramp(start + samples)[2 * start :], False)


async def read(tap: Tap) -> list[Captured | Sent]:
    """All that it holds; it must be closed."""
    return [sound async for sound in tap]


@settings(max_examples=200)
@given(
    st.lists(st.one_of(st.integers(1, 900), st.just("read")), max_size=60),
    st.integers(1, 3_000),
)
def test_all_is_read_in_order_or_counted_as_lost(acts: list[int | str], capacity: int) -> None:
    async def run() -> None:
        taps = Taps()
        got: list[Captured] = []
        at = 0
        with taps.tap(capacity_s=capacity / 16_000) as tap:
            for act in acts:
                if isinstance(act, int):
                    taps.captured(piece(at, act))
                    at += act
                elif tap._held:
                    sound = await anext(tap)
                    assert isinstance(sound, Captured)
                    got.append(sound)
                held = sum(len(sound.pcm) // 2 for sound in tap._held)
                assert held <= capacity
        got += [sound for sound in await read(tap) if isinstance(sound, Captured)]
        assert all(one.end <= other.start for one, other in pairwise(got))
        whole = ramp(at)
        assert all(sound.pcm == whole[2 * sound.start : 2 * sound.end] for sound in got)
        gaps = at - sum(sound.end - sound.start for sound in got)
        assert tap.lost_s == pytest.approx(gaps / 16_000)

    asyncio.run(run())


async def test_captured_and_sent_come_in_the_order_of_their_happening() -> None:
    taps = Taps()
    with taps.tap() as both, taps.tap(sent=False) as heard, taps.tap(captured=False) as said:
        taps.captured(piece(0, 160))
        taps.sent("avatar-a", "u1", 24_000, bytes(4_800), 7.5)
        taps.captured(piece(160, 160))
    kinds = [[type(sound) for sound in await read(tap)] for tap in (both, heard, said)]
    assert kinds == [[Captured, Sent, Captured], [Captured, Captured], [Sent]]


async def test_what_was_sent_says_to_whom_and_when() -> None:
    taps = Taps()
    with taps.tap() as tap:
        taps.sent("avatar-a", "u1", 24_000, bytes(4_800), 7.5)
    (sound,) = await read(tap)
    assert sound == Sent("avatar-a", "u1", 24_000, 7.5, bytes(4_800))
    assert sound.seconds == pytest.approx(0.1)


async def test_who_waits_is_woken_by_sound_and_by_the_end() -> None:
    taps = Taps()
    tap = taps.tap()
    reading = asyncio.create_task(read(tap))
    await asyncio.sleep(0)
    taps.captured(piece(0, 10))
    await asyncio.sleep(0)
    tap.close()
    tap.close()
    assert await reading == [piece(0, 10)]


async def test_after_its_end_nothing_is_copied() -> None:
    taps = Taps()
    assert not taps.active
    assert not taps.wants_sent
    with taps.tap() as tap:
        assert taps.active
        assert taps.wants_sent
    taps.captured(piece(0, 10))
    taps.sent("a", "u1", 16_000, bytes(2), 0.0)
    assert await read(tap) == []
    assert tap.lost_s == 0.0


async def test_a_tap_that_begins_or_ends_in_the_middle_gets_what_lies_between() -> None:
    taps = Taps()
    path = opened(SoundPath(Whole(), listeners=[taps]))
    blocks = [Block(ramp(1_600)[320 * n : 320 * (n + 1)], 5.0 + n / 100) for n in range(10)]
    for block in blocks[:3]:
        list(path.push(block))
    with taps.tap() as tap:
        for block in blocks[3:7]:
            list(path.push(block))
    for block in blocks[7:]:
        list(path.push(block))
    path.finish(EndReason.SOURCE_ENDED)
    sounds = [sound for sound in await read(tap) if isinstance(sound, Captured)]
    assert b"".join(sound.pcm for sound in sounds) == ramp(1_600)[320 * 3 : 320 * 7]
    assert [sound.start for sound in sounds] == [480, 640, 800, 960]


def test_nothing_is_made_while_nobody_taps(monkeypatch: pytest.MonkeyPatch) -> None:
    made: deque[object] = deque()
    monkeypatch.setattr("micstream.sound_path.Captured", made.append)
    monkeypatch.setattr("micstream.taps.Sent", made.append)
    taps = Taps()
    path = opened(SoundPath(Whole(), listeners=[taps]))
    list(path.push(Block(bytes(640), 1.0)))
    taps.sent("a", "u1", 16_000, bytes(2), 0.0)
    assert not made
