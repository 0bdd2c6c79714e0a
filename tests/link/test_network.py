"""Laws of the network watch, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from micstream.link.actions import Look, NetworkGone, Nudge, Tell
from micstream.link.network import FRESH_S, GONE_S, NetworkWatch


@dataclass
class World:
    """A server that acknowledges, while `here`, after `round_trip_s`."""

    round_trip_s: float = 0.02
    here: bool = True
    now: float = 1_000.0
    last_packet: float = 1_000.0
    talking: bool = False
    looks: int = 0
    nudges: int = 0
    gone: bool = False
    changes: list[float] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = NetworkWatch()
        self.watch.start(self.now)

    def wait(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        until = self.now + seconds
        steps = 0
        while True:
            steps += 1
            assert steps < 100 + 40 * seconds, "a busy loop"
            due = self.watch.next_timer()
            assert due is not None
            if due > until:
                self.now = until
                return
            self.now = max(self.now, due)
            self.watch.handle_timer(self.now)
            self.act()
            each()

    def act(self) -> None:
        for action in self.watch.actions():
            match action:
                case Look():
                    self.looks += 1
                    came = [at for at in self.arrivals if at <= self.now]
                    self.arrivals = [at for at in self.arrivals if at > self.now]
                    if self.here and self.talking:
                        came.append(self.now)
                    self.last_packet = max([self.last_packet, *came])
                    self.watch.seen(self.now - self.last_packet, self.round_trip_s, self.now)
                    self.act()
                case Nudge():
                    self.nudges += 1
                    if self.here:
                        self.arrivals.append(self.now + self.round_trip_s)
                    self.watch.nudged(self.now)
                case NetworkGone(gone):
                    assert gone is not self.gone
                    self.gone = gone
                    self.changes.append(self.now)
                case Tell(event):
                    self.told.append(event)


@given(st.floats(0.0, 0.4), st.booleans(), st.floats(1.0, 600.0))
def test_a_server_that_acknowledges_is_never_told_as_gone(
    round_trip_s: float, talking: bool, seconds: float
) -> None:
    world = World(round_trip_s, talking=talking)
    world.wait(seconds)
    assert world.told == []
    assert world.looks < 100 + 11 * seconds


@given(st.floats(0.0, 0.4), st.booleans(), st.floats(0.0, 20.0))
def test_one_that_is_gone_is_told_within_two_seconds_and_once(
    round_trip_s: float, talking: bool, before_s: float
) -> None:
    world = World(round_trip_s, talking=talking)
    world.wait(before_s)
    world.here = False
    gone_at = world.now
    world.wait(60.0)
    assert [event.EVENT for event in world.told] == ["warning"]
    assert world.changes[0] - gone_at + FRESH_S >= GONE_S
    assert world.changes[0] - world.last_packet >= GONE_S + round_trip_s
    assert world.changes[0] - gone_at < 2.0
    assert world.watch.is_gone
    world.here = True
    back_at = world.now
    world.wait(5.0)
    assert [event.EVENT for event in world.told] == ["warning", "connection"]
    assert world.changes[1] - back_at < 1.1 + round_trip_s
    assert not world.gone


def test_standing_still_ourselves_proves_nothing() -> None:
    """What was asked before this program stood still is no question that was not answered."""
    world = World()
    world.wait(5.0)
    world.now += 30.0  # nobody could look
    world.wait(5.0)
    assert world.told == []


def test_what_is_under_way_when_it_ends_says_nothing() -> None:
    watch = NetworkWatch()
    watch.start(0.0)
    watch.handle_timer(0.0)
    watch.stop()
    watch.actions()
    watch.seen(100.0, 0.0, 1.0)
    watch.unknown(1.0)
    watch.nudged(1.0)
    assert watch.actions() == []
    assert watch.next_timer() is None


def test_a_connection_anew_begins_anew() -> None:
    world = World()
    world.here = False
    world.wait(3.0)
    assert world.gone
    world.watch.stop()
    assert world.watch.is_gone, "until we are connected again"
    world.watch.start(world.now)
    world.act()
    assert not world.gone
