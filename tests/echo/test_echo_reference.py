"""A reference is laid beside the microphone's sound, however it arrives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.format import AudioFormat
from micstream.echo.reference import Arriving, Beside
from micstream.errors import AudioDeviceError
from testbed.sources import Silent

RATE, FRAME = 16_000, 160


def ramp(samples: int) -> bytes:
    return (np.arange(samples) % 20_000 + 1).astype("<i2").tobytes()


@settings(max_examples=40)
@given(late=st.lists(st.floats(0, 0.015), min_size=50, max_size=50), ppm=st.floats(-100, 100))
def test_its_place_stands_still_while_blocks_come_late(late: list[float], ppm: float) -> None:
    sound, reference = ramp(30 * RATE), Arriving()
    places, held = [], 0.0
    for number in range(2_000):
        arrived = 5.0 + (number + 1) * 0.01 * (1 + ppm / 1e6) + late[number % 50]
        held = max(held, arrived)
        reference.push(sound[number * FRAME * 2 : (number + 1) * FRAME * 2], held)
        if number > 600:
            at = 5.0 + number * 0.01 - 0.005
            taken = np.frombuffer(reference.take(FRAME, at), np.int16)
            places.append(int(taken[0]) - number * FRAME)
    whole = np.array(places) % 20_000
    moved = np.flatnonzero(np.diff(whole))
    assert reference.missed == 0
    assert len(moved) <= 2  # 100 ppm are 1.4 ms in 14 s


def test_what_has_not_come_is_silence_and_counted() -> None:
    reference = Arriving()
    assert reference.take(FRAME, 1.0) == bytes(2 * FRAME)
    assert reference.missed == 0  # nobody plays anything
    reference.push(ramp(FRAME), 1.0)
    assert reference.take(FRAME, 3.0) == bytes(2 * FRAME)
    assert reference.missed == FRAME


def test_another_track_has_another_clock() -> None:
    reference = Arriving()
    reference.push(ramp(FRAME), 1.0)
    reference.break_off()
    for number in range(20):
        reference.push(ramp(FRAME), 9.0 + number * 0.01)
    assert any(reference.take(FRAME, 9.05))


def test_a_channel_of_the_same_device_stands_beside_the_other() -> None:
    both = np.stack([np.arange(1_000), 20_000 + np.arange(1_000)], axis=1).astype("<i2")
    reference = Beside(2)
    source = Silent(RATE, 2)
    assert source.format == AudioFormat(RATE, 2)
    reference.open(source)
    reference.hear(both.tobytes())
    assert np.frombuffer(reference.take(600, 0.0), np.int16)[599] == 20_599
    reference.finish()
    rest = np.frombuffer(reference.take(600, 0.0), np.int16)
    assert rest[399] == 20_999 and not rest[400:].any()


def test_a_channel_that_the_device_does_not_have_is_an_error() -> None:
    with pytest.raises(AudioDeviceError, match="no channel 3") as told:
        Beside(3).open(Silent(RATE, 2))
    assert told.value.code == "no_channel"
