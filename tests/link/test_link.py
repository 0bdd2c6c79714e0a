"""Laws of the avatar link, whoever comes, goes, answers or does not: in virtual time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.delivery.actions import Answer
from micstream.events import AvatarReady, AvatarSilent, Warned
from micstream.link.actions import Gone, Listening, Probe, Tell
from micstream.link.avatar import (
    ACTIVE_GRACE_S,
    PROBE_BOUND_EVERY_S,
    PROBE_TIMEOUT_S,
    Link,
    State,
)
from micstream.link.people import Person

TIMEOUT_S = 5.0
ANSWERS = {
    "ok": (Answer.OK, 0.01),
    "reject": (Answer.OTHER, 0.01),
    "no method": (Answer.UNSUPPORTED, 0.01),
    "fails": (Answer.FAILED, 0.3),
    "hangs": (Answer.NONE, PROBE_TIMEOUT_S),
}
"""What it answers, and after how many seconds."""


@dataclass
class _Call:
    number: int
    identity: str
    sid: str
    answer_at: float
    counts: bool = True
    """Nothing has come between it and its answer."""


@dataclass
class World:
    """A room, a clock, and one link; every law that can be seen at a moment is checked there."""

    timeout_s: float = TIMEOUT_S
    now: float = 1_000.0
    people: dict[str, Person] = field(default_factory=dict)
    manner: dict[str, str] = field(default_factory=dict)
    """How each of them answers."""
    up: bool = False
    listening: str | None = None
    asked: list[_Call] = field(default_factory=list)
    """Calls that are under way, also those in which nobody is interested any more."""
    ever_ok: set[str] = field(default_factory=set)
    probes: list[tuple[float, str]] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    hows: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.link = Link("avatar-*", "room", self.timeout_s)
        self._sids = itertools.count()
        self._joins = itertools.count()

    # ---- what happens --------------------------------------------------------------------------

    def connect(self, up: bool = True) -> None:
        self.up = up
        for call in self.asked:
            call.counts &= up
        self.link.connection(up)
        self._act()
        self._look()

    def join(self, name: str, manner: str = "ok", **facts: Any) -> None:
        identity = f"avatar-{name}"
        facts = {"joined_at": float(next(self._joins)), **facts}
        self.people[identity] = Person(identity, f"PA_{next(self._sids)}", **facts)
        self.manner[identity] = manner
        self._look()

    def leave(self, name: str) -> None:
        if self.people.pop(f"avatar-{name}", None) is not None:
            self._look()

    def change(self, name: str, **facts: Any) -> None:
        identity = f"avatar-{name}"
        if identity in self.people:
            self.people[identity] = replace(self.people[identity], **facts)
            self._look()

    def answers(self, name: str, manner: str) -> None:
        self.manner[f"avatar-{name}"] = manner

    def silent(self) -> None:
        self.link.silent(self.now)
        self._act()

    def dead(self) -> None:
        self.link.dead(self.now)
        self._act()

    def alive(self) -> None:
        self.link.alive()
        self._act()

    def wait(self, seconds: float) -> None:
        """Let time pass: timers and answers come when they are due."""
        until = self.now + seconds
        for _ in range(int(1_000 + 200 * seconds)):
            timer = self.link.next_timer()
            times = [until if timer is None else timer, *(call.answer_at for call in self.asked)]
            due = min(times)
            if due >= until:
                self.now = until
                return
            self.now = max(self.now, due)
            answering = [call for call in self.asked if call.answer_at <= self.now]
            for call in answering:
                self.asked.remove(call)
                answer, _ = ANSWERS[self.manner[call.identity]]
                if call.counts and answer is Answer.OK:
                    self.ever_ok.add(call.identity)
                self.link.answered(call.number, answer, self.now)
            if not answering:
                self.link.handle_timer(self.now)
            self._act()
        raise AssertionError("a busy loop")

    # ---- what is asked of it -------------------------------------------------------------------

    def _look(self) -> None:
        here = {person.sid for person in self.people.values()}
        for call in self.asked:
            call.counts &= self.up and call.sid in here
        self.link.seen(tuple(self.people.values()), self.now)
        self._act()

    def _act(self) -> None:
        for action in self.link.actions():
            match action:
                case Probe(call, identity):
                    assert self.up
                    assert self.listening is None, "it would clear what plays"
                    assert self.people[identity].active, "it would be lost"
                    assert not any(call.counts for call in self.asked), "one at a time"
                    answer_at = self.now + ANSWERS[self.manner[identity]][1]
                    sid = self.people[identity].sid
                    self.asked.append(_Call(call, identity, sid, answer_at))
                    self.probes.append((self.now, identity))
                case Listening(identity, how):
                    assert self.listening is None
                    assert self.people[identity].active
                    if how == "probe":
                        assert identity in self.ever_ok
                    else:
                        assert identity not in self.ever_ok, "taken for its picture alone"
                        assert how == "active" or self.people[identity].has_video
                    self.listening = identity
                    self.hows.append((identity, how))
                case Gone():
                    assert self.listening is not None
                    self.listening = None
                case Tell(event):
                    self.told.append(event)
        assert self.link.actions() == []
        assert self.link.is_listening == (self.listening is not None)
        assert (self.link.state is State.LISTENING) == self.link.is_listening
        assert (self.link.state is State.LOST) == (not self.up)
        if self.listening is not None:
            assert self.link.identity == self.listening

    def warned(self) -> list[str]:
        return [event.code for event in self.told if isinstance(event, Warned)]


MANY = 300
NAMES = st.sampled_from("abc")
MANNERS = st.sampled_from(sorted(ANSWERS))
STEPS = st.one_of(
    st.tuples(st.just("join"), NAMES, MANNERS, st.booleans(), st.booleans()),
    st.tuples(st.just("leave"), NAMES),
    st.tuples(st.just("active"), NAMES),
    st.tuples(st.just("video"), NAMES),
    st.tuples(st.just("answers"), NAMES, MANNERS),
    st.tuples(st.just("silent")),
    st.tuples(st.just("dead")),
    st.tuples(st.just("alive")),
    st.tuples(st.just("connect"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.05, 0.5, 1.0, 3.0, 12.0, 40.0])),
)


def run(steps: Iterable[tuple[Any, ...]]) -> World:
    world = World()
    world.connect()
    for step in steps:
        match step:
            case "join", name, manner, active, video:
                world.join(name, manner, active=active, has_video=video)
            case "leave", name:
                world.leave(name)
            case "active", name:
                world.change(name, active=True)
            case "video", name:
                world.change(name, has_video=True)
            case "answers", name, manner:
                world.answers(name, manner)
            case ("silent",):
                world.silent()
            case ("dead",):
                world.dead()
            case ("alive",):
                world.alive()
            case "connect", up:
                world.connect(up)
            case "wait", seconds:
                world.wait(seconds)
    return world


@settings(max_examples=MANY)
@given(st.lists(STEPS, max_size=30))
def test_whatever_happens_it_asks_one_at_a_time_and_takes_nobody_unproven(
    steps: list[tuple[Any, ...]],
) -> None:
    run(steps)


@settings(max_examples=MANY)
@given(st.lists(STEPS, max_size=20))
def test_a_good_one_is_found_whatever_was_before(steps: list[tuple[Any, ...]]) -> None:
    """Where one answers, it is listened through in bounded time, or another is that does."""
    world = run(steps)
    world.connect()
    world.join("d", "ok", joined_at=1e9)
    world.answers("d", "ok")
    world.wait(ACTIVE_GRACE_S + 4 * (TIMEOUT_S + 2 * PROBE_TIMEOUT_S) + 4 * PROBE_BOUND_EVERY_S)
    assert world.listening is not None


@settings(max_examples=MANY)
@given(st.lists(STEPS, max_size=20))
def test_one_that_stays_bound_is_never_spoken_through(steps: list[tuple[Any, ...]]) -> None:
    bound = [s for s in steps if s[0] not in ("join", "answers") or "a" not in s]
    world = World()
    world.connect()
    world.join("a", "reject", has_video=True)
    for step in bound:
        if step[0] == "join" and step[1] != "a":
            world.join(step[1], step[2], active=step[3], has_video=step[4])
        elif step[0] == "wait":
            world.wait(step[1])
        elif step[0] == "leave" and step[1] != "a":
            world.leave(step[1])
    assert "avatar-a" not in {identity for identity, _ in world.hows}


@settings(max_examples=MANY)
@given(st.lists(STEPS, max_size=20), st.floats(0.1, 100))
def test_without_connection_nobody_is_asked_or_believed(
    steps: list[tuple[Any, ...]], seconds: float
) -> None:
    world = run(steps)
    world.connect(False)
    before = len(world.probes)
    world.join("a", "ok")
    world.wait(seconds)
    assert world.listening is None
    assert len(world.probes) == before
    assert world.link.next_timer() is None


def test_one_that_answers_is_listened_through_at_once() -> None:
    world = World()
    states = [world.link.state]
    world.connect()
    states.append(world.link.state)
    world.join("a", active=False)
    states.append(world.link.state)
    world.wait(3.0)
    assert world.probes == []
    world.change("a", active=True)
    states.append(world.link.state)
    world.wait(0.1)
    states.append(world.link.state)
    assert [state.name for state in states] == [
        "LOST",
        "ABSENT",
        "JOINING",
        "PROBING",
        "LISTENING",
    ]
    assert world.hows == [("avatar-a", "probe")]
    (ready,) = world.told
    assert isinstance(ready, AvatarReady)


@pytest.mark.parametrize(("video", "how", "after_s"), [(True, "video", 5.0), (False, "active", 10)])
@pytest.mark.parametrize("manner", ["no method", "hangs"])
def test_one_that_never_answers_is_taken_as_it_is(
    video: bool, how: str, after_s: float, manner: str
) -> None:
    world = World()
    world.connect()
    world.join("a", manner, has_video=video)
    world.wait(after_s - 0.01)
    assert world.listening is None
    world.wait(1.2)
    assert world.hows == [("avatar-a", how)]
    assert world.warned()[-1] == "avatar_unproven"


def test_one_that_answered_once_is_not_taken_again_for_its_picture_alone() -> None:
    world = World()
    world.connect()
    world.join("a", has_video=True)
    world.wait(1.0)
    for way in ("leave", "away", "silent"):
        if way == "leave":
            world.leave("a")
        elif way == "away":
            world.connect(False)
        else:
            world.silent()
        world.connect()
        world.join("a", "no method", has_video=True)
        world.wait(600.0)
        assert world.listening is None
        world.answers("a", "ok")
        world.wait(2.0)
        assert world.listening == "avatar-a"
        assert {how for _, how in world.hows} == {"probe"}


def test_one_that_is_bound_is_asked_every_two_seconds_for_ever_and_told_once() -> None:
    world = World()
    world.connect()
    world.join("a", "reject", has_video=True)
    world.wait(3_600.0)
    assert world.link.state is State.BOUND
    pauses = [b - a for (a, _), (b, _) in itertools.pairwise(world.probes)]
    assert pauses == pytest.approx([2.01] * len(pauses))
    assert len(pauses) > 1_700
    assert world.warned().count("avatar_bound") == 1
    world.answers("a", "ok")
    world.wait(2.1)
    assert world.listening == "avatar-a"


def test_one_proved_silent_is_asked_until_it_answers() -> None:
    world = World()
    world.connect()
    world.join("a", has_video=True)
    world.wait(1.0)
    world.answers("a", "hangs")
    world.silent()
    assert world.link.state is State.SILENT
    assert [type(event) for event in world.told[1:]] == [AvatarSilent, Warned]
    world.wait(3_600.0)
    assert world.listening is None
    world.answers("a", "ok")
    world.wait(2.0)
    assert world.hows == [("avatar-a", "probe")] * 2


def test_one_that_answers_and_plays_nothing_is_told_and_still_spoken_through() -> None:
    world = World()
    world.connect()
    world.join("a")
    world.wait(1.0)
    world.dead()
    assert world.listening == "avatar-a", "there is nobody better, and the proof may be wrong"
    assert world.link.is_silent("avatar-a")
    assert [type(event) for event in world.told[1:]] == [AvatarSilent, Warned]
    assert world.warned() == ["avatar_dead"]
    world.wait(60.0)
    world.alive()
    assert not world.link.is_silent("avatar-a")
    assert (world.told[-1].identity, world.told[-1].how) == ("avatar-a", "heard")


def test_one_that_plays_nothing_gives_way_to_one_that_answers() -> None:
    world = World()
    world.connect()
    world.join("a")
    world.join("b")
    world.wait(1.0)
    assert world.listening == "avatar-a"
    world.dead()
    world.wait(1.0)
    assert world.listening == "avatar-b"
    assert world.warned()[-1] == "avatar_passed_over"
    world.leave("b")
    world.wait(1.0)
    assert world.listening == "avatar-a", "there is nobody better any more"
    assert world.link.is_silent("avatar-a")
    assert isinstance(world.told[-1], AvatarSilent)


def test_nor_is_it_left_for_one_that_is_of_no_use() -> None:
    world = World()
    world.connect()
    world.join("a")
    world.join("b", "reject")
    world.wait(1.0)
    world.dead()
    world.wait(30.0)
    assert world.listening == "avatar-a"


def test_one_that_has_joined_anew_is_trusted() -> None:
    world = World()
    world.connect()
    world.join("a")
    world.wait(1.0)
    world.dead()
    world.leave("a")
    world.join("a")
    world.wait(1.0)
    assert world.listening == "avatar-a"
    assert not world.link.is_silent("avatar-a")


@pytest.mark.parametrize(
    ("manner", "facts", "why"),
    [
        ("reject", {}, "is bound to another sender"),
        ("hangs", {}, "does not answer"),
        ("no method", {"has_video": True}, "does not answer"),
        ("ok", {"active": False}, "has not become active"),
    ],
)
def test_of_several_a_useless_one_gives_way_to_a_good_one(
    manner: str, facts: dict[str, Any], why: str
) -> None:
    world = World()
    world.connect()
    world.join("a", manner, **facts)
    world.join("b")
    world.wait(TIMEOUT_S + 2.0)
    assert world.hows == [("avatar-b", "probe")]
    passed = [e for e in world.told if isinstance(e, Warned) and e.code == "avatar_passed_over"]
    assert [event.message for event in passed] == [
        f"the avatar 'avatar-a' {why}; speaking through 'avatar-b'"
    ]
    # Once it is well it has to wait for its turn; it does not push the other one out.
    world.answers("a", "ok")
    world.change("a", active=True)
    world.wait(60.0)
    assert world.listening == "avatar-b"
    world.leave("b")
    world.wait(1.0)
    assert world.listening == "avatar-a"


def test_one_that_was_passed_over_gets_its_turn_anew() -> None:
    world = World()
    world.connect()
    world.join("a", "no method", has_video=True)
    world.join("b")
    world.wait(60.0)
    assert world.listening == "avatar-b"
    world.leave("b")
    world.wait(TIMEOUT_S - 0.1)
    assert world.listening is None
    world.wait(0.3)
    assert world.hows[-1] == ("avatar-a", "video")


def test_one_that_falls_silent_gives_way_too() -> None:
    world = World()
    world.connect()
    world.join("a")
    world.join("b")
    world.wait(1.0)
    assert world.listening == "avatar-a"
    world.answers("a", "hangs")
    world.silent()
    world.wait(1.0)
    assert world.listening == "avatar-b"


def test_of_several_good_ones_the_first_to_have_joined_is_taken_and_told() -> None:
    world = World()
    world.join("b")
    world.join("a")
    world.connect()
    world.wait(1.0)
    assert world.hows == [("avatar-b", "probe")]
    (warning,) = [event for event in world.told if isinstance(event, Warned)]
    assert warning.code == "several_avatars"
    assert "(avatar-b, avatar-a); speaking through avatar-b" in warning.message


def test_the_first_may_take_a_moment_to_become_active() -> None:
    world = World()
    world.connect()
    world.join("a", active=False)
    world.join("b")
    world.wait(ACTIVE_GRACE_S / 2)
    assert world.probes == []
    world.change("a", active=True)
    world.wait(0.1)
    assert world.hows == [("avatar-a", "probe")]


def test_a_viewer_of_such_a_name_is_never_spoken_through() -> None:
    world = World()
    world.join("viewer", is_agent=False)
    world.connect()
    world.wait(30.0)
    assert (world.hows, world.probes) == ([], [])
    world.join("b")
    world.wait(0.1)
    assert world.hows == [("avatar-b", "probe")]


def test_of_several_that_never_answer_one_with_a_picture_is_taken() -> None:
    world = World()
    world.connect()
    world.join("a", "no method")
    world.join("b", "no method", has_video=True)
    world.wait(2 * TIMEOUT_S + 1.0)
    assert world.hows == [("avatar-b", "video")]


def test_why_nobody_listens_is_said_by_whether_somebody_is_there() -> None:
    world = World()
    world.connect()
    absence = world.link.absence(10.0)
    assert (absence.code, absence.exit_code) == ("no_avatar", 6)
    assert absence.message == "no avatar: avatar-* is not in the room 'room' within 10 s"
    world.join("a", "hangs")
    absence = world.link.absence(None)
    assert absence.code == "avatar_not_listening"
    assert absence.message == "the avatar avatar-* does not listen"
