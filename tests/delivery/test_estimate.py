"""Lateness, as calls that queue behind the sound show it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.delivery.estimate import SLOW_ROOM_S, STALLED_S, TRY_ROOM_S, TRY_S, Transit


def test_a_quick_network_is_never_late() -> None:
    transit = Transit()
    for second in range(60):
        transit.asked(now=second)
        transit.answered(sent_s=second, now=second + 0.01)
        assert transit.missing_s(second + 1.0, now=second + 0.99) == 0.0
    assert transit.all_arrived(59.0)
    assert not transit.all_arrived(60.0)


def test_an_avatar_that_never_answers_proves_nothing() -> None:
    transit = Transit()
    transit.asked(now=0.0)
    assert transit.missing_s(30.0, now=60.0) == 0.0


def test_one_that_no_longer_answers() -> None:
    transit = Transit()
    transit.asked(now=0.0)
    transit.answered(sent_s=0.0, now=0.1)
    transit.asked(now=1.0)
    assert transit.missing_s(1.5, now=1.5) == 0.0, "not yet"
    assert transit.missing_s(3.0, now=3.0) == 3.0
    transit.asked(now=6.0)  # the first one has failed: it is asked again
    assert transit.missing_s(6.1, now=6.1) == pytest.approx(6.1)
    transit.answered(sent_s=6.0, now=6.2)
    assert transit.missing_s(6.2, now=6.2) == pytest.approx(0.2)


def test_nothing_may_follow_while_an_answer_is_missing() -> None:
    transit = Transit()
    transit.asked(now=0.0)
    assert transit.room_s(3.0, now=60.0) == math.inf, "it may be one that never answers"
    transit.does_answer()
    assert transit.room_s(1.0, now=STALLED_S - 0.1) == math.inf
    assert transit.room_s(2.0, now=STALLED_S) == 0.0
    transit.asked(now=9.0)
    assert transit.room_s(2.0, now=9.0) == 0.0, "a second call does not make it better"
    transit.answered(sent_s=0.5, now=15.0)
    assert transit.room_s(2.0, now=15.0) == 0.0, "some of it is still on its way"
    transit.asked(now=15.0)
    transit.answered(sent_s=2.0, now=17.0)
    assert transit.room_s(2.0, now=17.0) == SLOW_ROOM_S
    assert transit.room_s(3.5, now=17.0) == pytest.approx(SLOW_ROOM_S - 1.5)
    transit.asked(now=18.0)
    transit.answered(sent_s=3.5, now=18.1)
    assert transit.room_s(9.0, now=18.2) == math.inf


def test_after_long_without_an_answer_a_little_more_may_go() -> None:
    transit = Transit()
    transit.does_answer()
    transit.asked(now=0.0)
    assert transit.room_s(5.0, now=STALLED_S) == 0.0
    assert transit.room_s(5.2, now=TRY_S - 0.1) == 0.0
    assert transit.room_s(5.2, now=TRY_S) == pytest.approx(TRY_ROOM_S - 0.2)
    assert transit.room_s(5.0 + TRY_ROOM_S, now=TRY_S + 1) == 0.0, "it was used up"
    assert transit.room_s(5.0 + TRY_ROOM_S, now=2 * TRY_S) == TRY_ROOM_S, "and again"
    transit.answered(sent_s=5.0 + TRY_ROOM_S, now=2 * TRY_S)
    assert transit.room_s(5.0 + TRY_ROOM_S, now=2 * TRY_S) == SLOW_ROOM_S


@given(share=st.floats(0.1, 0.6), seconds=st.integers(10, 60))
def test_a_slow_network_is_known_by_what_it_holds(share: float, seconds: int) -> None:
    """Sound spoken in real time over a line that carries `share` of it: first in, first out."""
    transit = Transit()
    asked_at: float | None = None
    through = 0.0
    for tick in range(seconds * 50):
        now = tick / 50
        through = min(now, now * share)
        if asked_at is None:
            asked_at = now
            transit.asked(now)
        elif through >= asked_at:  # the call has come out behind the sound
            transit.answered(sent_s=asked_at, now=now)
            asked_at = None
    missing = transit.missing_s(seconds, now=seconds)
    held = seconds - through
    assert missing >= 0.9 * held - 1.0, "never much less than the line holds"
    assert missing <= seconds
