"""Who has a say in the gate: whoever mutes has the last word, and nobody holds it for ever."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from micstream.gating import Gating
from micstream.speech.cutter import Gate

TAIL_S = 0.1

steps = st.one_of(
    st.tuples(st.sampled_from(["mute", "manual"]), st.sampled_from(["on", "off", "toggle"])),
    st.tuples(st.sampled_from(["auto", "cough", "interrupt"]), st.just("")),
    st.tuples(st.sampled_from(["hold", "kept", "release"]), st.sampled_from(["anna", "ben"])),
    st.tuples(st.just("wait"), st.floats(0.0, 3.0)),
)


class Desk:
    """A gating, and the time."""

    def __init__(self, *, manual: bool = False) -> None:
        self.gating = Gating(manual=manual, tail_s=TAIL_S)
        self.now = 100.0

    def gate(self) -> Gate:
        return self.gating.gate

    def do(self, *history: tuple[str, Any]) -> None:
        for verb, what in history:
            match verb:
                case "mute" | "manual":
                    getattr(self.gating, verb)(what)
                case "auto" | "interrupt":
                    getattr(self.gating, verb)()
                case "cough":
                    self.gating.cough(1.0, self.now)
                case "hold":
                    self.gating.hold(what, self.now)
                case "kept":
                    self.gating.hold(what, self.now, keepalive_s=1.0)
                case "release":
                    self.gating.release(what, self.now)
                case "wait":
                    self.wait(what)

    def wait(self, seconds: float) -> None:
        """Let time pass, as a shell does: from timer to timer."""
        until = self.now + seconds
        while (at := self.gating.next_timer()) is not None and at <= until:
            self.now = max(self.now, at)
            self.gating.handle_timer(self.now)
        self.now = until


@given(st.booleans(), st.lists(steps, max_size=15))
def test_who_is_muted_is_not_heard(manual: bool, history: list[tuple[str, Any]]) -> None:
    desk = Desk(manual=manual)
    desk.do(*history)
    if desk.gating.muted:
        assert desk.gate() is Gate.CLOSED


@given(st.booleans(), st.lists(steps, max_size=15))
def test_nobody_who_is_gone_holds_it(manual: bool, history: list[tuple[str, Any]]) -> None:
    desk = Desk(manual=manual)
    desk.do(*[step for step in history if step[0] != "hold"])
    desk.wait(1.0 + TAIL_S)
    assert not desk.gating.is_held
    assert desk.gating.next_timer() is None or desk.gating.is_coughing


@given(st.booleans(), st.lists(steps, max_size=15))
def test_a_timer_that_is_handled_is_no_more(manual: bool, history: list[tuple[str, Any]]) -> None:
    desk = Desk(manual=manual)
    desk.do(*history)
    at = desk.gating.next_timer()
    if at is not None:
        assert at > desk.now
        desk.gating.handle_timer(at)
        following = desk.gating.next_timer()
        assert following is None or following > at


@given(st.lists(steps, max_size=15))
def test_closed_by_hand_it_is_opened_by_hand_alone(history: list[tuple[str, Any]]) -> None:
    desk = Desk(manual=True)
    opening = {"manual", "auto", "hold", "kept"}
    desk.do(*[step for step in history if step[0] not in opening])
    assert desk.gate() is Gate.CLOSED


@given(st.booleans(), st.lists(steps, max_size=10))
def test_a_cough_ends_as_it_began(manual: bool, history: list[tuple[str, Any]]) -> None:
    desk = Desk(manual=manual)
    desk.do(*history)
    desk.wait(5.0)
    before = desk.gate()
    desk.do(("cough", ""))
    assert desk.gate() is Gate.CLOSED
    desk.wait(0.9)
    desk.do(("cough", ""))
    desk.wait(0.9)
    assert desk.gate() is Gate.CLOSED, "again prolongs it"
    desk.wait(0.2)
    assert desk.gate() is before


def test_a_release_lets_the_last_syllable_through() -> None:
    desk = Desk(manual=True)
    desk.do(("hold", "anna"), ("release", "anna"), ("wait", TAIL_S / 2))
    assert desk.gate() is Gate.OPEN
    desk.wait(TAIL_S)
    assert desk.gate() is Gate.CLOSED


def test_a_new_press_within_the_tail_goes_on() -> None:
    desk = Desk(manual=True)
    desk.do(("hold", "anna"), ("release", "anna"), ("hold", "anna"), ("wait", 10.0))
    assert desk.gate() is Gate.OPEN


def test_a_mute_lets_no_tail_through() -> None:
    desk = Desk(manual=True)
    desk.do(("hold", "anna"), ("release", "anna"), ("mute", "on"))
    assert desk.gate() is Gate.CLOSED
    desk.do(("mute", "off"))
    assert desk.gate() is Gate.CLOSED, "what was held is let go"


def test_it_is_open_until_the_last_of_two_lets_go() -> None:
    desk = Desk(manual=True)
    desk.do(("hold", "anna"), ("hold", "ben"), ("release", "anna"), ("wait", 1.0))
    assert desk.gate() is Gate.OPEN
    assert desk.gating.holders == ("ben",)
    desk.do(("release", "ben"), ("wait", 1.0))
    assert desk.gate() is Gate.CLOSED


def test_who_goes_on_holding_is_kept() -> None:
    desk = Desk(manual=True)
    for _ in range(5):
        desk.do(("kept", "anna"), ("wait", 0.9))
    assert desk.gate() is Gate.OPEN
    desk.wait(0.3)
    assert desk.gate() is Gate.CLOSED
