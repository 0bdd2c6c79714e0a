"""One timeline: places grow, losses have theirs, and each place has its true time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.timeline import Timeline

RATE = 16_000


@dataclass(frozen=True)
class Piece:
    """A block, after something that was lost; handed over late."""

    lost: int
    samples: int
    late_s: float = 0.0


PIECES = st.lists(
    st.builds(
        Piece,
        lost=st.one_of(st.just(0), st.integers(0, 50_000)),
        samples=st.integers(0, 40),
        late_s=st.sampled_from([0.0, 0.0, 0.25, 3.0]),
    ),
    min_size=1,
    max_size=12,
)
OPENINGS = st.lists(PIECES, min_size=1, max_size=4)


def run(timeline: Timeline, pieces: list[Piece], base: int, begun: float) -> list[int]:
    """Hand the pieces over; the true place of each sample that was handed over."""
    places: list[int] = []
    position, captured = 0, 0
    for piece in pieces:
        position += piece.lost
        places += range(base + position, base + position + piece.samples)
        position += piece.samples
        captured += piece.samples
        now = begun + position / RATE + piece.late_s
        timeline.observe(captured / RATE, now, piece.lost / RATE)
    return places


@settings(max_examples=300)
@given(OPENINGS)
def test_each_sample_has_the_place_that_counts_all_that_was_lost(
    openings: list[list[Piece]],
) -> None:
    timeline = Timeline()
    base = before = 0
    for number, pieces in enumerate(openings):
        if number:
            timeline.begin(before)
        places = run(timeline, pieces, base, 100.0)
        assert list(map(timeline.place, range(len(places)))) == places
        base += sum(piece.lost + piece.samples for piece in pieces)
        before = len(places)
        # What comes next lies behind all of it, and behind what was lost last.
        assert timeline.place(before) == base


@settings(max_examples=300)
@given(PIECES, st.data())
def test_runs_are_all_of_it_cut_where_something_was_lost(
    pieces: list[Piece], data: st.DataObject
) -> None:
    timeline = Timeline()
    places = run(timeline, pieces, 0, 0.0)
    start = data.draw(st.integers(0, len(places)))
    end = data.draw(st.integers(start, len(places)))
    runs = list(timeline.runs(start, end))
    assert [sample for low, high in runs for sample in range(low, high)] == list(range(start, end))
    for low, high in runs:
        assert timeline.place(high - 1) - timeline.place(low) == high - 1 - low
    for (_, high), (low, _) in pairwise(runs):
        assert timeline.place(low) - timeline.place(high - 1) > 1, "cut where nothing was lost"


@settings(max_examples=300)
@given(OPENINGS, st.floats(0, 1e6))
def test_the_clock_stays_true_whatever_is_lost_or_reopened(
    openings: list[list[Piece]], begun: float
) -> None:
    timeline = Timeline()
    base = before = 0
    for number, pieces in enumerate(openings):
        if number:
            timeline.begin(before)
        opened_at = begun + 7.3 * number  # whatever the places say of the time between
        places = run(timeline, pieces, base, opened_at)
        least_late_s = min(piece.late_s for piece in pieces)
        for place in places:
            true = opened_at + (place - base) / RATE
            assert abs(timeline.at(place) - true - least_late_s) < 1e-4
        base += sum(piece.lost + piece.samples for piece in pieces)
        before = len(places)


def test_without_a_block_there_is_no_time() -> None:
    timeline = Timeline()
    assert timeline.at(timeline.place(0)) == 0.0


def test_losses_too_small_for_a_sample_add_up() -> None:
    timeline = Timeline()
    for number in range(1, 1_001):
        timeline.observe(number * 0.01, number * 0.01, 0.25 / RATE)
    assert timeline.place(160_000) == 160_000 + 250


def test_an_hour_of_losses_takes_no_more_than_the_last_thousand() -> None:
    timeline = Timeline()
    for number in range(1, 20_001):
        timeline.observe(number * 0.01, 0.0, 0.001)
    assert len(timeline._at) <= 2 * 1_024
    assert [timeline.place(160 * number) for number in (19_000, 20_000)] == [
        160 * number + 16 * min(20_000, number + 1) for number in (19_000, 20_000)
    ]
    assert timeline.place(0) <= timeline.place(160 * 10_000)
