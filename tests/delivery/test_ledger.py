"""What is outstanding: reports come, come late, come twice, or never."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.delivery.ledger import Ledger, Segment
from micstream.delivery.wire import Finished


def spoken(ledger: Ledger, id: str, at: float, seconds: float = 2.0) -> Segment:
    """A segment captured and sent at `at`, and closed."""
    segment = ledger.opened(id, captured_at=at - 0.1)
    ledger.sent(segment, seconds, now=at)
    ledger.closed(segment)
    return segment


def played(position: float) -> Finished:
    return Finished(position, interrupted=False)


def cut_off(position: float) -> Finished:
    return Finished(position, interrupted=True)


def test_one_segment_from_its_opening_to_its_end() -> None:
    ledger = Ledger()
    assert ledger.outstanding == 0
    segment = ledger.opened("u1", captured_at=10.0)
    assert ledger.outstanding == 0, "nothing in it that could be played"
    ledger.sent(segment, 0.2, now=10.2)
    ledger.sent(segment, 1.8, now=10.3)
    assert ledger.outstanding == 1
    ledger.closed(segment)
    assert not ledger.has_reported
    assert ledger.started(now=10.3) is segment
    assert segment.started_at == 10.3
    assert ledger.has_reported
    assert ledger.finished(played(2.0), now=12.3) == (segment, 0)
    assert ledger.outstanding == 0


def test_segments_are_played_in_order() -> None:
    ledger = Ledger()
    first, second = spoken(ledger, "u1", at=10.0), spoken(ledger, "u2", at=10.5)
    assert ledger.started(10.1) is first
    assert ledger.finished(played(2.0), 12.1) == (first, 0)
    assert ledger.started(12.1) is second
    assert ledger.finished(played(2.0), 14.1) == (second, 0)


def test_stutter_is_what_played_longer_than_it_should() -> None:
    ledger = Ledger()
    segment = spoken(ledger, "u1", at=10.0)
    ledger.started(10.1)
    assert ledger.finished(played(2.0), 12.45) == (segment, 350)


def test_stutter_is_never_negative() -> None:
    ledger = Ledger()
    segment = spoken(ledger, "u1", at=10.0)
    ledger.started(10.1)
    assert ledger.finished(played(2.0), 11.0) == (segment, 0)


def test_without_a_start_there_is_no_stutter() -> None:
    ledger = Ledger()
    segment = spoken(ledger, "u1", at=10.0)
    assert ledger.finished(played(2.0), 13.0) == (segment, None)


def test_a_missing_start_is_not_taken_for_the_next_ones() -> None:
    ledger = Ledger()
    first, second = spoken(ledger, "u1", at=10.0), spoken(ledger, "u2", at=12.0)
    assert ledger.finished(played(2.0), 12.1) == (first, None)
    assert ledger.started(12.2) is second


def test_stray_reports_belong_to_nothing() -> None:
    ledger = Ledger()
    assert ledger.started(1.0) is None
    assert ledger.finished(played(2.0), 2.0) is None
    assert ledger.finished(cut_off(2.0), 2.0) is None
    assert ledger.has_reported


def test_a_second_report_of_the_same_end_belongs_to_nothing() -> None:
    ledger = Ledger()
    spoken(ledger, "u1", at=10.0)
    assert ledger.finished(played(2.0), 12.0) is not None
    assert ledger.finished(played(2.0), 12.0) is None


def test_a_segment_that_nothing_was_written_into_awaits_no_report() -> None:
    ledger = Ledger()
    opened = ledger.opened("u1", captured_at=10.0)
    assert ledger.started(10.0) is None
    ledger.closed(opened)
    second = spoken(ledger, "u2", at=11.0)
    assert ledger.started(11.1) is second
    assert ledger.finished(played(2.0), 13.0) == (second, 0)


def test_an_open_segment_can_already_be_played() -> None:
    ledger = Ledger()
    segment = ledger.opened("u1", captured_at=10.0)
    ledger.sent(segment, 0.1, now=10.1)
    assert ledger.started(10.2) is segment


class TestClearing:
    def test_one_report_answers_for_all_that_was_dropped(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0)
        spoken(ledger, "u2", at=10.0)
        spoken(ledger, "u3", at=10.0)
        ledger.started(10.1)
        ledger.cleared(now=11.0)
        assert ledger.backlog(11.0) == 0.0
        assert ledger.outstanding == 3, "until the avatar says so"
        assert ledger.finished(cut_off(0.9), 11.0) == (first, 0)
        assert ledger.outstanding == 0

    def test_what_is_said_afterwards_stays(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0)
        ledger.started(10.1)
        ledger.cleared(now=11.0)
        second = spoken(ledger, "u2", at=11.5)
        assert ledger.finished(cut_off(0.9), 11.6) == (first, 600)
        assert ledger.outstanding == 1
        assert ledger.finished(played(2.0), 14.0) == (second, None)

    def test_a_stray_start_does_not_belong_to_what_was_cleared(self) -> None:
        ledger = Ledger()
        spoken(ledger, "u1", at=10.0)
        ledger.cleared(now=10.5)
        assert ledger.started(10.6) is None

    def test_an_avatar_that_never_reports_its_clearing(self) -> None:
        ledger = Ledger()
        spoken(ledger, "u1", at=10.0)
        ledger.cleared(now=10.5)
        second = spoken(ledger, "u2", at=11.0)
        assert ledger.started(11.1) is second
        assert ledger.finished(played(2.0), 13.1) == (second, 0)

    def test_the_end_that_came_just_before_the_clearing(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0)
        ledger.cleared(now=12.0)
        assert ledger.finished(played(2.0), 12.1) == (first, None)
        assert ledger.outstanding == 0

    def test_an_interruption_by_somebody_else_ends_the_oldest(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0)
        second = spoken(ledger, "u2", at=10.0)
        assert ledger.finished(cut_off(0.5), 10.6) == (first, None)
        assert ledger.finished(played(2.0), 13.0) == (second, None)


class TestPauses:
    """Some avatars report an end at each pause inside of a segment, and a start after it."""

    def test_a_pause_of_an_open_segment_is_no_end(self) -> None:
        ledger = Ledger()
        segment = ledger.opened("u1", captured_at=10.0)
        ledger.sent(segment, 1.0, now=10.0)
        assert ledger.started(10.1) is segment
        assert ledger.finished(played(1.0), 11.1) is None
        assert ledger.outstanding == 1
        assert ledger.started(12.1) is None, "it goes on; nobody waits for a second start"
        ledger.sent(segment, 1.0, now=12.0)
        ledger.closed(segment)
        assert ledger.finished(played(1.0), 13.1) == (segment, 0)
        assert segment.played_s == 2.0
        assert ledger.outstanding == 0

    def test_later_reports_are_not_shifted(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0, seconds=3.0)
        assert ledger.started(10.1) is first
        assert ledger.finished(played(1.0), 11.1) is None
        assert ledger.started(11.4) is None
        second = spoken(ledger, "u2", at=12.0, seconds=3.0)
        assert ledger.finished(played(2.0), 13.4) == (first, 0)
        assert ledger.started(13.5) is second
        assert ledger.finished(played(2.0), 15.5) is None
        assert ledger.started(15.8) is None
        assert ledger.finished(played(1.0), 16.8) == (second, 0)
        assert ledger.outstanding == 0

    def test_a_pause_that_was_not_followed_by_a_start(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0, seconds=3.0)
        ledger.started(10.1)
        assert ledger.finished(played(1.0), 11.1) is None
        assert ledger.finished(played(2.0), 13.4) == (first, 0)

    def test_positions_may_count_from_the_beginning(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0, seconds=3.0)
        ledger.started(10.1)
        assert ledger.finished(played(1.0), 11.1) is None
        ledger.started(11.2)
        assert ledger.finished(played(2.0), 12.2) is None, "one and two are three, but too soon"
        ledger.started(12.3)
        assert ledger.finished(played(3.0), 13.3) == (first, 0)
        assert first.played_s == 3.0

    def test_the_stutter_is_of_the_parts_without_their_pauses(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0, seconds=2.0)
        ledger.started(10.0)
        ledger.finished(played(1.0), 11.2)
        ledger.started(15.0)
        found = ledger.finished(played(1.0), 16.1)
        assert found is not None
        assert found[0] is first
        assert found[1] == pytest.approx(300, abs=1)

    def test_an_end_whose_position_is_wrong_is_one_once_it_can_be_over(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0, seconds=3.0)
        ledger.started(10.1)
        assert ledger.finished(played(0.0), 13.1) is not None
        assert first.played_s == 0.0

    def test_one_that_ran_empty_before_its_end_was_known_has_ended_with_it(self) -> None:
        ledger = Ledger()
        segment = ledger.opened("u1", captured_at=10.0)
        ledger.sent(segment, 2.0, now=10.0)
        ledger.started(10.0)
        assert ledger.finished(played(2.0), 12.0) is None
        assert ledger.played_out() is None
        ledger.closed(segment)
        assert ledger.played_out() is segment
        assert (ledger.outstanding, ledger.played_out()) == (0, None)

    def test_a_second_start_of_one_that_still_plays_is_not_the_next_ones(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0, seconds=3.0)
        second = spoken(ledger, "u2", at=10.5, seconds=3.0)
        assert ledger.started(10.1) is first
        assert ledger.started(11.5) is None, "it has run empty, and goes on"
        assert ledger.finished(played(3.0), 13.5) == (first, 400)
        assert ledger.overtook(first, 13.5) is None
        assert ledger.started(13.5) is second

    def test_a_start_that_overtakes_the_end_before_it_is_the_next_ones(self) -> None:
        """Two calls of an avatar that plays faster than time, one quicker than the other."""
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0, seconds=3.0)
        second = spoken(ledger, "u2", at=10.1, seconds=3.0)
        third = spoken(ledger, "u3", at=10.2, seconds=3.0)
        assert ledger.started(10.1) is first
        assert ledger.started(10.6) is None, "its end is still to come"
        assert ledger.finished(played(3.0), 10.62) == (first, 0)
        assert ledger.overtook(first, 10.62) is second
        assert ledger.finished(played(3.0), 13.6) == (second, 0)
        assert ledger.overtook(second, 13.6) is None
        assert ledger.started(13.7) is third

    def test_what_cannot_be_played_yet_is_of_another(self) -> None:
        """The end of one that was forgotten: the connection was lost meanwhile."""
        ledger = Ledger()
        segment = ledger.opened("u4", captured_at=10.0)
        ledger.sent(segment, 0.1, now=10.0)
        assert ledger.finished(played(4.0), 10.1) is None
        ledger.sent(segment, 2.9, now=10.2)
        ledger.closed(segment)
        assert ledger.finished(played(3.0), 13.3) == (segment, None)
        assert segment.played_s == 3.0

    def test_nor_does_it_count_where_it_could_have_been(self) -> None:
        ledger = Ledger()
        segment = ledger.opened("u4", captured_at=10.0)
        ledger.sent(segment, 3.0, now=10.0)
        assert ledger.finished(played(3.5), 14.0) is None
        ledger.closed(segment)
        assert ledger.finished(played(3.0), 14.1) == (segment, None)
        assert segment.played_s == 3.0

    def test_what_asking_whether_it_listens_has_cleared_is_not_the_next_ones(self) -> None:
        ledger = Ledger()
        ledger.listens(10.0)
        segment = spoken(ledger, "u3", at=10.05)
        assert ledger.finished(cut_off(0.08), 10.1) is None
        assert ledger.started(10.2) is segment
        assert ledger.finished(cut_off(0.5), 10.8) == (segment, 100), "that is its own"

    def test_a_missing_end_shifts_nothing(self) -> None:
        ledger = Ledger()
        spoken(ledger, "u1", at=10.0, seconds=3.0)
        second = spoken(ledger, "u2", at=20.0, seconds=1.0)
        assert ledger.finished(played(1.0), 21.1) == (second, None)
        assert ledger.outstanding == 0

    def test_after_a_clearing_a_pause_is_still_of_what_was_cleared(self) -> None:
        ledger = Ledger()
        first = spoken(ledger, "u1", at=10.0, seconds=3.0)
        ledger.started(10.1)
        assert ledger.finished(played(1.0), 11.1) is None
        ledger.cleared(11.2)
        second = spoken(ledger, "u2", at=12.0)
        assert ledger.started(12.1) is second
        assert ledger.finished(cut_off(1.0), 12.2) is not None
        assert ledger.finished(played(2.0), 14.1) == (second, 0)
        assert first.id == "u1"


@settings(max_examples=200)
@given(
    st.lists(st.lists(st.floats(0.5, 4.0), min_size=1, max_size=5), min_size=1, max_size=6),
    st.floats(0.0, 0.2),
    st.booleans(),
    st.booleans(),
)
def test_each_segment_ends_once_however_often_it_pauses(
    spoken_s: list[list[float]], latency_s: float, summed: bool, starts: bool
) -> None:
    """Parts of each segment are reported as they are played, each by itself or summed up."""
    ledger, ended, at = Ledger(), [], 100.0
    for number, parts in enumerate(spoken_s):
        segment = ledger.opened(f"u{number}", captured_at=at)
        ledger.sent(segment, sum(parts), now=at)
        ledger.closed(segment)
        now, position = at + latency_s, 0.0
        ledger.started(now)
        for count, part in enumerate(parts):
            if count and starts:
                ledger.started(now)
            now += part
            position = position + part if summed else part
            found = ledger.finished(played(position), now)
            if found is not None:
                ended.append(found[0].id)
        at = now + 0.3
    assert ended == [f"u{number}" for number in range(len(spoken_s))]
    assert ledger.outstanding == 0


@settings(max_examples=200)
@given(
    st.lists(st.lists(st.floats(0.5, 4.0), min_size=1, max_size=4), min_size=1, max_size=6),
    st.floats(0.02, 3.0),
    st.floats(0.1, 2.0),
    st.booleans(),
)
def test_nor_is_a_live_one_shifted_by_an_avatar_far_away(
    spoken_s: list[list[float]], latency_s: float, pause_s: float, summed: bool
) -> None:
    """The next is spoken before the last one is over; each part is begun and ended by a report."""
    ledger, at, free_at = Ledger(), 100.0, 0.0
    happens: list[tuple[float, int, str, Any]] = []
    for number, parts in enumerate(spoken_s):
        plays_at, position = max(at + latency_s, free_at), 0.0
        happens.append((at, number, "open", None))
        for part in parts:
            happens.append((at, number, "send", part))
            at += part
            happens.append((plays_at, number, "started", None))
            plays_at += part
            position = position + part if summed else part
            happens.append((plays_at, number, "finished", position))
        happens.append((at, number, "close", None))
        free_at, at = plays_at + 0.01, at + pause_s
    segments: dict[int, Segment] = {}
    begun, ended = [], []
    for now, number, what, amount in sorted(happens, key=lambda each: each[0]):
        match what:
            case "open":
                segments[number] = ledger.opened(f"u{number}", captured_at=now)
            case "send":
                ledger.sent(segments[number], amount, now)
            case "close":
                ledger.closed(segments[number])
            case "started":
                if (segment := ledger.started(now)) is not None:
                    begun.append(segment.id)
            case "finished":
                if (found := ledger.finished(played(amount), now)) is not None:
                    ended.append(found[0].id)
    expected = [f"u{number}" for number in range(len(spoken_s))]
    assert (begun, ended) == (expected, expected)
    assert ledger.outstanding == 0


class TestBacklog:
    def test_it_plays_down_with_time(self) -> None:
        ledger = Ledger()
        segment = ledger.opened("u1", captured_at=10.0)
        ledger.sent(segment, 3.0, now=10.0)
        assert ledger.backlog(10.0) == pytest.approx(3.0)
        assert ledger.backlog(12.0) == pytest.approx(1.0)
        assert ledger.backlog(14.0) == 0.0

    def test_what_is_sent_later_is_played_later(self) -> None:
        ledger = Ledger()
        spoken(ledger, "u1", at=10.0, seconds=3.0)
        spoken(ledger, "u2", at=11.0, seconds=2.0)
        assert ledger.backlog(11.0) == pytest.approx(4.0)
        spoken(ledger, "u3", at=20.0, seconds=1.0)
        assert ledger.backlog(20.0) == pytest.approx(1.0)

    def test_nothing_is_left_when_all_was_reported(self) -> None:
        ledger = Ledger()
        spoken(ledger, "u1", at=10.0, seconds=30.0)
        ledger.finished(played(30.0), now=12.0)
        assert ledger.backlog(12.0) == 0.0


def test_an_avatar_that_never_reports_does_not_fill_the_memory() -> None:
    ledger = Ledger()
    for n in range(2_000):
        spoken(ledger, f"u{n}", at=float(n))
    assert ledger.outstanding == 256
    found = ledger.finished(played(2.0), 3_000.0)
    assert found is not None
    assert found[0].id == "u1744", "the oldest were forgotten"


def test_the_bound_holds_after_a_clearing_too() -> None:
    ledger = Ledger()
    spoken(ledger, "old", at=0.0)
    ledger.cleared(1.0)
    ledger.finished(cut_off(0.5), 1.0)
    for n in range(1_000):
        spoken(ledger, f"u{n}", at=float(n))
    assert ledger.outstanding == 256


def test_when_the_avatar_is_gone_nothing_is_outstanding() -> None:
    ledger = Ledger()
    segment = spoken(ledger, "u1", at=10.0)
    ledger.started(10.1)
    ledger.forget()
    assert ledger.outstanding == 0
    assert ledger.backlog(10.2) == 0.0
    assert not ledger.has_reported
    ledger.closed(segment)  # its owner learns of it later


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["open", "write", "send", "close", "clear", "started", "finished", "cut", "wait"]
        ),
        st.floats(0, 5),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(STEPS)
def test_laws(steps: list[tuple[str, float]]) -> None:
    """Whatever comes in whatever order: no negative backlog, no segment reported twice."""
    ledger = Ledger()
    now, sound = 100.0, 0.0
    last: Segment | None = None
    opened: list[Segment] = []
    ended: list[str] = []
    for number, (step, amount) in enumerate(steps):
        if step == "open":
            last = ledger.opened(f"u{number}", captured_at=now)
            opened.append(last)
        elif step == "write" and last is not None and not last.closed:
            ledger.sending(last, now)
        elif step == "send" and last is not None and not last.closed:
            ledger.sent(last, amount, now)
            sound += amount
        elif step == "close" and last is not None:
            ledger.closed(last)
        elif step == "clear":
            ledger.cleared(now)
            assert ledger.backlog(now) == 0
        elif step == "started":
            segment = ledger.started(now)
            assert segment is None or segment.first_written_at is not None
        elif step in ("finished", "cut"):
            found = ledger.finished(Finished(amount, interrupted=step == "cut"), now)
            if found is not None:
                ended.append(found[0].id)
                assert found[1] is None or found[1] >= 0
        elif step == "wait":
            now += amount
        assert 0 <= ledger.backlog(now) <= sound + 1e-6
        assert ledger.outstanding >= 0
    assert len(ended) == len(set(ended))
    # Everything left ends, and is reported: then nothing is outstanding.
    for segment in opened:
        ledger.closed(segment)
    now += sound + 10
    while left := ledger.outstanding:
        assert ledger.finished(Finished(1.0, interrupted=False), now) is not None
        assert ledger.outstanding < left
    assert ledger.finished(Finished(1.0, interrupted=False), now) is None
