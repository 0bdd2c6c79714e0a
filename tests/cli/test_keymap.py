"""What keys mean: verbs, cues and routes, as the show's file may say otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.cli.keymap import KEYS, QUIT, Keymap
from micstream.errors import UsageError
from micstream.verbs import VERBS

CUES = [("applause", "a"), ("rain", ""), ("bow", "B")]


@given(st.text(max_size=30), st.booleans(), st.integers(1, 3))
def test_whatever_is_pressed_is_a_verb_or_nothing(keys: str, with_cues: bool, avatars: int) -> None:
    keymap = Keymap(avatars=avatars, cues=CUES if with_cues else ())
    for key in keys:
        meaning = keymap.press(key)
        if meaning is not None:
            assert meaning[0] in VERBS
            if meaning[0] == "route":
                assert 0 <= int(meaning[1] or 0) <= avatars


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("m", ("mute", "toggle")),
        ("M", ("mute", "toggle")),
        ("c", ("cough", None)),
        ("p", ("panic", None)),
        ("s", ("cue", "stop")),
        ("1", ("cue", "applause")),
        ("a", ("cue", "applause")),
        ("A", ("cue", "applause")),
        ("2", ("cue", "rain")),
        ("B", ("cue", "bow")),
        ("4", None),
        ("0", None),
        ("r2", ("route", 2)),
        ("r0", ("route", 0)),
        ("r3", None),
        ("rm", ("mute", "toggle")),
        ("rx1", ("cue", "applause")),
    ],
)
def test_with_cues_digits_play_them_and_r_goes_before_a_route(keys: str, expected: object) -> None:
    keymap = Keymap(avatars=2, cues=CUES)
    assert [keymap.press(key) for key in keys][-1] == expected


def test_without_cues_digits_are_routes_as_ever() -> None:
    keymap = Keymap(avatars=2)
    assert [keymap.press(key) for key in "0123"] == [("route", n) for n in range(3)] + [None]


def test_keys_are_what_the_show_says() -> None:
    keymap = Keymap(own={"panic": "!", "mute": "x"})
    assert keymap.press("!") == ("panic", None)
    assert keymap.press("x") == ("mute", "toggle")
    assert keymap.press("p") is None
    assert keymap.press("m") is None
    assert "! panic" in keymap.help()


@pytest.mark.parametrize(
    ("own", "cues"),
    [
        ({"explode": "x"}, []),
        ({"panic": "m"}, []),
        ({"panic": "q"}, []),
        ({"panic": "7"}, []),
        ({"panic": "pp"}, []),
        ({"panic": " "}, []),
        ({}, [("applause", "m")]),
        ({}, [("applause", "q")]),
    ],
)
def test_what_cannot_be_is_refused(own: dict[str, str], cues: list[tuple[str, str]]) -> None:
    with pytest.raises(UsageError, match="--show"):
        Keymap(own=own, cues=cues)


def test_the_help_names_all_there_is() -> None:
    told = Keymap(avatars=2, cues=CUES).help()
    assert all(f"{key} " in told for key in KEYS)
    assert "a applause   2 rain   B bow" in told
    assert "r, then 1 to 2" in told
    assert "cue" not in Keymap().help()
    assert all(key not in KEYS for key in QUIT)
