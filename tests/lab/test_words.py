"""What was seen, in words: every event has some, every rule says what to do."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from micstream.events import Event
from micstream.lab import seen
from micstream.lab.seen import RULES, violation
from micstream.lab.words import style, words

KINDS = [
    kind
    for kind in vars(seen).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind.EVENT
]


def an(kind: type[Event]) -> Event:
    """One of them, with something in each field."""
    filled: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        known = {
            "t": 1.0,
            "how": "avatar",
            "state": "joined",
            "attributes": {"a": "b"},
            "violations": {"gaps": 2, "header": 1},
            "end": "closed",
            "report": "finished",
            "track": "sound",
            "breaks": True,
            "interrupted": True,
            "code": "gaps",
        }
        plain = "x\x1b[31m" if "str" in str(field.type) else 2
        filled[field.name] = known.get(field.name, plain)
    return kind(**filled)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.EVENT)
def test_each_event_has_words_that_no_terminal_obeys_and_is_json(kind: type[Event]) -> None:
    event = an(kind)
    lines = words(event)
    assert lines
    assert "\x1b" not in "".join(lines)
    assert isinstance(style(event), str)
    assert event.as_dict()["event"] == kind.EVENT
    assert event.as_json().startswith("{")


@pytest.mark.parametrize("code", RULES)
def test_each_rule_says_what_was_found_and_what_to_do(code: str) -> None:
    rule, told = RULES[code], violation(code, "sender", "s1", found="FOUND")
    assert told.hint
    assert told.breaks is rule.breaks
    assert ("FOUND" in told.message) == ("{found}" in rule.message)
    assert code in words(told)[0]


def test_the_summary_tells_what_breaks_from_what_is_heard() -> None:
    def said(**violations: int) -> str:
        event = seen.Inspected(segments=3, seconds=4.0, calls=5, violations=violations)
        return words(event)[0]

    assert said().endswith("nothing breaks the protocol")
    assert said(gaps=2).endswith("; is heard: gaps 2x")
    assert said(gaps=2, idle=1).endswith("; breaks the protocol: idle 1x; is heard: gaps 2x")
