"""Names from others: one line stays one line, and JSON stays JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.plain_text import as_json, printable

STRAY = st.characters(categories=["Cs"])
NAMES = st.text(st.one_of(st.characters(), STRAY, st.sampled_from("\n\r\x1b\x85\u2028\u202e\x9b")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def strictly(line: str) -> Any:
    """What a reader makes of it that takes no liberties."""

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    data = line.encode("utf-8")
    assert b"\n" not in data
    assert line.splitlines() == [line]
    assert all(each.isprintable() for each in line)
    found = json.loads(data, parse_constant=refuse)
    json.dumps(found, ensure_ascii=False).encode("utf-8")  # nothing in it is half a sign
    return found


@given(JSON)
def test_fuzz_json_lines_whatever_is_in_them(value: Any) -> None:
    strictly(as_json({"value": value}))


@given(st.text())
def test_text_comes_back_as_it_was(name: str) -> None:
    assert strictly(as_json({"name": name})) == {"name": name}


@pytest.mark.parametrize("name", ["J\xfcrgen", "\N{MICROPHONE} 1", "\u30de\u30a4\u30af"])
def test_what_can_be_seen_is_written_as_it_is(name: str) -> None:
    assert name in as_json({"name": name})


def test_a_stray_byte_is_written_out_and_a_figure_that_is_none_is_null() -> None:
    assert strictly(as_json({"file": "a\udcff.wav"})) == {"file": "a\\xff.wav"}
    assert strictly(as_json({"file": "\ud83d"})) == {"file": "\\ud83d"}
    assert strictly(as_json([float("inf"), float("nan"), 1.5])) == [None, None, 1.5]


@given(NAMES)
def test_no_event_is_spoiled_by_a_name(name: str) -> None:
    strictly(events.AvatarJoined(identity=name).as_json())
    strictly(events.Route(avatars=(name,), number=1).as_json())
    strictly(events.Warned(code="x", message=name, hint=name).as_json())


@given(NAMES)
def test_what_is_printed_is_one_line_of_signs(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert shown == name or not name.isprintable()


def test_what_cannot_be_seen_is_written_out() -> None:
    assert printable("a\nb\r\x1b[2J\x9b\u2028\u202e") == "a\\nb\\r\\x1b[2J\\x9b\\u2028\\u202e"
    assert printable("a\udcff") == "a\\xff"
