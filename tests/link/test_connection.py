"""Laws of the connection, whatever the SDK says, and of whichever attempt: in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.errors import ConnectionFailed, MicstreamError
from micstream.events import Connection as Told
from micstream.link.actions import Discard, Down, Failed, Join, Tell, Up
from micstream.link.connection import CONNECT_S, RETRY_S, STRAY_S, Cause, Connection, State

REFUSED = ConnectionFailed("refused", code="server_unreachable")


@dataclass
class World:
    """A server, a clock and one connection; `joining`: what the SDK is still busy with."""

    now: float = 1_000.0
    joining: set[int] = field(default_factory=set)
    here: set[int] = field(default_factory=set)
    """Attempts that are in the room, as the server sees it."""
    given_up: set[int] = field(default_factory=set)
    up: int | None = None
    started: list[int] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    failed: MicstreamError | None = None
    stay: bool = False

    def __post_init__(self) -> None:
        self.connection = Connection("me", "ws://server", "show", stay=self.stay)
        self.connection.start(self.now)
        self.act()

    def act(self) -> None:
        for action in self.connection.actions():
            assert self.failed is None, "it has ended"
            match action:
                case Join(attempt):
                    assert self.up is None
                    assert attempt not in self.started
                    assert not self.joining - self.given_up, "one at a time"
                    self.started.append(attempt)
                    self.joining.add(attempt)
                case Discard(attempt):
                    assert attempt not in self.given_up
                    self.given_up.add(attempt)
                    if attempt in self.here:
                        self._leave(attempt)
                case Up(attempt):
                    assert self.up is None
                    assert attempt in self.here
                    assert attempt not in self.given_up
                    self.up = attempt
                case Down():
                    assert self.up is not None
                    self.up = None
                case Failed(error):
                    self.failed = error
                case Tell(event):
                    self.told.append(event)
        state = self.connection.state
        assert (self.up is not None) == (state is State.CONNECTED)
        assert (self.failed is None) or state is State.CLOSED
        assert self.connection.failure is self.failed

    def joined(self, attempt: int) -> None:
        """The SDK succeeds; the server puts out whoever is there under our identity."""
        if attempt not in self.joining:
            return
        self.joining.discard(attempt)
        before = self.here - {attempt}
        self.here = {attempt}
        self.connection.joined(attempt, self.now)
        self.act()
        for other in before:
            self.disconnected(other, Cause.TAKEN)
        if attempt in self.given_up and attempt in self.here:
            self._leave(attempt)

    def fails(self, attempt: int) -> None:
        if attempt in self.joining:
            self.joining.discard(attempt)
            self.connection.join_failed(attempt, REFUSED, self.now)
            self.act()
            if attempt in self.given_up:
                self._gone(attempt)

    def disconnected(self, attempt: int, cause: Cause = Cause.LOST) -> None:
        self.here.discard(attempt)
        self.connection.disconnected(attempt, cause, now=self.now)
        self.act()

    def says(self, attempt: int, back: bool) -> None:
        say = self.connection.reconnected if back else self.connection.reconnecting
        say(attempt, self.now)
        self.act()

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(2_000):
            due = self.connection.next_timer()
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now, due)
            self.connection.handle_timer(self.now)
            self.act()
        raise AssertionError("a busy loop")

    def states(self) -> list[tuple[str, int]]:
        return [(event.state, event.attempt) for event in self.told if isinstance(event, Told)]

    def _leave(self, attempt: int) -> None:
        self.disconnected(attempt)
        self._gone(attempt)

    def _gone(self, attempt: int) -> None:
        self.connection.discarded(attempt, self.now)
        self.act()


MANY = 300
ATTEMPTS = st.integers(1, 6)
STEPS = st.one_of(
    st.tuples(st.just("joined"), ATTEMPTS),
    st.tuples(st.just("fails"), ATTEMPTS),
    st.tuples(st.just("disconnected"), ATTEMPTS),
    st.tuples(st.just("says"), ATTEMPTS, st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 1.0, 5.0, 16.0, 40.0])),
    st.tuples(st.just("current"), st.sampled_from(["joined", "disconnected"])),
)


def run(world: World, steps: list[tuple[Any, ...]]) -> World:
    for step in steps:
        match step:
            case "joined", attempt:
                world.joined(attempt)
            case "fails", attempt:
                world.fails(attempt)
            case "disconnected", attempt:
                if attempt in world.here:
                    world.disconnected(attempt)
            case "says", attempt, back:
                world.says(attempt, back)
            case "wait", seconds:
                world.wait(seconds)
            case "current", "joined":
                world.joined(world.started[-1])
            case "current", "disconnected" if world.connection.adopted is not None:
                world.disconnected(world.connection.adopted)
    return world


def within() -> World:
    """One that has joined."""
    world = World()
    world.joined(1)
    return world


@settings(max_examples=MANY)
@given(st.lists(STEPS, max_size=40))
def test_once_in_no_attempt_of_ours_ends_it_however_late_it_succeeds(
    steps: list[tuple[Any, ...]],
) -> None:
    """Each puts the one before out, and none of them is the end."""
    world = run(within(), steps)
    assert world.failed is None
    # And once all is quiet, the one adopted is in the room, and nobody else is.
    for _ in range(100):
        world.wait(0.5)
        for attempt in sorted(world.joining):
            world.joined(attempt)
    if world.connection.state is State.RECONNECTING:
        world.says(world.connection.adopted or 0, True)
    assert world.connection.state is State.CONNECTED
    assert world.here == {world.connection.adopted}


@settings(max_examples=MANY)
@given(st.lists(STEPS, max_size=40), st.integers(1, 9), st.sampled_from(Cause))
def test_what_one_that_is_not_adopted_says_changes_nothing(
    steps: list[tuple[Any, ...]], other: int, cause: Cause
) -> None:
    world = run(within(), steps)
    if other in (world.connection.adopted, world.started[-1]):
        return
    before = (world.connection.state, world.connection.next_timer(), len(world.told))
    world.says(other, False)
    world.says(other, True)
    world.connection.disconnected(other, cause, now=world.now)
    world.connection.join_failed(other, REFUSED, world.now)
    world.act()
    assert (world.connection.state, world.connection.next_timer(), len(world.told)) == before


@settings(max_examples=MANY)
@given(st.lists(STEPS, max_size=40))
def test_after_the_end_nothing_of_ours_stays_in_the_room(steps: list[tuple[Any, ...]]) -> None:
    world = run(World(), steps)
    world.connection.close(world.now)
    world.act()
    for attempt in sorted(world.joining):
        world.joined(attempt)
    assert world.here == set()
    assert world.connection.next_timer() is None
    assert world.connection.state is State.CLOSED


def test_joining_is_told_and_whoever_is_there_counts() -> None:
    world = World()
    assert world.states() == [("connecting", 1)]
    world.joined(1)
    assert world.states()[1:] == [("connected", 1)]
    assert world.up == 1


def test_a_first_connection_that_fails_is_the_end() -> None:
    world = World()
    world.fails(1)
    assert world.failed is REFUSED
    assert world.connection.next_timer() is None


def test_so_is_one_that_takes_too_long_and_is_left_again() -> None:
    world = World()
    world.wait(CONNECT_S)
    assert world.failed is not None
    assert world.failed.message == "ws://server does not answer within 15 s"
    world.joined(1)
    assert world.here == set()


def test_one_that_is_lost_later_is_tried_again_for_ever() -> None:
    world = within()
    world.disconnected(1)
    begun: list[float] = []
    for attempt in range(2, 40):
        lost_at = world.now
        while len(world.started) < attempt:
            world.wait(0.1)
        begun.append(world.now - lost_at)
        world.fails(attempt)
    expected = [*RETRY_S, *[RETRY_S[-1]] * 33]
    assert begun == pytest.approx(expected, abs=0.11)
    assert world.states()[2:5] == [("lost", 0), ("connecting", 1), ("connecting", 2)]
    assert world.failed is None
    assert [event.code for event in world.told if event.EVENT == "warning"] == [REFUSED.code] * 38
    world.wait(10.0)
    world.joined(world.started[-1])
    assert world.states()[-1] == ("connected", 39)
    world.disconnected(world.started[-1])
    world.wait(RETRY_S[0])
    assert world.states()[-1] == ("connecting", 1), "from the beginning"


def test_whoever_takes_our_identity_is_the_end() -> None:
    world = within()
    world.disconnected(1, Cause.TAKEN)
    assert world.failed is not None
    assert world.failed.code == "identity_in_use"
    assert ("lost", 0) not in world.states()
    world.wait(1_000.0)
    assert world.started == [1]


PUT_OUT = {Cause.REMOVED: "removed", Cause.DELETED: "room_deleted"}


@pytest.mark.parametrize("cause", PUT_OUT)
@pytest.mark.parametrize("meanwhile", ["nothing", "reconnecting"])
def test_what_a_person_did_on_purpose_is_the_end(cause: Cause, meanwhile: str) -> None:
    world = within()
    if meanwhile == "reconnecting":
        world.says(1, False)
    world.disconnected(1, cause)
    assert world.failed is not None
    assert (world.failed.code, world.failed.exit_code) == (PUT_OUT[cause], 5)
    assert "'show'" in world.failed.message
    assert "API key" in world.failed.hint, "who can undo it"
    world.wait(1_000.0)
    assert world.started == [1]


@pytest.mark.parametrize("cause", PUT_OUT)
def test_before_we_knew_that_we_were_in_it_is_the_end_too(cause: Cause) -> None:
    world = World()
    world.connection.disconnected(1, cause, now=world.now)
    world.joined(1)
    assert world.failed is not None
    assert world.failed.code == PUT_OUT[cause]


@pytest.mark.parametrize("cause", PUT_OUT)
def test_one_that_is_to_stay_tells_it_and_comes_back(cause: Cause) -> None:
    world = World(stay=True)
    world.joined(1)
    world.disconnected(1, cause)
    assert world.failed is None
    (warning,) = [event for event in world.told if event.EVENT == "warning"]
    assert warning.code == PUT_OUT[cause]
    assert "--stay" in warning.hint
    world.wait(RETRY_S[0])
    world.joined(2)
    assert world.states()[-1] == ("connected", 1)


def test_staying_changes_nothing_for_a_taken_identity() -> None:
    world = World(stay=True)
    world.joined(1)
    world.disconnected(1, Cause.TAKEN)
    assert world.failed is not None


def test_unless_it_may_be_a_late_attempt_of_our_own() -> None:
    """The server stood still while we joined again: both get in, the late one last."""
    world = within()
    world.disconnected(1)
    world.wait(0.5 + CONNECT_S)
    assert world.given_up == {2}
    world.wait(STRAY_S + 1.0)
    assert world.started == [1, 2, 3], "it is not waited for without end"
    world.joined(3)
    world.joined(2)
    assert world.failed is None
    assert world.connection.state is State.LOST
    world.wait(1.0)
    world.joined(4)
    assert world.here == {4}
    world.wait(60.0)
    world.disconnected(4, Cause.TAKEN)
    assert world.failed is not None, "long after, it is somebody else"


def test_the_next_attempt_waits_for_one_that_was_given_up() -> None:
    world = within()
    world.disconnected(1)
    world.wait(0.5 + CONNECT_S + 10.0)
    assert world.started == [1, 2]
    world.fails(2)
    world.wait(0.01)
    assert world.started == [1, 2, 3]


def test_one_that_was_over_before_we_knew_that_it_had_begun_is_lost() -> None:
    world = World()
    world.connection.disconnected(1, Cause.LOST, now=world.now)
    world.joined(1)
    assert world.connection.state is State.LOST
    assert world.states()[1:] == [("connected", 1), ("lost", 0)]


def test_while_the_sdk_joins_anew_by_itself_nobody_is_reached() -> None:
    world = within()
    world.says(1, False)
    assert world.up is None
    assert world.connection.adopted == 1
    world.wait(100.0)
    assert world.started == [1]
    world.says(1, True)
    assert world.up == 1
    assert world.states()[2:] == [("reconnecting", 1), ("connected", 1)]
