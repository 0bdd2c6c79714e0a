"""The reference's flashes and clicks, found in what a viewer got of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.errors import InputError
from micstream.lab.reference import calibrated
from micstream.lab.take import RATE, Pictures, Take
from micstream.lab.transport import Calibration
from tests.support.takes_of_lab import BEGAN, BLOCK

FPS = 25
EVERY = (0.8, 0.96, 0.88, 1.04)


def seen_and_heard(
    late_s: float, way_s: float, count: int = 16, jitter_s: float = 0.0
) -> tuple[Take, list[float]]:
    """A recording of so many, whose flashes are so late; and when the clicks were handed over."""
    rng = np.random.default_rng(1)
    times, at = [], 0.92
    for number in range(count):
        times.append(at)
        at += EVERY[number % len(EVERY)]
    line = rng.normal(0, 10, round((at + 1) * RATE))
    click = 20_000 * np.sin(np.arange(160) / 160 * 2 * np.pi * 15)
    for each in times:
        line[round(each * RATE) : round(each * RATE) + 160] += click
    blocks = [(n, BEGAN + n / RATE + rng.exponential(0.002)) for n in range(0, line.size, BLOCK)]
    due = np.arange(round((at + 0.5) * FPS)) / FPS
    light = np.zeros(due.size)
    for each in times:
        first = round(each * FPS)
        light[first : first + 2] = 200
    shown = due + late_s + rng.normal(0, jitter_s, due.size)
    pictures = Pictures(
        arrived=BEGAN + shown,
        due=shown + 77.0 if not jitter_s else np.zeros(due.size),
        cells=np.repeat(light, 4).reshape(-1, 2, 2).astype(np.float32),
        stamps=BEGAN + due - 0.02,
    )
    take = Take("reference", (), line.astype(np.int16), blocks, pictures)
    return take, [BEGAN + each - way_s for each in times]


@settings(max_examples=15, deadline=None)
@given(st.integers(-200, 200), st.integers(20, 300))
def test_the_offset_and_the_way_are_those_that_were_put_in(late_ms: int, way_ms: int) -> None:
    take, said = seen_and_heard(late_ms / 1000, way_ms / 1000)
    found = calibrated(take, said)
    assert found.offset_ms == pytest.approx(late_ms, abs=5)
    assert found.sound_way_ms == pytest.approx(way_ms, abs=5)
    assert found.pairs >= 15
    assert found.is_steady


def test_a_path_that_wanders_is_not_steady_and_nor_is_too_little() -> None:
    assert not calibrated(seen_and_heard(0.0, 0.05, jitter_s=0.06)[0]).is_steady
    assert not calibrated(seen_and_heard(0.0, 0.05, count=4)[0]).is_steady
    none = Pictures(np.zeros(0), np.zeros(0), np.zeros((0, 1, 1), np.float32), np.zeros(0))
    dark = calibrated(Take("reference", (), np.zeros(RATE, np.int16), [(0, BEGAN)], none))
    assert not dark.is_steady
    assert dark.pairs == 0


@given(st.floats(-300, 300), st.floats(0, 100), st.integers(0, 99))
def test_a_calibration_is_read_as_it_was_written(offset: float, spread: float, pairs: int) -> None:
    known = Calibration(round(offset, 2), round(spread, 2), pairs, 40.0, None)
    assert Calibration.from_dict(known.as_dict()) == known


@pytest.mark.parametrize("told", [{}, {"schema": 1}, {"schema": 2, "offset_ms": "x"}])
def test_what_is_none_is_told(told: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no calibration"):
        Calibration.from_dict(told)
