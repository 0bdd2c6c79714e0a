"""Minima and means that run along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.speech.extremes import Least, Smooth

VALUES = st.lists(st.floats(-200, 200), max_size=80)
FEW = st.lists(st.integers(-3, 3).map(float), max_size=80)
"""Equal ones among them."""


@given(values=VALUES | FEW, count=st.integers(1, 30))
def test_the_least_is_that_of_the_slice(values: list[float], count: int) -> None:
    least = Least(count)
    for at, value in enumerate(values):
        assert least.push(value) == min(values[max(0, at + 1 - count) : at + 1])


@given(values=VALUES | FEW, count=st.integers(1, 30))
def test_negated_it_is_the_greatest(values: list[float], count: int) -> None:
    least = Least(count)
    for at, value in enumerate(values):
        assert -least.push(-value) == max(values[max(0, at + 1 - count) : at + 1])


@given(values=VALUES, keep=st.floats(0, 0.99))
def test_a_mean_lies_between_what_it_has_heard(values: list[float], keep: float) -> None:
    smooth = Smooth(keep)
    for at, value in enumerate(values):
        heard = values[: at + 1]
        assert min(heard) - 1e-9 <= smooth.push(value) <= max(heard) + 1e-9


def test_the_first_is_taken_as_it_is_and_what_follows_by_its_share() -> None:
    smooth = Smooth(0.75)
    assert smooth.push(-40.0) == -40.0
    assert smooth.push(0.0) == pytest.approx(-30.0)
    assert smooth.push(0.0) == pytest.approx(-22.5)
