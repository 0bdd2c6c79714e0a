"""When a sample was captured: blocks come late and never early."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.clock import CaptureClock

RATE, BLOCK = 16_000, 320
WINDOW = 500


def test_before_anything_was_captured() -> None:
    assert CaptureClock().at(0) == 0.0


def test_blocks_in_time() -> None:
    clock = CaptureClock()
    for n in range(1, 6):
        clock.observe(n * BLOCK / RATE, 100 + n * 0.020)
    assert clock.at(0) == pytest.approx(100.0)
    assert clock.at(2 * BLOCK / RATE) == pytest.approx(100.040)


def test_late_blocks_do_not_move_it() -> None:
    clock = CaptureClock()
    for n, late in enumerate((0.0, 0.5, 0.48, 0.0, 0.1, 2.0), 1):
        clock.observe(n * BLOCK / RATE, 100 + n * 0.020 + late)
        assert clock.at(0) == pytest.approx(100.0)


def test_an_earlier_block_corrects_it() -> None:
    clock = CaptureClock()
    clock.observe(BLOCK / RATE, 100.020 + 0.3)
    assert clock.at(0) == pytest.approx(100.3)
    clock.observe(2 * BLOCK / RATE, 100.040)
    assert clock.at(0) == pytest.approx(100.0)


def test_it_follows_a_clock_that_drifts() -> None:
    clock = CaptureClock()
    slow = 0.020 * 1.001  # the device delivers a little less than it says
    for n in range(1, 20 * WINDOW):
        clock.observe(n * BLOCK / RATE, 100 + n * slow)
    now = 100 + (20 * WINDOW - 1) * slow
    behind = now - clock.at((20 * WINDOW - 1) * BLOCK / RATE)
    assert 0 <= behind <= WINDOW * 0.020 * 0.0011


@settings(max_examples=15)
@given(
    st.lists(
        # Eighths, so that lateness is exact and ties occur, as they do with a coarse clock.
        st.integers(0, 40).map(lambda n: n / 8),
        min_size=1,
        max_size=60,
    )
)
def test_the_earliest_of_the_recent_hand_overs_counts(pattern: list[float]) -> None:
    lateness = (pattern * (3 * WINDOW // len(pattern)))[: 2 * WINDOW + len(pattern)]
    clock = CaptureClock()
    for n, late in enumerate(lateness, 1):
        clock.observe(n / 8, n / 8 + late)
        if n % 97 == 0:
            assert clock.at(0) == min(lateness[max(0, n - WINDOW) : n])
    assert clock.at(0) == min(lateness[-WINDOW:])
