"""One set of verbs: each says what shall be, and nothing opens a gate but what says so."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.errors import UsageError
from micstream.fan_out import FanOut
from micstream.gating import Switch
from micstream.settings.pieces import ControlSettings
from micstream.sound_path import SoundPath
from micstream.sources.source import Block
from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import EndReason
from micstream.speech.segmenter import SegmenterOptions
from micstream.verbs import VERBS
from testbed.outputs import NotedOutput
from testbed.sources import Silent
from tests.support.scripted import ScriptedDetector

OPTIONS = SegmenterOptions(
    onset_ms=30, onset_window_ms=50, pre_roll_ms=20, hangover_ms=50, min_speech_ms=0
)
FRAME = 320
"""Bytes of 10 ms."""

Call = tuple[str, str | int | None]
calls = st.one_of(
    st.tuples(st.sampled_from(["mute", "manual"]), st.sampled_from(["on", "off", "toggle"])),
    st.tuples(st.sampled_from(["auto", "interrupt"]), st.none()),
    st.tuples(st.just("route"), st.integers(0, 2)),
)


class Desk:
    """Controls over a microphone and two avatars."""

    def __init__(self, *, manual: bool = False, route: int = 0, script: str = "") -> None:
        self.outputs = NotedOutput("avatar-a"), NotedOutput("avatar-b")
        self.bus = Bus()
        self.told = self.bus.subscribe("test", 10_000).events
        self.controls = Controls(FanOut(self.outputs), self.bus, ControlSettings(manual, route))
        decisions = [each == "#" for each in script] or [True] * 10_000
        self.path = opened(Cutter(ScriptedDetector(decisions), OPTIONS))
        self._governing = ExitStack()
        self._governing.enter_context(self.controls.governing(self.path))

    def do(self, *calls: Call, by: str = "") -> None:
        for verb, argument in calls:
            asyncio.run(self.controls.do(verb, argument, by=by))

    def hear(self, frames: int = 10) -> None:
        """So much of the microphone's sound."""
        for _ in range(frames):
            self.controls._put(self.path.push(Block(bytes(FRAME), 1.0)))

    def finish(self) -> None:
        self._governing.close()
        self.controls._put(self.path.finish(EndReason.SHUTDOWN))

    def named(self, *names: str) -> list[events.Event]:
        return [event for event in self.told if event.EVENT in names]


def opened(cutter: Cutter) -> SoundPath:
    path = SoundPath(cutter)
    path.open(Silent(16_000))
    return path


@given(st.booleans(), st.lists(calls, max_size=12), calls)
def test_said_twice_changes_nothing_more(manual: bool, history: list[Call], call: Call) -> None:
    if "toggle" in call or "interrupt" in call:
        return
    desk = Desk(manual=manual)
    desk.do(*history, call)
    before, told = standing(desk.controls), len(desk.told)
    desk.do(call)
    assert (standing(desk.controls), len(desk.told)) == (before, told)


@given(st.booleans(), st.lists(calls, max_size=12), st.integers(1, 5))
def test_the_end_of_a_mute_is_as_it_was_before(
    manual: bool, history: list[Call], presses: int
) -> None:
    """Never open where it was closed: B7."""
    desk = Desk(manual=manual)
    desk.do(*history)
    desk.do(("mute", "off"))
    before = standing(desk.controls)
    for _ in range(presses):
        desk.do(("mute", "toggle"))
        assert desk.controls.gate is Gate.CLOSED
        desk.do(("mute", "toggle"))
    assert standing(desk.controls) == before


@given(st.booleans(), st.lists(calls, max_size=12))
def test_only_manual_opens_the_gate_by_hand(manual: bool, history: list[Call]) -> None:
    desk = Desk(manual=manual)
    for call in history:
        was_open = desk.controls._gating.by_hand is Gate.OPEN
        desk.do(call)
        if desk.controls.gate is Gate.OPEN and not was_open:
            assert call[0] == "manual"
        if desk.controls.gate is Gate.DETECTOR and manual:
            assert ("auto", None) in history


@given(st.booleans(), st.lists(calls, max_size=12))
def test_the_state_says_how_it_stands(manual: bool, history: list[Call]) -> None:
    desk = Desk(manual=manual)
    desk.controls.tell_gate()
    desk.controls.tell_route()
    desk.do(*history)
    state = desk.bus.state
    words = {Gate.OPEN: "open", Gate.CLOSED: "closed", Gate.DETECTOR: "detector"}
    assert (state.gate, state.muted) == (words[desk.controls.gate], desk.controls.muted)
    route = desk.controls._fan_out
    assert (state.route, state.routed) == (route.number, route.routed)
    assert state.interrupts == history.count(("interrupt", None))


@given(st.booleans(), st.lists(st.one_of(calls, st.integers(1, 12)), max_size=20))
def test_every_utterance_that_begins_ends_whatever_is_pressed(
    manual: bool, steps: list[Call | int]
) -> None:
    desk = Desk(manual=manual)
    for step in steps:
        if isinstance(step, int):
            desk.hear(step)
        else:
            desk.do(step)
            speaking = any(output.kinds.endswith(("(", "-")) for output in desk.outputs)
            assert not (speaking and desk.controls.gate is Gate.CLOSED), "sent through a shut gate"
    desk.finish()
    for output in desk.outputs:
        kinds = output.kinds.replace("-", "")
        assert kinds == "()" * (len(kinds) // 2)


def standing(controls: Controls) -> tuple[Gate, bool, int]:
    return controls.gate, controls.muted, controls._fan_out.number


def test_a_mute_in_mid_utterance_ends_it() -> None:
    desk = Desk()
    desk.hear()
    desk.do(("mute", "on"), by="key")
    assert [each.ends for each in desk.outputs] == [["mute"], ["mute"]]
    desk.hear()
    assert desk.outputs[0].kinds.count("(") == 1
    (gate,) = desk.named("gate")
    assert isinstance(gate, events.Gate)
    assert (gate.state, gate.muted, gate.by) == ("closed", True, "key")


def test_push_begins_closed_and_m_leaves_it_so() -> None:
    desk = Desk(manual=True)
    desk.hear()
    desk.do(("mute", "toggle"))
    desk.do(("mute", "toggle"))
    desk.hear()
    assert desk.outputs[0].kinds == ""
    desk.do(("manual", "toggle"))
    desk.hear()
    assert desk.outputs[0].kinds.startswith("(")


def test_an_interrupt_ends_the_utterance_and_closes_what_was_open_by_hand() -> None:
    desk = Desk()
    desk.do(("manual", "on"))
    desk.hear()
    desk.do(("interrupt", None), by="key")
    assert desk.controls.gate is Gate.CLOSED
    assert [each.interrupts for each in desk.outputs] == [1, 1]
    assert [event.EVENT for event in desk.told] == ["gate", "gate", "interrupted"]


def test_an_interrupt_ends_what_the_detector_opened_as_interrupted() -> None:
    desk = Desk()
    desk.hear()
    desk.do(("interrupt", None))
    assert desk.outputs[0].ends == ["interrupt"]
    assert desk.controls.gate is Gate.DETECTOR


def test_a_route_in_mid_utterance_ends_it_here_and_goes_on_there() -> None:
    desk = Desk(route=1)
    desk.hear()
    desk.do(("route", 2), by="key")
    desk.hear()
    desk.finish()
    a, b = desk.outputs
    assert (a.ends, b.ends) == (["mute"], ["shutdown"])
    route, voice = desk.named("route", "voice")
    assert isinstance(route, events.Route)
    assert isinstance(voice, events.Voice)
    assert (route.avatars, route.number, route.by) == (("avatar-b",), 2, "key")
    assert voice.avatars == route.avatars
    assert desk.named("gate") == []


@pytest.mark.parametrize(
    ("manual", "call", "away"),
    [
        (False, ("mute", "on"), True),
        (False, ("manual", "off"), True),
        (False, ("manual", "on"), False),
        (True, ("manual", "off"), False),
        (True, ("mute", "on"), True),
    ],
)
def test_whoever_is_muted_is_away_and_between_two_presses_is_not(
    manual: bool, call: Call, away: bool
) -> None:
    desk = Desk(manual=manual)
    desk.do(("manual", "on"), call)
    assert [each.muted for each in desk.outputs] == [away, away]
    desk.do(("auto", None))
    assert [each.muted for each in desk.outputs] == [False, False]


def test_one_avatar_has_no_route_to_tell() -> None:
    bus = Bus()
    told = bus.subscribe("test").events
    controls = Controls(FanOut([NotedOutput()]), bus, ControlSettings(manual=False, route=1))
    controls.tell_route()
    controls.route(0)
    assert not told


def test_a_route_to_one_that_is_not_meant_is_refused() -> None:
    with pytest.raises(UsageError, match="--route 3: avatars: 2") as refused:
        Desk(route=3)
    assert "0 (all of them) to 2" in refused.value.hint


@pytest.mark.parametrize(
    ("verb", "argument", "code", "hint"),
    [
        ("applaud", None, "no_such_verb", "mute, talk, manual, auto, cough, interrupt"),
        ("mute", "loud", "bad_argument", "on, off or toggle"),
        ("mute", None, "bad_argument", "on, off or toggle"),
        ("auto", "on", "bad_argument", "nothing more"),
        ("route", 3, "bad_argument", r"0 \(all of them\) to 2"),
        ("route", "on", "bad_argument", "0"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    verb: str, argument: str | int | None, code: str, hint: str
) -> None:
    desk = Desk()
    with pytest.raises(UsageError) as refused:
        desk.do((verb, argument))
    assert refused.value.code == code
    assert re.search(hint, refused.value.hint)


def test_each_verb_is_a_method_that_says_who_called_it() -> None:
    for name, verb in VERBS.items():
        assert callable(getattr(Controls, name))
        assert verb.help


def test_a_live_source_gets_the_gate_as_it_stands() -> None:
    desk = Desk()
    desk.do(("mute", "on"))
    another = opened(Cutter(ScriptedDetector([True] * 100), OPTIONS))
    gates = []
    with desk.controls.governing(another):
        gates.append(another.gate)
        desk.do(("auto", None))
        gates.append(another.gate)
    desk.do(("mute", "on"))
    gates.append(another.gate)
    assert gates == [Gate.CLOSED, Gate.DETECTOR, Gate.DETECTOR], "governed no more"


@pytest.mark.parametrize("switch", ["on", "off", "toggle"])
def test_by_name_or_by_method_it_is_the_same(switch: Switch) -> None:
    by_name, by_method = Desk(), Desk()
    by_name.do(("mute", switch), ("manual", switch))
    by_method.controls.mute(switch)
    by_method.controls.manual(switch)
    assert standing(by_name.controls) == standing(by_method.controls)
