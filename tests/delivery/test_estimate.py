"""Lateness, as calls that queue behind the sound show it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.delivery.estimate import (
    SLOW_CAPACITY_S,
    STALLED_S,
    TRY_CAPACITY_S,
    TRY_S,
    DeliveryEstimate,
)


def capacity_s(estimate: DeliveryEstimate, sent_s: float, now: float) -> float:
    """What may follow, to whoever has looked; the same to whoever reads it again."""
    read = estimate.capacity_s(sent_s, now)
    estimate.advance(sent_s, now)
    assert estimate.capacity_s(sent_s, now) == read
    return read


def test_a_quick_network_is_never_late() -> None:
    estimate = DeliveryEstimate()
    for second in range(60):
        estimate.asked(now=second)
        estimate.answered(sent_s=second, now=second + 0.01)
        assert estimate.in_flight_s(second + 1.0, now=second + 0.99) == 0.0
    assert estimate.all_arrived(59.0)
    assert not estimate.all_arrived(60.0)


def test_an_avatar_that_never_answers_proves_nothing() -> None:
    estimate = DeliveryEstimate()
    estimate.asked(now=0.0)
    assert estimate.in_flight_s(30.0, now=60.0) == 0.0


def test_one_that_no_longer_answers() -> None:
    estimate = DeliveryEstimate()
    estimate.asked(now=0.0)
    estimate.answered(sent_s=0.0, now=0.1)
    estimate.asked(now=1.0)
    assert estimate.in_flight_s(1.5, now=1.5) == 0.0, "not yet"
    assert estimate.in_flight_s(3.0, now=3.0) == 3.0
    estimate.asked(now=6.0)  # the first one has failed: it is asked again
    assert estimate.in_flight_s(6.1, now=6.1) == pytest.approx(6.1)
    estimate.answered(sent_s=6.0, now=6.2)
    assert estimate.in_flight_s(6.2, now=6.2) == pytest.approx(0.2)


def test_nothing_may_follow_while_an_answer_is_missing() -> None:
    estimate = DeliveryEstimate()
    estimate.asked(now=0.0)
    assert capacity_s(estimate, 3.0, now=60.0) == math.inf, "it may be one that never answers"
    estimate.does_answer()
    assert capacity_s(estimate, 1.0, now=STALLED_S - 0.1) == math.inf
    assert capacity_s(estimate, 2.0, now=STALLED_S) == 0.0
    estimate.asked(now=9.0)
    assert capacity_s(estimate, 2.0, now=9.0) == 0.0, "a second call does not make it better"
    estimate.answered(sent_s=0.5, now=15.0)
    assert capacity_s(estimate, 2.0, now=15.0) == 0.0, "some of it is still on its way"
    estimate.asked(now=15.0)
    estimate.answered(sent_s=2.0, now=17.0)
    assert capacity_s(estimate, 2.0, now=17.0) == SLOW_CAPACITY_S
    assert capacity_s(estimate, 3.5, now=17.0) == pytest.approx(SLOW_CAPACITY_S - 1.5)
    estimate.asked(now=18.0)
    estimate.answered(sent_s=3.5, now=18.1)
    assert capacity_s(estimate, 9.0, now=18.2) == math.inf


def test_after_long_without_an_answer_a_little_more_may_go() -> None:
    estimate = DeliveryEstimate()
    estimate.does_answer()
    estimate.asked(now=0.0)
    assert capacity_s(estimate, 5.0, now=STALLED_S) == 0.0
    assert capacity_s(estimate, 5.2, now=TRY_S - 0.1) == 0.0
    assert capacity_s(estimate, 5.2, now=TRY_S) == pytest.approx(TRY_CAPACITY_S - 0.2)
    assert capacity_s(estimate, 5.0 + TRY_CAPACITY_S, now=TRY_S + 1) == 0.0, "it was used up"
    assert capacity_s(estimate, 5.0 + TRY_CAPACITY_S, now=2 * TRY_S) == TRY_CAPACITY_S, "and again"
    estimate.answered(sent_s=5.0 + TRY_CAPACITY_S, now=2 * TRY_S)
    assert capacity_s(estimate, 5.0 + TRY_CAPACITY_S, now=2 * TRY_S) == SLOW_CAPACITY_S


@given(share=st.floats(0.1, 0.6), seconds=st.integers(10, 60))
def test_a_slow_network_is_known_by_what_it_holds(share: float, seconds: int) -> None:
    """Sound spoken in real time over a line that carries `share` of it: first in, first out."""
    estimate = DeliveryEstimate()
    asked_at: float | None = None
    through = 0.0
    for tick in range(seconds * 50):
        now = tick / 50
        through = min(now, now * share)
        if asked_at is None:
            asked_at = now
            estimate.asked(now)
        elif through >= asked_at:  # the call has come out behind the sound
            estimate.answered(sent_s=asked_at, now=now)
            asked_at = None
    missing = estimate.in_flight_s(seconds, now=seconds)
    held = seconds - through
    assert missing >= 0.9 * held - 1.0, "never much less than the line holds"
    assert missing <= seconds


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "ask", "answer", "arrive", "wait", "any answer"]),
        st.floats(0, 15),
    ),
    max_size=40,
)


@given(STEPS)
def test_reading_changes_nothing_and_time_only_at_its_timer(steps: list[tuple[str, float]]) -> None:
    """One that is read all the time, also ahead, says the same as one that is never read."""
    read, unread = DeliveryEstimate(), DeliveryEstimate()
    now = sent_s = asked_s = 0.0
    for step, amount in steps:
        for each in (read, unread):
            match step:
                case "ask":
                    each.asked(now)
                case "answer":
                    each.answered(asked_s, now)
                case "arrive":
                    each.arrived(sent_s)
                case "any answer":
                    each.does_answer()
        if step == "ask":
            asked_s = sent_s
        elif step == "send":
            sent_s += max(0.0, min(amount, read.capacity_s(sent_s, now)))
        elif step == "wait":
            now = until(read, unread, sent_s, now, now + amount)
        for each in (read, unread):
            each.advance(sent_s, now)
        for later in (now, now + 1, now + 100):
            assert read.in_flight_s(sent_s, later) >= 0
            read.capacity_s(sent_s, later)
        assert read.capacity_s(sent_s, now) == unread.capacity_s(sent_s, now)
        assert read.in_flight_s(sent_s, now) == unread.in_flight_s(sent_s, now)


def until(
    read: DeliveryEstimate, unread: DeliveryEstimate, sent_s: float, now: float, end: float
) -> float:
    """Time passes: what may follow changes at the timers, and at no other moment."""
    while now < end:
        at = read.next_timer(now)
        step = end if at is None else min(end, at)
        before = read.capacity_s(sent_s, now), read.in_flight_s(sent_s, now)
        for share in (0.01, 0.5, 0.99):
            between = now + share * (step - now)
            if step - between > 1e-6:
                assert read.capacity_s(sent_s, between) == before[0]
                assert read.in_flight_s(sent_s, between) == before[1]
        now = min(end, step + 1e-6)  # past the mark
        for each in (read, unread):
            each.advance(sent_s, now)
    return end
