"""What a stock receiver makes of a segment's sound: laws on any pieces, and a few by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.lab.playing import FRAME_S, Playing

RATE = 16_000
FRAME = 3_200
"""Bytes of 100 ms."""


def played(*pieces: tuple[float, int], closed_at: float, after: float = 0.0) -> Playing:
    playing = Playing(RATE, 1, after=after)
    for at, size in pieces:
        playing.push(size, at)
    playing.close(closed_at)
    return playing


def test_it_begins_with_the_first_whole_frame() -> None:
    playing = Playing(RATE, 1, after=0.0)
    playing.push(FRAME - 2, 1.0)
    assert playing.started_at is None
    playing.push(2, 1.5)
    assert playing.started_at == 1.5
    assert playing.ends_at == pytest.approx(1.6)


def test_what_comes_in_time_has_no_gap() -> None:
    pieces = [(1.0, 2 * FRAME), *((1.1 + 0.1 * n, FRAME) for n in range(8))]
    playing = played(*pieces, closed_at=2.0)
    assert (playing.gaps, playing.gap_s) == (0, 0.0)
    assert playing.ends_at == pytest.approx(2.0)


def test_what_comes_late_is_a_gap_as_long_as_it_is_late() -> None:
    playing = played((1.0, FRAME), (1.35, FRAME), (1.4, FRAME), closed_at=1.5)
    assert playing.gaps == 1
    assert playing.gap_s == pytest.approx(0.25)
    assert playing.ends_at == pytest.approx(1.55)


def test_the_last_frame_is_as_long_as_what_is_left() -> None:
    playing = played((1.0, FRAME + 800), closed_at=1.01)
    assert playing.ends_at == pytest.approx(1.125)
    assert playing.seconds == pytest.approx(0.125)


def test_it_waits_for_the_one_before_it() -> None:
    playing = played((1.0, FRAME), closed_at=1.0, after=5.0)
    assert playing.started_at == 5.0
    assert playing.position_s(4.0) == pytest.approx(0.0)
    assert playing.position_s(5.05) == pytest.approx(0.05)
    assert playing.position_s(9.0) == pytest.approx(0.1)


@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 9_000)), min_size=1, max_size=30),
    st.floats(0, 3),
)
def test_all_of_it_is_played_once(pieces: list[tuple[float, int]], after: float) -> None:
    playing, now, last = Playing(RATE, 1, after=after), 1.0, 0.0
    for wait, size in pieces:
        now += wait
        playing.push(size, now)
        assert playing.position_s(now) >= last - 1e-9, "it goes back"
        last = playing.position_s(now)
    playing.close(now)
    total = sum(size for _, size in pieces) / 2 / RATE
    assert playing.seconds == pytest.approx(total)
    assert playing.position_s(playing.ends_at + 1) == pytest.approx(total)
    assert playing.started_at is not None
    assert playing.started_at >= after
    spent = playing.ends_at - playing.started_at
    unheard = len(pieces) * 0.005  # gaps that are too short to count
    assert total + playing.gap_s - 1e-6 <= spent <= total + playing.gap_s + unheard + 1e-6


@given(st.lists(st.integers(2, 400), min_size=1, max_size=40))
def test_how_it_is_cut_does_not_matter_where_it_comes_at_once(sizes: list[int]) -> None:
    pieces = played(*((1.0, size * 2) for size in sizes), closed_at=1.0)
    whole = played((1.0, sum(sizes) * 2), closed_at=1.0)
    assert pieces.ends_at == pytest.approx(whole.ends_at)
    assert pieces.gaps == whole.gaps == 0
    assert pieces.seconds >= FRAME_S or pieces.started_at == 1.0
