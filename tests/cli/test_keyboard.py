"""What a terminal sends: only a lone key is a command, however the reads divide it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.cli.keyboard import (
    BROKEN_S,
    FASTER_S,
    LONE_ESCAPE_S,
    LOST_PASTE_S,
    PASTED,
    QUIET_S,
    KeyParser,
)

RUNS = [
    *(f"\x1b[{final}" for final in "ABCDHFZIO"),
    *(f"\x1b[{number}~" for number in (1, 2, 3, 4, 5, 6, 11, 15, 17, 24)),
    *(f"\x1b[1;{modifier}{final}" for modifier in (2, 3, 5, 6) for final in "ABPQ"),
    *(f"\x1bO{final}" for final in "ABCDPQRSHMqtvim"),
    *(f"\x1bO{modifier}{final}" for modifier in (2, 5) for final in "PQqtm"),
    *(f"\x1b[[{final}" for final in "ABCDE"),
    *(f"\x1b{key}" for key in "mtviq0"),
    *(f"\x1b\x1b[{final}" for final in "AB"),
    "\x1b[M !!",
    "\x1b[Mqqq",
    "\x1b[<0;12;7M",
    "\x1b[<64;12;7m",
    "\x1b[200~mute it, quit\x1b[201~",
    "\x1b[200~q\nq\nq\x1b[201~",
    "\x1b[200~\x1b[Mq\x1b]q\x1bO\x1b[201~",
    "\x1b]0;quit\a",
    "\x1b]11;rgb:0000/0000/0000\x1b\\",
    "\x1b]52;c;bXV0ZQ==\x1b\\",
    "\x1b]0;qu\x1b[6~",
    "\x1bPq#0\x1b\\",
    "\x1b[?1;2c",
    "\x1b[12;40R",
    "\x1b[109;5u",
    "\x1b[1;2\x18",
    *(f"{csi}6~" for csi in ("\x9b", "\udc9b")),
    "\x8fq",
    "\x9d0;quit\x9c",
]
FINGERS_S = 0.2


class Keyboard:
    """A parser whose timer is kept."""

    def __init__(self, *, windows: bool = False) -> None:
        self.parser = KeyParser(windows=windows)
        self.now = 1.0
        self.keys: list[str] = []

    def type(self, text: str, pause: float = 0.0) -> Keyboard:
        """Wait for so long, and then read this."""
        self.wait(pause)
        self.parser.push(text, self.now)
        self.keys += self.parser.take(self.now)
        return self

    def wait(self, seconds: float) -> Keyboard:
        """Nothing comes for so long."""
        until = self.now + seconds
        due = self.parser.next_timer()
        if due is not None and due <= until:
            self.keys += self.parser.take(due)
            assert self.parser.next_timer() is None, "a timer is over once it was kept"
        self.now = until
        return self

    def got(self) -> list[str]:
        """All keys, once nothing more comes."""
        self.wait(1.0)
        return self.keys


@pytest.mark.parametrize("run", RUNS, ids=repr)
def test_a_run_is_swallowed_whole_however_it_is_divided(run: str) -> None:
    for at in range(len(run) + 1):
        keyboard = Keyboard().type(run[:at]).type(run[at:], 0.001).type("m", 1.0)
        assert keyboard.got() == ["m"], at
    keyboard = Keyboard()
    for sign in run:
        keyboard.type(sign, 0.005)
    assert keyboard.type("m", 1.0).got() == ["m"], "sign by sign"


@given(st.lists(st.sampled_from([*RUNS, "m", "q", "1"]), max_size=12), st.data())
def test_of_any_mixture_the_lone_keys_come_in_order(pieces: list[str], data: st.DataObject) -> None:
    keyboard = Keyboard()
    for piece in pieces:
        keyboard.wait(FINGERS_S)
        for part in data.draw(divided(piece)):
            keyboard.type(part, 0.001)
    assert keyboard.got() == [piece for piece in pieces if len(piece) == 1]


@st.composite
def divided(draw: st.DrawFn, text: str) -> list[str]:
    """The text in any number of reads."""
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


SIGNS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x1b\x1b[[OPM]~mqtvi0129;\x07\x18\\\x9b\x9c\udc9b\x00\xe0"),
    ),
    max_size=60,
)


@given(st.lists(st.tuples(SIGNS, st.sampled_from([0.0, 0.004, 0.03, 0.2, 2.0, 6.0]))), st.data())
def test_fuzz_terminal_input_in_any_splitting(
    reads: list[tuple[str, float]], data: st.DataObject
) -> None:
    whole, parts = Keyboard(), Keyboard()
    for text, pause in reads:
        whole.type(text, pause)
        parts.wait(pause)
        for part in data.draw(divided(text)):
            parts.type(part)
    assert whole.got() == parts.got()


@given(SIGNS, st.floats(0, 3))
def test_whatever_came_a_key_is_a_key_once_it_has_been_quiet(text: str, pause: float) -> None:
    keyboard = Keyboard().type(text)
    before = len(keyboard.wait(LOST_PASTE_S).keys)
    assert keyboard.type("m", pause).got()[before:] == ["m"]


@given(st.text(st.characters(exclude_characters="\x1b\x9b\udc9b"), max_size=40), st.floats(0, 3))
def test_a_second_will_do_where_it_was_no_paste(text: str, pause: float) -> None:
    keyboard = Keyboard().type(f"\x1b]{text}")
    before = len(keyboard.wait(BROKEN_S + QUIET_S).keys)
    assert keyboard.type("m", pause).got()[before:] == ["m"]


def test_pressing_again_and_again_does_not_keep_a_run_open() -> None:
    """Alt and ] by mistake, and then q in haste: no terminal's string lasts for so long."""
    keyboard = Keyboard().type("\x1b]")
    for _ in range(8):
        keyboard.type("q", 0.15)
    assert keyboard.got()


def test_an_escape_alone_is_a_key_that_does_nothing() -> None:
    assert Keyboard().type("\x1b").type("m", 2 * LONE_ESCAPE_S).got() == ["m"]


@pytest.mark.parametrize("run", ["\x1b[6~", "\x1bOq", "\x1b]0;q\a"])
def test_a_slow_line_divides_no_run_behind_its_escape(run: str) -> None:
    assert Keyboard().type(run[0]).type(run[1:], 0.4).type("m", 1.0).got() == ["m"]


def test_many_letters_at_once_are_a_text() -> None:
    keyboard = Keyboard().type("q" * PASTED).type("q", 0.001).type("q", QUIET_S - 0.01)
    assert keyboard.got() == [], "with its rest"
    assert Keyboard().type("mi").got() == ["m", "i"], "two quick ones"


def test_letters_one_by_one_but_faster_than_fingers_are_a_text() -> None:
    """A paste in Windows' console, a scanner."""
    keyboard = Keyboard()
    for letter in "quit":
        keyboard.type(letter, FASTER_S / 2)
    assert keyboard.got() == []
    for letter in "mtvi":
        keyboard.type(letter, FASTER_S * 1.2)
    assert keyboard.got() == list("mtvi")


def test_a_key_is_known_within_milliseconds() -> None:
    parser = KeyParser()
    parser.push("m", 1.0)
    due = parser.next_timer()
    assert due is not None
    assert due <= 1.01
    assert parser.take(due) == ["m"]
    assert parser.next_timer() is None


@pytest.mark.parametrize("prefix", "\0\xe0")
def test_on_windows_a_prefix_takes_its_key_with_it(prefix: str) -> None:
    """Page Down is \xe0 Q there, Page Up \xe0 I."""
    keyboard = Keyboard(windows=True).type(prefix).type("Q").type("m", 0.1)
    assert keyboard.got() == ["m"]
    assert Keyboard(windows=True).type(prefix).type("m", 0.1).got() == ["m"], "a letter of its own"
    assert Keyboard().type(f"{prefix}m").got() == [prefix, "m"]
