"""Traffic at the avatar's place: each rule broken once, and laws on anything that may come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.delivery import wire
from micstream.lab import seen
from micstream.lab.seen import RULES
from micstream.lab.traffic import Report, Traffic
from testbed.speech import HELLO, samples

GOOD = {"sample_rate": "16000", "num_channels": "1"}
ME = "sender"


class Room:
    """A traffic, its time, and what came of it."""

    def __init__(self, *, asked: bool = True, kind: str = "agent", **more: Any) -> None:
        self.now = 100.0
        self.traffic = Traffic(self.now, **more)
        self.out: list[Any] = []
        self.streams = 0
        self.traffic.joined(ME, kind, self.now)
        if asked:
            self.traffic.called(wire.CLEAR_BUFFER, "", ME, self.now)
        self.take()

    def take(self) -> list[Any]:
        fresh = self.traffic.drain()
        self.out += fresh
        return fresh

    def go(self, seconds: float) -> None:
        """Let time pass, timers in their turn."""
        until = self.now + seconds
        while (at := self.traffic.next_timer()) is not None and at <= until:
            self.now = max(self.now, at)
            self.traffic.handle_timer(self.now)
            self.take()
        self.now = until

    def open(
        self,
        sender: str = ME,
        size: int | None = None,
        attributes: Mapping[str, str | None] = MappingProxyType({}),
    ) -> str:
        self.streams += 1
        given = {k: v for k, v in {**GOOD, **attributes}.items() if v is not None}
        stream = f"stream-{self.streams}"
        self.traffic.opened(stream, sender, "AUDIO_1", given, size, self.now)
        self.take()
        return stream

    def data(self, stream: str, seconds: float = 0.1, pcm: bytes | None = None) -> None:
        sound = hum(seconds) if pcm is None else pcm
        self.traffic.data(stream, sound, self.now)
        self.take()

    def close(self, stream: str, *, whole: bool = True) -> None:
        self.traffic.closed(stream, self.now, whole=whole)
        self.take()

    def answer(self, said: str | None = "ok", *, unsupported: bool = False) -> None:
        """Answer every report so far."""
        for report in [each for each in self.out if isinstance(each, Report)]:
            self.traffic.reported(report, said, unsupported=unsupported)
        self.out = [each for each in self.out if not isinstance(each, Report)]
        self.take()

    def say(self, seconds: float = 1.0) -> str:
        """A segment as it should be, to its end."""
        stream = self.open()
        self.data(stream, 0.2)
        for _ in range(round((seconds - 0.2) * 10)):
            self.go(0.1)
            self.data(stream)
        self.close(stream)
        return stream

    @property
    def broken(self) -> list[str]:
        return [each.code for each in self.out if isinstance(each, seen.Violation)]

    @property
    def reports(self) -> list[Report]:
        return [each for each in self.out if isinstance(each, Report)]

    def ended(self) -> list[seen.SegmentEnded]:
        return [each for each in self.out if isinstance(each, seen.SegmentEnded)]


def hum(seconds: float) -> bytes:
    moments = np.arange(round(seconds * 16_000)) / 16_000
    return (8_000 * np.sin(2 * np.pi * 220 * moments)).astype("<i2").tobytes()


def test_a_segment_as_it_should_be_is_told_played_and_reported() -> None:
    room = Room()
    room.say(1.0)
    room.go(2.0)
    (ended,) = room.ended()
    assert (ended.end, ended.seconds, ended.chunks, ended.gaps) == ("closed", 1.0, 9, 0)
    assert ended.first_ms == 0.0
    assert ended.prebuffer_ms == 200.0
    assert ended.longest_pause_ms == pytest.approx(100, abs=0.2)
    assert ended.pace == pytest.approx(1.0)
    assert [(each.kind, each.segment) for each in room.reports] == [
        ("started", "s1"),
        ("finished", "s1"),
    ]
    assert room.reports[1].position_s == pytest.approx(1.0)
    room.answer()
    assert room.broken == []
    summary = room.traffic.summary()
    assert (summary.segments, summary.seconds, summary.violations) == (1, 1.0, {})


def test_two_are_played_one_after_the_other() -> None:
    room = Room()
    for _ in range(2):
        stream = room.open()
        room.data(stream, 2.0)
        room.close(stream)
    told = []
    for _ in range(50):
        room.go(0.1)
        told += [(each.kind, each.segment, round(room.now - 100, 1)) for each in room.reports]
        room.answer()
    assert [each[:2] for each in told] == [
        ("started", "s1"),
        ("finished", "s1"),
        ("started", "s2"),
        ("finished", "s2"),
    ]
    assert [each[2] for each in told] == pytest.approx([0.1, 2.0, 2.0, 4.0], abs=0.11)


def broken_by(room: Room) -> set[str]:
    room.go(30.0)
    room.answer()
    return set(room.broken)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"sample_rate": None}, "no_rate"),
        ({"sample_rate": "16 kHz"}, "bad_rate"),
        ({"sample_rate": "16000.0"}, "bad_rate"),
        ({"sample_rate": "0"}, "bad_rate"),
        ({"sample_rate": "-16000"}, "bad_rate"),
        ({"sample_rate": "١٦٠٠٠"}, "bad_rate"),
        ({"sample_rate": "9" * 400}, "bad_rate"),
        ({"num_channels": None}, "no_channels"),
        ({"num_channels": "mono"}, "bad_channels"),
        ({"num_channels": "7"}, "bad_channels"),
    ],
)
def test_attributes_that_kill_a_receiver(attributes: dict[str, str | None], code: str) -> None:
    room = Room()
    stream = room.open(attributes=attributes)
    room.data(stream)
    room.close(stream)
    assert room.broken == [code]
    assert room.ended()[0].end == "unread"
    assert room.ended()[0].bytes == 3_200
    room.go(60)
    assert room.reports == [], "it is dead"


def test_sound_that_is_none() -> None:
    spoken = samples(HELLO)
    for pcm, code in (
        (b"RIFF" + spoken.tobytes(), "header"),
        (spoken.astype(">i2").tobytes(), "byte_order"),
        ((spoken / 32_768).astype("<f4").tobytes(), "floats"),
        (spoken.tobytes() + b"\x00", "odd_length"),
    ):
        room = Room()
        stream = room.open()
        room.data(stream, pcm=pcm)
        room.close(stream)
        assert broken_by(room) == {code}


def test_a_size_that_was_announced_and_an_empty_one() -> None:
    room = Room()
    stream = room.open(size=9_000)
    room.data(stream)
    room.close(stream)
    room.close(room.open())
    assert broken_by(room) == {"size", "empty"}


def test_two_open_at_once_end_the_first_there() -> None:
    room = Room()
    first = room.open()
    room.data(first, 0.5)
    second = room.open()
    room.data(second, 0.3)
    room.data(first, 0.2)
    room.close(first)
    room.close(second)
    assert room.broken == ["two_open", "after_end"]
    assert [each.end for each in room.ended()] == ["overtaken", "closed"]
    room.go(5)
    finished = [each.position_s for each in room.reports if each.kind == "finished"]
    assert finished == [pytest.approx(0.5), pytest.approx(0.3)]


def test_ten_seconds_without_data_end_a_segment_and_what_follows_is_lost() -> None:
    room = Room()
    stream = room.open()
    room.data(stream, 0.3)
    room.go(9.9)
    assert "idle" not in room.broken
    room.go(0.2)
    assert "idle" in room.broken
    room.data(stream, 0.5)
    room.close(stream)
    (lost,) = [each for each in room.out if getattr(each, "code", "") == "after_end"]
    assert "0.50 s" in lost.message


def test_leaving_in_the_middle_and_before_the_report() -> None:
    room = Room()
    room.data(room.open(), 0.3)
    room.traffic.left(ME, room.now)
    room.take()
    assert room.broken == ["left_open"]
    room = Room()
    room.say(1.0)
    room.traffic.left(ME, room.now)
    room.take()
    assert room.broken == ["left_early"]
    room = Room()
    room.say(1.0)
    room.go(1.0)
    room.answer()
    room.traffic.left(ME, room.now)
    room.take()
    assert room.broken == []


@pytest.mark.parametrize(
    ("said", "unsupported", "code"),
    [(None, True, "no_handler"), (None, False, "no_answer"), ("fine", False, "bad_answer")],
)
def test_answers_to_reports(said: str | None, unsupported: bool, code: str) -> None:
    room = Room()
    room.say(0.5)
    room.go(2)
    room.answer(said, unsupported=unsupported)
    assert set(room.broken) == {code}


def test_a_sender_that_no_avatar_hears() -> None:
    room = Room(kind="standard")
    room.say(0.5)
    assert set(room.broken) == {"wrong_kind"}
    room = Room()
    room.traffic.joined("other", "agent", room.now)
    room.close(room.open("other"))
    assert "second_sender" in room.broken
    assert room.traffic.called(wire.CLEAR_BUFFER, "", "other", room.now) == "reject"


def test_one_that_sends_before_it_is_known_to_be_there_has_its_kind_told_then() -> None:
    room = Room()
    room.traffic.met("late", room.now)
    room.open("late")
    assert "wrong_kind" not in room.broken
    room.traffic.joined("late", "standard", room.now)
    room.take()
    assert "wrong_kind" in room.broken


def test_one_that_did_not_ask_is_too_early_for_a_while() -> None:
    room = Room(asked=False)
    room.go(0.2)
    room.close(room.open())
    assert "too_early" in room.broken
    room = Room(asked=False)
    room.go(0.7)
    room.close(room.open())
    assert "too_early" not in room.broken


def test_a_clear_drops_all_and_one_report_answers_for_it() -> None:
    room = Room()
    first, second = room.open(), ""
    room.data(first, 3.0)
    room.close(first)
    second = room.open()
    room.data(second, 1.0)
    room.go(1.0)
    room.answer()
    assert room.traffic.called(wire.CLEAR_BUFFER, "", ME, room.now) == "ok"
    room.take()
    (report,) = room.reports
    assert (report.segment, report.interrupted) == ("s1", True)
    assert report.position_s == pytest.approx(1.0)
    assert [each.end for each in room.ended()] == ["closed", "cleared"]
    room.answer()
    room.data(second, 0.5)
    room.close(second)
    assert room.broken == ["after_end"]
    room.go(30)
    assert room.reports == []
    room.traffic.left(ME, room.now)
    room.take()
    assert room.broken == ["after_end"]


def test_gaps_are_heard_and_break_nothing() -> None:
    room = Room()
    stream = room.open()
    for _ in range(5):
        room.data(stream)
        room.go(0.15)
    room.close(stream)
    (gaps,) = [each for each in room.out if isinstance(each, seen.Violation)]
    assert (gaps.code, gaps.breaks) == ("gaps", False)
    assert "4 times, 200 ms" in gaps.message


def test_chunks_are_told_where_they_are_asked_for() -> None:
    room = Room(chunks=True)
    room.say(0.5)
    chunks = [each for each in room.out if isinstance(each, seen.SegmentChunk)]
    assert [each.bytes for each in chunks] == [6_400, 3_200, 3_200, 3_200]
    assert [each.since_ms for each in chunks] == [0.0, 100.0, 100.0, 100.0]


STEP = st.one_of(
    st.tuples(st.just("open"), st.sampled_from([ME, "other"]), st.sampled_from(["16000", "x", ""])),
    st.tuples(st.just("data"), st.integers(0, 5), st.integers(0, 5_000)),
    st.tuples(st.just("close"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("clear"), st.sampled_from([ME, "other"])),
    st.tuples(st.just("leave"), st.sampled_from([ME, "other"])),
    st.tuples(st.just("join"), st.sampled_from([ME, "other"])),
    st.tuples(st.just("go"), st.floats(0, 12)),
    st.tuples(st.just("answer")),
)


@settings(max_examples=300)
@given(st.lists(STEP, max_size=40))
def test_whatever_comes_each_stream_ends_once_and_each_segment_is_reported_once(
    steps: list[tuple[Any, ...]],
) -> None:
    room = Room()
    opened: list[str] = []
    finished: Counter[str] = Counter()
    for step in steps:
        match step:
            case ("open", sender, rate):
                opened.append(room.open(sender, attributes={"sample_rate": rate or None}))
            case ("data", number, size) if number < len(opened):
                room.data(opened[number], pcm=bytes(size))
            case ("close", number, whole) if number < len(opened):
                room.close(opened[number], whole=whole)
            case ("clear", sender):
                room.traffic.called(wire.CLEAR_BUFFER, "", sender, room.now)
            case ("leave", sender):
                room.traffic.left(sender, room.now)
            case ("join", sender):
                room.traffic.joined(sender, "agent", room.now)
            case ("go", seconds):
                room.go(seconds)
            case ("answer",):
                room.answer()
        for report in room.take():
            finished.update([report.segment] if getattr(report, "kind", "") == "finished" else [])
        room.traffic.handle_timer(room.now)
        at = room.traffic.next_timer()
        assert at is None or at > room.now, "it would be called for ever"
    for stream in opened:
        room.close(stream)
    room.go(1e4)
    ends = Counter(each.segment for each in room.ended())
    assert set(ends.values()) <= {1}
    assert len(ends) == len(opened)
    assert max(finished.values(), default=0) <= 1
    assert room.traffic.next_timer() is None, "nothing is left"
    assert room.traffic._segments == {}
    assert set(room.traffic.summary().violations) <= set(RULES)
