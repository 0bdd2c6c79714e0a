"""The prebuffer grows by what is missing, within its bounds, and goes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.delivery.prebuffer import CALM, MAX_MS, SMALL_MS, STUTTER_MS, Prebuffer


def test_it_begins_as_it_was_set() -> None:
    assert Prebuffer(120).ms == 120


def test_it_grows_by_what_was_missing() -> None:
    prebuffer = Prebuffer(100)
    prebuffer.played(had_ms=160, stutter_ms=240)
    assert prebuffer.ms == 400


def test_what_was_sent_with_less_proves_nothing_new() -> None:
    prebuffer = Prebuffer(100)
    for _ in range(3):
        prebuffer.played(had_ms=160, stutter_ms=240)
    assert prebuffer.ms == 400


def test_reports_are_never_exact() -> None:
    prebuffer = Prebuffer(100)
    for _ in range(10):
        prebuffer.played(had_ms=100, stutter_ms=STUTTER_MS - 1)
        assert prebuffer.ms == 100, "one alone proves nothing"
        prebuffer.played(had_ms=100, stutter_ms=SMALL_MS - 1)
    assert prebuffer.ms == 100


def test_two_small_ones_in_a_row_prove_what_both_had() -> None:
    prebuffer = Prebuffer(100)
    prebuffer.played(had_ms=110, stutter_ms=70)
    prebuffer.played(had_ms=110, stutter_ms=30)
    assert prebuffer.ms == 140


def far() -> Prebuffer:
    prebuffer = Prebuffer(100)
    for took_ms in (62.0, 98.0) * 8:
        prebuffer.path.answered(took_ms)
    return prebuffer


def test_on_an_uneven_path_its_jitter_is_added_and_is_no_stutter() -> None:
    prebuffer = far()
    assert prebuffer.ms == 118
    for _ in range(5):
        prebuffer.played(had_ms=118, stutter_ms=SMALL_MS + 30)
    assert prebuffer.ms == 118


def test_where_packets_are_lost_a_round_trip_is_added_and_no_more() -> None:
    prebuffer = far()
    prebuffer.played(had_ms=118, stutter_ms=230)
    assert prebuffer.ms == 180, "its jitter besides"
    prebuffer.played(had_ms=180, stutter_ms=0)
    prebuffer.played(had_ms=180, stutter_ms=120)
    assert prebuffer.ms == 180, "it was lost twice"
    prebuffer.played(had_ms=180, stutter_ms=150)
    assert prebuffer.ms == 300, "what is missing all the same"
    for _ in range(60):
        prebuffer.played(had_ms=200, stutter_ms=0)
    assert prebuffer.ms == 118


def test_it_goes_back_by_halves() -> None:
    prebuffer = Prebuffer(100)
    prebuffer.played(had_ms=100, stutter_ms=400)
    seen = []
    for _ in range(6 * CALM):
        prebuffer.played(had_ms=prebuffer.ms, stutter_ms=0)
        seen.append(prebuffer.ms)
    assert seen[CALM - 2] == 500, "not at once"
    assert seen[CALM - 1] == 300
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 100


@pytest.mark.parametrize("least", [0, 100, 3_000])
def test_a_long_outage_does_not_make_it_long(least: int) -> None:
    prebuffer = Prebuffer(least)
    prebuffer.played(had_ms=200, stutter_ms=30_000)
    assert prebuffer.ms == max(least, MAX_MS)


@given(st.integers(0, 5_000), st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 60_000))))
def test_laws(least: int, reports: list[tuple[int, int]]) -> None:
    prebuffer = Prebuffer(least)
    small = False
    for had, stutter in reports:
        before = prebuffer.ms
        prebuffer.played(had, stutter)
        assert least <= prebuffer.ms <= max(least, MAX_MS)
        if stutter >= STUTTER_MS:
            assert prebuffer.ms >= before
            assert prebuffer.ms >= min(max(least, MAX_MS), had + stutter)
        elif not (small and stutter >= SMALL_MS):
            assert prebuffer.ms <= before
        small = stutter >= SMALL_MS
    for _ in range(20 * CALM):
        prebuffer.played(prebuffer.ms, 0)
    assert prebuffer.ms == least
