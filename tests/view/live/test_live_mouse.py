"""Clicks in what a terminal sends, however the reads divide it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micstream.view.live.mouse import Click, MouseReader

SENT = "m\x1b[<0;5;3M\x1b[<0;5;3mq\x1b[<2;1;1M\x1b[<64;9;9M\x1b[A\x1b[<0;80;24M"
CLICKS = [Click(4, 2, True), Click(4, 2, False), Click(79, 23, True)]


@given(st.lists(st.integers(0, len(SENT)), max_size=20))
def test_the_reads_make_no_difference(cuts: list[int]) -> None:
    reader, at = MouseReader(), 0
    found: list[Click] = []
    for cut in [*sorted(cuts), len(SENT)]:
        found += reader.push(SENT[at:cut])
        at = cut
    assert found == CLICKS


@given(st.text(max_size=200))
def test_whatever_is_sent_is_harmless_and_nothing_is_hoarded(text: str) -> None:
    reader = MouseReader()
    for click in reader.push(text):
        assert click.column >= 0
        assert click.row >= 0
    assert len(reader._begun) <= 22
