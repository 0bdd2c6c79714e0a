"""What was not heard is told at once, and then added up: nothing is buried, nothing left out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.events import Event
from micstream.view.losses import Losses

BYE = events.Bye(
    t=1e6,
    utterances=0,
    seconds=0,
    dropped=0,
    delay_median_ms=None,
    delay_p95_ms=None,
    faults=0,
)


def lost(at: float, seconds: float = 1.0, why: str = "no avatar yet") -> Event:
    return events.Dropped(t=at, seconds=seconds, why=why)


def told(*happened: Event) -> list[str]:
    losses = Losses()
    return [line for event in happened for line in losses.push(event)]


def test_the_first_is_told_at_once_and_the_rest_as_one() -> None:
    assert told(*[lost(float(at)) for at in range(10)], events.Ready(t=11.0)) == [
        "not heard, 1.0 s: no avatar yet",
        "not heard, 9.0 s more: no avatar yet",
    ]


def test_each_reason_is_told_at_once() -> None:
    assert len(told(lost(0), lost(0, why="interrupted"), lost(0, why="interrupted"))) == 2


def test_what_comes_later_is_told_at_once_again() -> None:
    assert told(lost(0), lost(60)) == ["not heard, 1.0 s: no avatar yet"] * 2


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100), st.integers(1, 50), st.sampled_from(["late", "slow"]), st.booleans()
        ),
        max_size=40,
    )
)
def test_all_of_it_is_told_in_the_end(record: list[tuple[float, int, str, bool]]) -> None:
    """Also where the clock is set back meanwhile."""
    happened: list[Event] = [
        lost(at, tenths / 10, why) if is_loss else events.Ready(t=at)
        for at, tenths, why, is_loss in record
    ]
    whole = sum(tenths / 10 for _, tenths, _, is_loss in record if is_loss)
    lines = told(*happened, BYE)
    seconds = [float(re.findall(r"heard, ([\d.]+) s", line)[0]) for line in lines]
    assert sum(seconds) == pytest.approx(whole, abs=0.06 * len(lines) + 1e-6)
