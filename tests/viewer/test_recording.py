"""Recordings: what is held, what was dropped, and what is waited for."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.viewer.picture import PictureFrame
from micstream.viewer.recording import LOUD, PictureRecording, SoundRecording
from micstream.viewer.sound import RATE, SoundBlock

SIZE = RATE // 100


def block(number: int, level: int = 0, *, at: float | None = None, size: int = SIZE) -> SoundBlock:
    """The `number`th block of 10 ms; it came 1,000 s and as much after the epoch."""
    pcm = np.full(size, level, dtype=np.int16).tobytes()
    arrived = number / 100 if at is None else at
    return SoundBlock(pcm, number * SIZE, arrived, 1000 + arrived, "TR_1")


def frame(number: int, size: tuple[int, int] = (4, 2)) -> PictureFrame:
    pixels = memoryview(bytes(range(size[0] * size[1] * 3 // 2)))
    return PictureFrame(*size, number * 40_000, number / 25, 1000 + number / 25, "TR_2", pixels)


def recorded(levels: list[int], max_s: float = 3600.0) -> SoundRecording:
    recording = SoundRecording(max_s)
    for number, level in enumerate(levels):
        recording.push(block(number, level))
    return recording


@given(levels=st.lists(st.sampled_from([0, LOUD, LOUD + 1, -LOUD - 1, -32_768]), max_size=80))
def test_what_is_loud_and_what_silent_is_told_block_by_block(levels: list[int]) -> None:
    recording = recorded(levels)
    loud = [abs(level) > LOUD for level in levels]
    assert recording.loud_s() == pytest.approx(sum(loud) / 100)
    after = loud[::-1].index(True) if any(loud) else len(loud)
    assert recording.silent_s() == pytest.approx(after / 100)
    first = 1000 + loud.index(True) / 100 if any(loud) else None
    assert recording.first_loud_at() == first
    assert recording.loud_s(since=1000 + len(levels) / 200) == pytest.approx(
        sum(loud[(len(levels) + 1) // 2 :]) / 100
    )
    assert recording.received_s(since=1000 + 0.01) == pytest.approx(max(0, len(levels) - 1) / 100)
    assert recording.is_receiving == bool(levels)


@given(
    sizes=st.lists(st.integers(1, 3 * SIZE), max_size=60),
    max_s=st.floats(0.02, 0.5),
)
def test_no_more_is_held_than_the_bound_and_a_second_of_blocks_is_dropped_at_once(
    sizes: list[int], max_s: float
) -> None:
    recording = SoundRecording(max_s)
    whole = np.empty(0, dtype=np.int16)
    for number, size in enumerate(sizes):
        recording.push(block(number, number + 1, size=size))
        whole = np.concatenate([whole, np.full(size, number + 1, dtype=np.int16)])
        assert recording.seconds <= max(round(max_s * RATE), size) / RATE
        dropped = round(recording.dropped_s * RATE)
        assert dropped + recording.sound.size == whole.size, "all is held or counted"
        assert np.array_equal(recording.sound, whole[dropped:])
        starts = [start for start, _ in recording.arrivals]
        assert all(whole[dropped + start] != whole[dropped + start - 1] for start in starts[1:])


def test_nothing_is_dropped_below_the_bound() -> None:
    recording = recorded([1] * 100, max_s=1.0)
    assert (recording.seconds, recording.dropped_s) == (1.0, 0.0)
    recording.push(block(100, 2))
    assert recording.seconds + recording.dropped_s == pytest.approx(1.01)


def test_each_block_has_the_time_at_which_it_came() -> None:
    recording = SoundRecording()
    for number, at in enumerate((0.5, 0.5, 0.6)):
        recording.push(block(number, at=at))
    assert recording.arrivals == [(0, 1000.5), (SIZE, 1000.5), (2 * SIZE, 1000.6)]


async def test_sound_and_silence_are_waited_for() -> None:
    recording = SoundRecording()
    steps = [
        asyncio.create_task(recording.until_receiving()),
        asyncio.create_task(recording.until_loud(0.02)),
        asyncio.create_task(recording.until_silent(0.02)),
    ]
    done = []
    for number, level in enumerate([0, 900, 900, 900, 0, 0, 0]):
        recording.push(block(number, level))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append([step.done() for step in steps])
    assert done == [
        [True, False, False],
        [True, False, False],
        [True, False, False],
        [True, True, False],
        [True, True, False],
        [True, True, False],
        [True, True, True],
    ]


async def test_whoever_waits_for_a_recording_hears_that_reading_failed() -> None:
    for recording in (SoundRecording(), PictureRecording()):
        recording.end(None)
        recording.end(ValueError("the SDK"))
        with pytest.raises(ValueError, match="the SDK"):
            if isinstance(recording, SoundRecording):
                await recording.until_receiving()
            else:
                await recording.until_frames()


async def test_frames_are_counted_with_their_times_and_without_their_pixels() -> None:
    recording = PictureRecording(max_frames=2)
    waiting = asyncio.create_task(recording.until_frames(3))
    for number in range(3):
        await asyncio.sleep(0)
        assert not waiting.done()
        recording.push(frame(number, (8 + 2 * number, 4)))
    await waiting
    assert recording.frames == 3
    assert recording.size == (12, 4)
    assert recording.first_arrived == 0.0
    assert recording.arrivals == [(40_000, 1000.04), (80_000, 1000.08)], "the last two are held"


def test_a_frames_brightness_is_its_first_plane() -> None:
    assert frame(0).luma.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
