"""What is late is dropped by utterances or up to a pause, counted, and never more is held."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.delivery.options import Policy
from micstream.delivery.send_queue import KEPT, PATIENT_S, PAUSE, QUIET_DB, SendQueue
from micstream.events import DropCode
from micstream.speech.events import End, EndReason, Onset, Speech

RATE = 16_000
FRAME = 320  # 20 ms
AFTER_S = 2.0
BOUND_S = 5.0
Span = tuple[int, int]


def sound(marks: str) -> bytes:
    """A frame of 20 ms a character: # loud, . far below it. Every sample says where it stands."""
    level = np.repeat([10_000 if mark == "#" else 20 for mark in marks], FRAME)
    return (level + np.arange(level.size) % 7).astype("<i2").tobytes()


@dataclass
class Queue:
    """A `SendQueue`, and a record of what went in and what came out of it."""

    queue: SendQueue
    now: float = 100.0
    at: int = 0
    source: bytes = b""
    given: list[Span] = field(default_factory=list)
    sent: list[list[Span]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    dropped: dict[DropCode, float] = field(default_factory=dict)
    speaking: bool = False

    def begin(self, *, ages: bool = True) -> None:
        self.end()
        self.speaking = True
        self.given.append((self.at, self.at))
        onset = Onset(self.at, self.at, self.at)
        self.queue.put(onset, self.at / RATE, self.now, ages=ages)

    def say(self, marks: str, *, pace: float = 1.0, size: int = 1) -> None:
        """Frames in pieces of `size`, each after the time that it lasts."""
        for first in range(0, len(marks), size):
            pcm = sound(marks[first : first + size])
            self.now += pace * len(pcm) / 2 / RATE
            self.source += pcm
            self.queue.put(Speech(self.at, pcm), 0.0, self.now, ages=True)
            self.at += len(pcm) // 2
            if self.speaking:
                self.given[-1] = (self.given[-1][0], self.at)

    def end(self) -> None:
        if self.speaking:
            self.speaking = False
            end = End(self.at, self.at, self.at, 0, True, EndReason.SILENCE)
            self.queue.put(end, 0.0, self.now, ages=True)

    def utterance(self, marks: str, *, pace: float = 1.0, ages: bool = True) -> None:
        self.begin(ages=ages)
        self.say(marks, pace=pace)
        self.end()

    def take(self, count: int = 1_000_000, limit: int = 1 << 30) -> None:
        for _ in range(count):
            taken = self.queue.take(self.now, limit)
            if taken is None:
                return
            match taken:
                case Onset() as onset, captured_at:
                    assert captured_at == pytest.approx(onset.start / RATE)
                    self.sent.append([(onset.start, onset.start)])
                case Speech() as speech, _:
                    assert 0 < len(speech.pcm) // 2 <= limit
                    start, end = self.sent[-1][0]
                    assert speech.start == end, "a gap within what is sent"
                    assert speech.pcm == self.source[2 * end : 2 * end + len(speech.pcm)]
                    self.sent[-1][0] = (start, end + len(speech.pcm) // 2)
                case End() as ended, _:
                    self.ended.append(ended.end)

    def spans(self) -> list[Span]:
        return [parts[0] for parts in self.sent]

    def count(self) -> dict[DropCode, float]:
        for seconds, code in self.queue.take_dropped():
            assert seconds > 0
            self.dropped[code] = self.dropped.get(code, 0.0) + seconds
        return self.dropped


def queue(policy: Policy = "drop") -> Queue:
    return Queue(SendQueue(policy, after_s=AFTER_S, bound_s=BOUND_S))


def seconds(span: Span) -> float:
    return (span[1] - span[0]) / RATE


SECOND = "#" * 50


class TestDrop:
    def test_what_is_in_time_is_handed_on_as_it_came(self) -> None:
        ours = queue()
        ours.begin()
        for _ in range(200):
            ours.say("#")
            ours.take()
        ours.end()
        ours.take()
        assert ours.spans() == [(0, ours.at)]
        assert ours.ended == [ours.at]
        assert ours.count() == {}
        assert ours.queue.empty

    def test_it_waits_a_moment_for_the_avatar(self) -> None:
        ours = queue()
        ours.utterance(SECOND)
        ours.now += 0.9
        ours.take()
        assert ours.spans() == [(0, RATE)]

    def test_without_a_pause_it_is_dropped_whole(self) -> None:
        ours = queue()
        ours.utterance(SECOND + "." * 5 + SECOND)
        ours.now += 1.5
        ours.take()
        assert ours.spans() == []
        assert ours.count() == {"late": pytest.approx(2.1)}
        assert ours.queue.empty

    def test_else_from_its_start_up_to_the_pause(self) -> None:
        ours = queue()
        ours.utterance(SECOND + "." * 10 + SECOND)
        ours.now += 0.5
        ours.take()
        ((start, end),) = ours.spans()
        assert end == ours.at
        assert start == 60 * FRAME - KEPT, "some of the pause is kept before the word"
        assert ours.count() == {"late": pytest.approx(start / RATE)}

    def test_nothing_after_the_pause_is_too_old(self) -> None:
        ours = queue()
        ours.utterance((SECOND + "." * 10) * 4 + SECOND)
        ours.now += 0.5
        ours.take()
        ((start, _),) = ours.spans()
        assert start == 4 * 60 * FRAME - KEPT, "the last pause: those before it end too early"

    def test_what_comes_before_the_next_pause_is_dropped_as_it_comes(self) -> None:
        ours = queue()
        ours.begin()
        ours.say(SECOND * 3)
        ours.take()
        assert ours.spans() == []
        ours.say(SECOND + "." * 10)
        ours.take()
        assert ours.spans() == [], "the pause is not over"
        ours.say("#")
        ours.take()
        assert ours.spans() == [(4 * RATE + 10 * FRAME - KEPT, ours.at)]
        assert ours.queue.held_s == 0

    def test_music_that_has_no_pause_is_joined_once_it_could_be_sent_for_long_enough(self) -> None:
        ours = queue()
        ours.begin()
        ours.say(SECOND * 5)
        ours.take()
        ours.say("#" * round(50 * AFTER_S - 1))
        ours.take()
        assert ours.spans() == []
        joined = ours.at + FRAME
        ours.say("##" + SECOND)
        ours.end()
        ours.take()
        assert ours.spans() == [(joined, ours.at)]
        assert ours.count() == {"late": pytest.approx(joined / RATE)}

    def test_while_it_cannot_be_sent_it_is_not_joined(self) -> None:
        ours = queue()
        ours.begin()
        ours.say(SECOND * 60)
        ours.take()
        assert ours.spans() == []
        assert ours.queue.held_s == 0

    def test_the_silence_at_its_end_is_no_pause_to_go_on_from(self) -> None:
        ours = queue()
        ours.utterance(SECOND * 3 + "." * 25)
        ours.take()
        assert ours.spans() == []
        assert ours.count() == {"late": pytest.approx(3.5)}

    def test_what_has_begun_goes_on(self) -> None:
        ours = queue()
        ours.begin()
        ours.say(SECOND)
        ours.take()
        ours.say(SECOND * 4)
        ours.now += 60
        ours.take()
        assert ours.spans() == [(0, 5 * RATE)]
        assert ours.count() == {}

    def test_but_it_is_known_that_it_is_held_up(self) -> None:
        ours = queue()
        ours.begin()
        ours.say(SECOND)
        ours.take()
        assert not ours.queue.is_held_up(ours.now + 60), "nothing is held"
        ours.say(SECOND)
        assert not ours.queue.is_held_up(ours.now)
        assert ours.queue.is_held_up(ours.now + AFTER_S)

    def test_a_source_that_waits_is_never_late(self) -> None:
        ours = queue()
        ours.utterance(SECOND, ages=False)
        ours.now += 3_600
        ours.take()
        assert ours.spans() == [(0, RATE)]

    def test_but_of_one_that_does_not_wait_no_more_is_held_than_that(self) -> None:
        """It does not where another avatar takes it."""
        ours = queue()
        for _ in range(14):
            ours.begin(ages=False)
            ours.say(SECOND * 50, size=2_500)
            ours.end()
        assert ours.queue.held_s == PATIENT_S
        ours.take()
        assert ours.spans()[0][0] == 100 * RATE, "the oldest gave way"
        assert ours.count() == {"overflow": 100.0}


class TestQueue:
    def test_all_is_kept_in_order(self) -> None:
        ours = queue("queue")
        for _ in range(4):
            ours.utterance(SECOND)
        ours.now += 30
        ours.take()
        assert [seconds(span) for span in ours.spans()] == [1.0] * 4
        assert ours.count() == {}

    def test_the_oldest_give_way_when_it_is_too_much(self) -> None:
        ours = queue("queue")
        for _ in range(7):
            ours.utterance(SECOND)
        ours.take()
        assert ours.spans()[0][0] == 2 * RATE
        assert sum(ours.count().values()) == pytest.approx(2.0)

    def test_one_that_is_too_long_gives_way_up_to_a_pause(self) -> None:
        ours = queue("queue")
        ours.begin()
        ours.say((SECOND + "." * 10) * 6)
        ours.take()
        ((start, _),) = ours.spans()
        assert start == 60 * FRAME - KEPT + 60 * FRAME


class TestLatest:
    def test_the_newest_whole_one_is_kept(self) -> None:
        ours = queue("latest")
        for _ in range(4):
            ours.utterance(SECOND)
        ours.now += 10
        ours.take()
        assert ours.spans() == [(3 * RATE, 4 * RATE)]
        assert ours.count() == {"late": pytest.approx(3.0)}

    def test_and_what_is_being_said_after_it(self) -> None:
        ours = queue("latest")
        for _ in range(2):
            ours.utterance(SECOND)
        ours.begin()
        ours.say(SECOND * 3)
        ours.take()
        assert ours.spans() == [(RATE, 2 * RATE), (2 * RATE, 5 * RATE)]

    def test_nothing_is_dropped_that_is_in_time(self) -> None:
        ours = queue("latest")
        ours.utterance("#" * 20)
        ours.utterance("#" * 20)
        ours.take()
        assert len(ours.spans()) == 2


class TestGivingUp:
    def test_the_rest_of_what_has_begun(self) -> None:
        ours = queue()
        ours.begin()
        ours.say(SECOND)
        ours.take(2, limit=FRAME)
        ours.queue.give_up("avatar_lost")
        ours.say(SECOND)
        ours.utterance(SECOND)
        ours.take()
        assert ours.spans() == [(0, FRAME), (2 * RATE, 3 * RATE)]
        assert ours.count() == {"avatar_lost": pytest.approx(2.0 - 0.02)}
        assert ours.ended == [3 * RATE]

    def test_nothing_that_has_not_begun(self) -> None:
        ours = queue()
        ours.utterance(SECOND)
        ours.queue.give_up("avatar_lost")
        ours.take()
        assert ours.spans() == [(0, RATE)]

    def test_those_whose_source_waits(self) -> None:
        ours = queue()
        ours.utterance(SECOND, ages=False)
        ours.begin(ages=False)
        ours.say(SECOND)
        ours.queue.give_up_patient("no_avatar")
        ours.say(SECOND)
        ours.end()
        ours.take()
        assert ours.spans() == []
        assert ours.count() == {"no_avatar": pytest.approx(3.0)}

    def test_everything(self) -> None:
        ours = queue()
        ours.utterance(SECOND)
        ours.begin()
        ours.say(SECOND)
        ours.queue.clear("interrupted")
        assert ours.queue.empty
        ours.say(SECOND)
        ours.end()
        ours.take()
        assert ours.spans() == []
        assert ours.count() == {"interrupted": pytest.approx(3.0)}


ACTIONS = st.lists(
    st.one_of(
        st.just(("begin",)),
        st.tuples(
            st.just("say"),
            st.lists(
                st.tuples(st.sampled_from("#."), st.integers(1, 60)), min_size=1, max_size=4
            ).map(lambda runs: "".join(mark * count for mark, count in runs)),
            st.integers(1, 40),
        ),
        st.just(("end",)),
        st.tuples(st.just("wait"), st.floats(0, 4)),
        st.tuples(st.just("take"), st.integers(1, 8), st.integers(1, 3 * RATE)),
        st.just(("take all",)),
        st.just(("give up",)),
        st.just(("clear",)),
    ),
    max_size=40,
)


@settings(max_examples=400)
@given(st.sampled_from(get_args(Policy)), ACTIONS)
def test_laws(policy: Policy, actions: list[tuple]) -> None:  # type: ignore[type-arg]
    ours = queue(policy)
    for action in actions:
        match action:
            case ("begin",):
                ours.begin()
            case ("say", marks, size):
                ours.say(marks, size=size) if ours.speaking else None
            case ("end",):
                ours.end()
            case ("wait", duration):
                ours.now += duration
            case ("take", count, limit):
                ours.take(count, limit)
            case ("take all",):
                ours.take()
            case ("give up",):
                ours.queue.give_up("backlog")
            case ("clear",):
                ours.queue.clear("interrupted")
        assert ours.queue.held_s <= BOUND_S
        assert_all_is_counted(ours)
        assert_its_timer_is_when_it_drops(ours)
    ours.end()
    ours.take()
    assert ours.queue.empty
    assert ours.queue.held_s == 0
    assert_all_is_counted(ours)
    assert_cuts_lie_in_pauses(ours)
    if policy == "queue":
        assert "late" not in ours.count()


def assert_its_timer_is_when_it_drops(ours: Queue) -> None:
    """Time alone drops nothing before the timer, and something right after it."""
    ours.queue.expire(ours.now)
    held_s, at = ours.queue.held_s, ours.queue.next_timer()
    ours.queue.expire(ours.now + 1_000 if at is None else at - 1e-6)
    assert ours.queue.held_s == held_s
    if at is not None:
        assert at >= ours.now - 1e-6
        ours.queue.expire(at + 1e-6)
        assert ours.queue.held_s < held_s
        assert ours.queue.has_dropped
        ours.now = at + 1e-6


def assert_all_is_counted(ours: Queue) -> None:
    given = sum(seconds(span) for span in ours.given)
    sent = sum(seconds(span) for span in ours.spans())
    dropped = sum(ours.count().values())
    assert sent + dropped + ours.queue.held_s == pytest.approx(given)


def assert_cuts_lie_in_pauses(ours: Queue) -> None:
    """What is sent is in order, and begins with an utterance or in a pause of it."""
    starts = {span[0] for span in ours.given}
    assert ours.spans() == sorted(ours.spans())
    for start, end in ours.spans():
        assert any(first <= start and end <= last for first, last in ours.given)
        if start not in starts:
            before = np.frombuffer(ours.source[2 * (start + KEPT - PAUSE) : 2 * start], "<i2")
            after = np.frombuffer(ours.source[2 * start : 2 * (start + KEPT)], "<i2")
            quiet = 10_000 / 10 ** (QUIET_DB / 20)
            assert np.abs(before.astype(int)).max() < quiet
            assert np.abs(after.astype(int)).max() < quiet
