"""Verbs in the ways in which programs ask for them: one meaning, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.errors import UsageError
from micstream.show.asked import NAMES, argument_for
from micstream.verbs import VERBS

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50)
bodies = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(VERBS)), bodies)
def test_anything_that_is_asked_has_an_argument_or_is_refused(verb: str, said: Any) -> None:
    try:
        argument = argument_for(verb, said)
    except UsageError as refused:
        assert refused.code == "bad_argument"
        assert refused.hint
    else:
        assert argument is None or isinstance(argument, str | int)
        assert not isinstance(argument, bool)


@pytest.mark.parametrize("on", [True, 1, "on", "ON", "true", "1", {"state": True}, {"on": 1}])
def test_every_way_to_say_on_is_on(on: Any) -> None:
    for verb in ("mute", "manual", "talk"):
        assert argument_for(verb, on) == "on"
        assert argument_for(verb, {"argument": on} if not isinstance(on, dict) else on) == "on"


@pytest.mark.parametrize("off", [False, 0, "off", "Off", "false", "0", {"value": 0}])
def test_every_way_to_say_off_is_off(off: Any) -> None:
    assert argument_for("mute", off) == "off"


@pytest.mark.parametrize(
    ("verb", "said", "expected"),
    [
        ("mute", None, "toggle"),
        ("mute", {"mute": "on"}, "on"),
        ("manual", {}, "toggle"),
        ("talk", None, "on"),
        ("cue", "applause", "applause"),
        ("cue", {"name": "applause"}, "applause"),
        ("cue", {"cue": 3, "id": 7}, 3),
        ("cue", 3.0, 3),
        ("cue", {"number": 2}, 2),
        ("route", "2", 2),
        ("route", {"to": 0}, 0),
        ("mark", {"text": "act two"}, "act two"),
        ("mark", {"anything": "act two"}, "act two"),
        ("panic", None, None),
        ("panic", True, None),
        ("panic", 1, None),
        ("auto", {"id": 3}, None),
    ],
)
def test_an_argument_is_found_where_one_would_put_it(verb: str, said: Any, expected: Any) -> None:
    assert argument_for(verb, said) == expected


def test_a_verb_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no verb 'explode'") as refused:
        argument_for("explode", None)
    assert "panic" in refused.value.hint
