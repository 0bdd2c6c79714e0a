"""What a terminal sends: only a lone key is a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.cli.keyboard import BROKEN_S, LONE_ESCAPE_S, PASTED, KeyParser

RUNS = [
    *(f"\x1b[{final}" for final in "ABCDHFZIO"),
    *(f"\x1b[{number}~" for number in (1, 2, 3, 4, 5, 6, 11, 15, 17, 24)),
    *(f"\x1b[1;{modifier}{final}" for modifier in (2, 3, 5, 6) for final in "ABPQ"),
    *(f"\x1bO{final}" for final in "ABCDPQRSHM"),
    *(f"\x1b[[{final}" for final in "ABCDE"),
    *(f"\x1b{key}" for key in "mtviq0"),
    "\x1b[M !!",
    "\x1b[Mqqq",
    "\x1b[<0;12;7M",
    "\x1b[<64;12;7m",
    "\x1b[200~mute it, quit\x1b[201~",
    "\x1b[200~q\nq\nq\x1b[201~",
    "\x1b]0;quit\a",
    "\x1b]52;c;bXV0ZQ==\x1b\\",
    "\x1bPq#0\x1b\\",
    "\x1b[?1;2c",
    "\x1b[12;40R",
    "\x1b[109;5u",
    "\x1b\x1b[A",
]


@pytest.mark.parametrize("run", RUNS, ids=repr)
def test_a_run_is_swallowed_whole_however_it_is_divided(run: str) -> None:
    for at in range(len(run) + 1):
        parser = KeyParser()
        keys = parser.push(run[:at], 1.0) if at else []
        keys += parser.push(run[at:], 1.001)
        keys += parser.push("m", 2.0)
        assert keys == ["m"], at


@given(st.lists(st.sampled_from([*RUNS, "m", "q", "1"]), max_size=12), st.data())
def test_of_any_mixture_the_lone_keys_come_in_order(pieces: list[str], data: st.DataObject) -> None:
    parser, now, keys = KeyParser(), 1.0, []
    for piece in pieces:
        at = data.draw(st.integers(0, len(piece)))
        for part in filter(None, (piece[:at], piece[at:])):
            keys += parser.push(part, now)
            now += 0.001
        now += 0.2  # fingers
    assert keys == [piece for piece in pieces if len(piece) == 1]


@given(st.text(max_size=40), st.floats(0, 3))
def test_whatever_came_a_second_later_a_key_is_a_key(text: str, pause: float) -> None:
    parser = KeyParser()
    parser.push(text, 1.0)
    begun = "\x1b[200~" in text
    later = parser.push("m", 1.0 + BROKEN_S + pause)
    assert later == ([] if begun and "\x1b[201~" not in text else ["m"])


def test_an_escape_alone_is_a_key_that_does_nothing() -> None:
    parser = KeyParser()
    assert parser.push("\x1b", 1.0) == []
    assert parser.push("m", 1.0 + 2 * LONE_ESCAPE_S) == ["m"]


def test_many_letters_at_once_are_a_text() -> None:
    parser = KeyParser()
    assert parser.push("q" * PASTED, 1.0) == []
    assert parser.push("q", 1.001) == [], "its rest"
    assert parser.push("mi", 2.0) == ["m", "i"], "two quick ones"


@pytest.mark.parametrize("prefix", "\0\xe0")
def test_on_windows_a_prefix_takes_its_key_with_it(prefix: str) -> None:
    """Page Down is \xe0 Q there, Page Up \xe0 I."""
    parser = KeyParser(windows=True)
    assert parser.push(prefix, 1.0) + parser.push("Q", 1.0) + parser.push("m", 1.1) == ["m"]
    assert KeyParser().push(f"{prefix}m", 1.0) == [prefix, "m"]
