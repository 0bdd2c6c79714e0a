"""What the judge of segmentation counts: by hand where it is small, by laws everywhere."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scoring import Found, Stretch, Tally, matches, merged, overlap, tally
from micstream.audio.format import SPEECH

MS = SPEECH.rate // 1000
GAP = 500 * MS


def stretches(*ms: tuple[int, int]) -> list[Stretch]:
    return [Stretch(start * MS, end * MS) for start, end in ms]


def found(*ms: tuple[int, int], late: int = 0) -> list[Found]:
    """Found utterances; onset and end decided `late` ms after they were."""
    return [Found(s * MS, e * MS, (s + late) * MS, (e + late) * MS) for s, e in ms]


def judged(labels: list[Stretch], what: list[Found], gap: int = GAP) -> Tally:
    return tally(labels, what, 60 * SPEECH.rate, gap)


# Disjoint stretches in order: widths and distances, laid end to end.
lengths = st.tuples(st.integers(1, 900), st.integers(100, 3_000))


@st.composite
def apart(draw: st.DrawFn) -> list[Stretch]:
    at, laid = 0, []
    for gap, length in draw(st.lists(lengths, min_size=1, max_size=12)):
        laid.append((at + gap, at + gap + length))
        at += gap + length
    return stretches(*laid)


anything = st.builds(
    lambda start, length: Stretch(start, start + length), st.integers(0, 60), st.integers(1, 30)
)


# ---- references ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("second", "count"), [(1_499, 1), (1_500, 2), (1_501, 2)])
def test_labels_are_one_utterance_below_the_gap_and_two_at_it(second: int, count: int) -> None:
    labels = stretches((0, 1_000), (second, 3_000))
    assert len(merged(labels, GAP)) == count
    assert judged(labels, []).references == count


def test_merging_takes_any_order_and_what_lies_within() -> None:
    labels = stretches((5_000, 6_000), (0, 3_000), (1_000, 2_000), (3_200, 4_000))
    assert merged(labels, GAP) == stretches((0, 4_000), (5_000, 6_000))


def test_touching_stretches_are_one_even_without_a_gap() -> None:
    assert merged(stretches((0, 10), (10, 20), (21, 30))) == stretches((0, 20), (21, 30))


@given(st.lists(anything, max_size=15), st.integers(1, 20))
def test_merged_stretches_hold_all_and_are_the_gap_apart(all_of: list[Stretch], gap: int) -> None:
    joined = merged(all_of, gap)
    assert all(after.start - before.end >= gap for before, after in pairwise(joined))
    assert all(overlap(each, joined) == each.end - each.start for each in all_of)
    assert merged(joined, gap) == joined


# ---- matches -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "matched"),
    [
        ((1_000, 2_000), 1),
        ((1_000, 1_500), 1),  # exactly a half
        ((1_000, 1_499), 0),
        ((1_000, 3_000), 1),  # exactly a half: twice as long
        ((1_000, 3_001), 0),
        ((500, 1_500), 0),  # a third
        ((2_000, 3_000), 0),
    ],
)
def test_half_of_the_union_is_enough(one: tuple[int, int], matched: int) -> None:
    assert judged(stretches((1_000, 2_000)), found(one)).matched == matched


def test_a_half_is_a_half_at_any_place() -> None:
    """Seconds in floating point would lose some of these."""
    for start in range(0, 20_000, 37):
        assert matches([Stretch(start, start + 3_334)], [Stretch(start, start + 1_667)])


def test_two_halves_of_one_utterance_match_once() -> None:
    counted = judged(stretches((0, 2_000)), found((0, 1_000), (1_000, 2_000)))
    assert (counted.matched, counted.found, counted.references) == (1, 2, 1)
    assert counted.f1 == pytest.approx(2 / 3)


def test_a_pair_gives_way_where_that_makes_two() -> None:
    """The first reference could take either, the second only the first one found."""
    references = [Stretch(0, 10), Stretch(0, 7)]
    assert matches(references, [Stretch(0, 8), Stretch(0, 18)]) == [(0, 1), (1, 0)]


@given(st.lists(anything, max_size=5), st.lists(anything, max_size=5))
def test_no_other_choice_of_pairs_has_more(one: list[Stretch], other: list[Stretch]) -> None:
    few, many = sorted((one, other), key=len)

    def fits(a: Stretch, b: Stretch) -> bool:
        shared = overlap(a, [b])
        return 2 * shared >= (a.end - a.start) + (b.end - b.start) - shared

    most = max(
        sum(fits(a, b) for a, b in zip(few, chosen, strict=True))
        for chosen in permutations(many, len(few))
    )
    pairs = matches(one, other)
    assert len(pairs) == most == len(matches(other, one))
    assert all(fits(one[a], other[b]) for a, b in pairs)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


# ---- figures -------------------------------------------------------------------------------------


@given(apart())
def test_a_perfect_cut_is_perfect(labels: list[Stretch]) -> None:
    perfect = [Found(r.start, r.end, r.start, r.end) for r in merged(labels, GAP)]
    counted = judged(labels, perfect)
    assert counted.f1 == 1
    assert counted.speech_cut == counted.heads_cut == counted.false == 0
    assert counted.onset_ms == counted.end_ms == (0, 0)


@given(apart())
def test_nothing_found_is_all_cut(labels: list[Stretch]) -> None:
    counted = judged(labels, [])
    assert counted.f1 == counted.false_per_minute == 0
    assert counted.speech_cut_percent == counted.head_cut_percent == 100
    assert (counted.non_speech_percent, counted.onset_ms, counted.end_ms) == (None, None, None)


@given(apart(), apart())
def test_f1_does_not_ask_which_of_the_two_is_the_label(
    one: list[Stretch], other: list[Stretch]
) -> None:
    def as_found(some: list[Stretch]) -> list[Found]:
        return [Found(*each, *each) for each in some]

    there, back = judged(one, as_found(other), gap=1), judged(other, as_found(one), gap=1)
    assert there.f1 == back.f1
    assert there.speech - there.speech_cut == there.sent - there.sent_in_vain
    assert there.speech - there.speech_cut == back.speech - back.speech_cut


def test_padding_costs_nothing_but_what_was_sent_in_vain() -> None:
    labels = stretches((1_000, 3_000), (3_400, 5_000), (9_000, 10_000))
    counted = judged(labels, found((750, 5_200), (8_750, 10_200)))
    assert counted.f1 == 1
    assert (counted.speech_cut, counted.heads_cut, counted.false) == (0, 0, 0)
    # 250 and 200 ms about each, and the pause of 400 ms within the first.
    assert counted.sent_in_vain == 1_300 * MS
    assert counted.non_speech_percent == pytest.approx(100 * 1_300 / (4_450 + 1_450))


def test_a_late_start_cuts_speech_and_head() -> None:
    counted = judged(stretches((1_000, 3_000)), found((1_150, 3_000)))
    assert counted.speech_cut_percent == pytest.approx(7.5)
    assert counted.head_cut_percent == pytest.approx(75)


def test_a_late_start_after_the_head_cuts_all_of_it_and_no_more() -> None:
    counted = judged(stretches((1_000, 3_000)), found((1_500, 3_000)))
    assert (counted.heads, counted.heads_cut) == (200 * MS, 200 * MS)
    assert counted.speech_cut == 500 * MS


def test_the_head_is_of_the_utterance_and_holds_labelled_speech_alone() -> None:
    """A word of 50 ms, 100 ms of nothing, and on: the head ends 50 ms into the second word, which
    has no head of its own; nor has one shorter than 200 ms more than its length."""
    labels = stretches((1_000, 1_050), (1_150, 3_000), (5_000, 5_100))
    counted = judged(labels, [])
    assert counted.heads == (50 + 50 + 100) * MS


def test_speech_within_two_utterances_is_not_counted_twice() -> None:
    counted = judged(stretches((1_000, 2_000)), found((900, 1_600), (1_400, 2_100)))
    assert counted.speech_cut == 0
    assert counted.sent == 1_400 * MS
    assert counted.sent_in_vain == 200 * MS


@pytest.mark.parametrize(("end", "false"), [(1_099, 1), (1_100, 0)])
def test_a_tenth_of_a_second_of_speech_makes_an_utterance_true(end: int, false: int) -> None:
    assert judged(stretches((1_000, 3_000)), found((0, end))).false == false


def test_where_nobody_speaks_all_is_false() -> None:
    counted = tally([], found((0, 1_000), (4_000, 4_500)), 30 * SPEECH.rate, GAP)
    assert counted.false_per_minute == 4
    assert counted.f1 == 0
    assert counted.non_speech_percent == 100
    assert counted.speech_cut_percent is counted.head_cut_percent is None


def test_silence_left_alone_has_no_f1() -> None:
    counted = tally([], [], 30 * SPEECH.rate, GAP)
    assert (counted.f1, counted.false_per_minute) == (None, 0)
    assert Tally().false_per_minute is None


def test_delays_are_those_of_matches_from_the_labels() -> None:
    labels = stretches((1_000, 2_000), (5_000, 6_000), (9_000, 10_000))
    what = found((800, 2_100), (5_100, 6_300), late=100) + found((9_900, 12_000), late=900)
    counted = judged(labels, what)
    assert counted.matched == 2
    assert counted.onset_delays == (-100 * MS, 200 * MS)
    assert counted.onset_ms == pytest.approx((50, 185))
    assert counted.end_ms == pytest.approx((300, 390))


@given(apart(), apart(), apart(), apart())
def test_files_are_counted_together_as_one_after_the_other(
    labels: list[Stretch], what: list[Stretch], later: list[Stretch], more: list[Stretch]
) -> None:
    far = 60 * SPEECH.rate

    def moved(some: list[Stretch]) -> list[Stretch]:
        return [Stretch(far + each.start, far + each.end) for each in some]

    def as_found(some: list[Stretch]) -> list[Found]:
        return [Found(*each, *each) for each in some]

    parts = judged(labels, as_found(what)) + judged(later, as_found(more))
    whole = tally(labels + moved(later), as_found(what + moved(more)), 2 * far, GAP)
    assert parts == whole
    assert parts + Tally() == parts


@pytest.mark.parametrize(("late_ms", "clipped"), [(0, 0), (50, 0), (51, 1), (300, 1)])
def test_more_than_50_ms_of_a_head_that_are_cut_are_a_swallowed_syllable(
    late_ms: int, clipped: int
) -> None:
    labels = stretches((1_000, 2_000), (4_000, 5_000))
    counted = judged(labels, found((1_000 + late_ms, 2_200), (3_900, 5_100)))
    assert counted.clipped == clipped
    assert counted.clipped_percent == pytest.approx(50 * clipped)
