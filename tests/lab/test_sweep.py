"""The smallest safe lead is found by few tries, whatever it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micstream.lab.sweep import HIGH_MS, STEP_MS, TIMES, Tried, next_lead, smallest_safe, swept


def sweep(needed_ms: int) -> list[Tried]:
    """Of an avatar that stutters with less than that."""
    tried: list[Tried] = []
    while (lead := next_lead(tried)) is not None:
        assert len(tried) < 60, "it ends"
        tried.append(Tried(lead, 0.2 if lead < needed_ms else 0.0, 100.0 + lead))
    return tried


@given(st.integers(0, HIGH_MS))
def test_it_is_found_within_a_step_and_every_safe_one_was_tried_often_enough(needed: int) -> None:
    tried = sweep(needed)
    safe = smallest_safe(tried)
    assert safe is not None
    assert needed <= safe < needed + STEP_MS
    assert sum(each.lead_ms == safe for each in tried) == TIMES
    assert len({each.lead_ms for each in tried}) <= 8
    assert swept(tried)["delay_ms"] == 100 + safe


def test_none_is_safe_where_the_largest_stutters() -> None:
    tried = sweep(HIGH_MS + 1)
    assert len(tried) == 1
    assert smallest_safe(tried) is None
    assert swept(tried)["smallest_safe_lead_ms"] is None


def test_one_that_was_not_heard_stutters() -> None:
    assert Tried(100, None, None).stutters
