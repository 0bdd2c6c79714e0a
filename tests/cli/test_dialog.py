"""Keys while the live view is shown: help, the question before the end, the double press."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.cli.dialog import TWICE_S, Dialog
from micstream.cli.keymap import Keymap
from micstream.state import State, replay
from micstream.verbs import VERBS
from micstream.view.live.scene import Asked

SPEAKS = replay([events.PlaybackStarted(avatar="a", id="u1", delay_ms=300)])
CUE = replay([events.CueStarted(cue="rain", number=1, duration_s=1.0)])
OPEN = replay([events.Gate(state="open")])


class At:
    """A dialog, the state that it sees, and what it tells."""

    def __init__(self, state: State | None = None, *, avatars: int = 2) -> None:
        self.told: list[Asked] = []
        self.state = state or State()
        keymap = Keymap(avatars=avatars, cues=[("applause", "a"), ("rain", "")])
        self.dialog = Dialog(keymap, lambda: self.state, self.told.append)

    def press(self, keys: str, now: float = 0.0) -> object:
        return [self.dialog.press(key, now) for key in keys][-1]


def test_while_nobody_hears_anything_q_ends_it_at_once() -> None:
    assert At().press("q") == "quit"


@pytest.mark.parametrize("state", [SPEAKS, CUE])
@pytest.mark.parametrize("answer", ["q", "Q", "y", "\x03"])
def test_while_the_avatar_speaks_it_is_asked_before_the_end(state: State, answer: str) -> None:
    at = At(state)
    assert at.press("q") is None
    assert at.told == [Asked(quitting=True)]
    assert at.press(answer) == "quit"


def test_any_other_key_takes_the_question_back_and_does_what_it_means() -> None:
    at = At(SPEAKS)
    assert at.press("qx") is None
    assert at.told[-1] == Asked()
    assert at.press("qp") == ("panic", None)
    assert at.told[-1] == Asked()


def test_ctrl_c_asks_nothing() -> None:
    assert At(SPEAKS).press("\x03") == "quit"


def test_a_question_mark_opens_the_help_and_closes_it_and_keys_go_on_working() -> None:
    at = At()
    assert at.press("?m") == ("mute", "toggle")
    assert at.told == [Asked(help=True)]
    at.press("?")
    assert at.told[-1] == Asked()


def test_r_asks_for_the_avatar() -> None:
    at = At()
    assert at.press("r") is None
    assert at.told == [Asked(routing=True)]
    assert at.press("2") == ("route", 2)
    assert at.told[-1] == Asked()


def test_space_pressed_twice_opens_the_gate_and_once_closes_it() -> None:
    at = At()
    assert at.press(" ", 1.0) is None
    assert at.press(" ", 1.0 + TWICE_S / 2) == ("manual", "on")
    at.state = OPEN
    assert at.press(" ", 9.0) == ("manual", "off")
    at.state = State()
    assert at.press(" ", 9.1) is None, "the press that has closed it is not half of another"


def test_two_presses_far_apart_are_none() -> None:
    at = At()
    assert at.press(" ", 1.0) is None
    assert at.press(" ", 1.0 + 2 * TWICE_S) is None


@given(st.text(max_size=40), st.sampled_from([State(), SPEAKS, CUE, OPEN]))
def test_whatever_is_pressed_is_a_verb_the_end_or_nothing(keys: str, state: State) -> None:
    at = At(state)
    for key in keys:
        meaning = at.dialog.press(key, 0.0)
        assert meaning is None or meaning == "quit" or meaning[0] in VERBS
