"""The path shows in answers and gaps: far or near, uneven, and whether it loses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.delivery.path import CALM, ENOUGH, FAR_MS, KEPT, NUDGES, Path


def path(*took_ms: float) -> Path:
    made = Path()
    for each in took_ms:
        made.answered(each)
    return made


def test_nothing_is_known_at_first() -> None:
    made = path(*[80.0] * (ENOUGH - 1))
    assert (made.round_trip_ms, made.allowance_ms, made.nudges) == (0, 0, 0)
    made.lacked(500)
    assert not made.loses


@given(st.lists(st.floats(0, FAR_MS - 0.1), min_size=ENOUGH, max_size=40), st.floats(0, 5_000))
def test_on_a_near_path_answers_say_nothing_of_it(took: list[float], gap_ms: float) -> None:
    made = path(*took)
    made.lacked(gap_ms)
    assert (made.jitter_ms, made.allowance_ms, made.nudges, made.loses) == (0, 0, 0, False)


@given(st.floats(30, 400), st.floats(0, 40), st.integers(0, 1_000))
def test_jitter_is_never_more_than_half_of_what_answers_differ_by(
    least: float, spread: float, seed: int
) -> None:
    took = [least + spread * ((seed * n * 37) % 101) / 100 for n in range(KEPT)]
    made = path(*took)
    assert 0 <= made.jitter_ms <= spread / 2
    assert made.nudges == 0
    assert made.allowance_ms <= spread / 2 + 0.5


def test_an_uneven_path_is_allowed_for() -> None:
    made = path(60, 100, 62, 98, 70, 95, 64, 99)
    assert made.jitter_ms == pytest.approx(19.5)
    assert made.allowance_ms == 20


@pytest.mark.parametrize("shows", ["answer", "gap"])
def test_what_is_sent_again_shows_and_is_forgotten(shows: str) -> None:
    made = path(*[80.0] * 8)
    assert not made.loses
    if shows == "answer":
        made.answered(170)
    else:
        made.lacked(50)
    assert (made.loses, made.nudges, made.allowance_ms) == (True, NUDGES, 80)
    for _ in range(CALM - 1):
        made.played()
    assert made.loses
    made.played()
    assert (made.loses, made.nudges, made.allowance_ms) == (False, 0, 0)


def test_a_small_gap_is_the_jitters() -> None:
    made = path(*[80.0] * 8)
    made.lacked(39)
    assert not made.loses


@given(st.lists(st.floats(0, 10_000), max_size=60))
def test_what_it_was_like_long_ago_counts_no_more(before: list[float]) -> None:
    made = path(*before, *[50.0] * KEPT)
    assert made.round_trip_ms == 50
    assert made.jitter_ms == 0
