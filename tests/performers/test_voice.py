"""Who has the voice, in thousands of evenings: never two who are heard at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.performers.voice import Voice

NAMES = ("anna", "ben", "cem")
who = st.sampled_from(NAMES)
acts = st.lists(
    st.one_of(
        st.tuples(st.just("onset"), who, st.just(0.0)),
        st.tuples(st.just("end"), who, st.just(0.0)),
        st.tuples(st.just("give"), who, st.just(0.0)),
        st.tuples(st.just("wait"), who, st.floats(0.01, 3)),
    ),
    max_size=40,
)


@given(acts, st.sampled_from([None, 0.0, 1.0]))
def test_no_two_are_let_through_at_once(evening: list[tuple[str, str, float]], hold: float) -> None:
    voice, now, opened = Voice(NAMES, hold_s=hold), 0.0, set[str]()
    for act, name, seconds in evening:
        match act:
            case "onset" if name not in opened and voice.onset(name):
                opened.add(name)
            case "end" if name in opened:
                opened.discard(name)
                voice.ended(name, now)
            case "give":
                if voice.holder not in (None, name):
                    opened.discard(voice.holder or "")
                    voice.ended(voice.holder or "", now)
                voice.give(name, now)
                assert voice.holder == name
            case "wait":
                now += seconds
                voice.handle_timer(now)
        assert len(opened) <= 1
        assert opened <= {voice.holder}, "who speaks has it"
        assert [voice.admits(each) for each in NAMES].count(True) in (1, len(NAMES))
        assert voice.speaks is bool(opened)
        if hold is None:
            assert voice.holder is not None
            assert voice.next_timer() is None
        if opened:
            assert voice.next_timer() is None, "nobody is cut off by time"


def test_by_hand_the_first_has_it_and_nobody_takes_it_by_speaking() -> None:
    voice = Voice(NAMES)
    assert voice.holder == "anna"
    assert not voice.onset("ben")
    assert voice.give("ben", 0.0)
    assert not voice.give("ben", 0.0), "said twice"
    assert voice.onset("ben")
    assert voice.after() == "cem"
    with pytest.raises(KeyError):
        voice.give("dora", 0.0)


def test_who_speaks_first_keeps_it_until_he_has_been_silent_for_the_hold_time() -> None:
    voice = Voice(NAMES, hold_s=1.0)
    assert voice.holder is None
    assert voice.onset("ben")
    voice.handle_timer(100.0)
    assert voice.holder == "ben", "he still speaks"
    voice.ended("ben", 100.0)
    assert voice.onset("ben"), "a pause"
    voice.ended("ben", 102.0)
    assert voice.next_timer() == 103.0
    assert not voice.onset("anna")
    voice.handle_timer(102.9)
    assert voice.holder == "ben"
    voice.handle_timer(103.0)
    assert voice.holder is None
    assert voice.shown == "ben"
    assert voice.onset("anna")


def test_given_by_hand_it_is_free_again_where_he_says_nothing() -> None:
    voice = Voice(NAMES, hold_s=1.0)
    voice.give("cem", 5.0)
    assert not voice.admits("anna")
    voice.handle_timer(6.0)
    assert voice.admits("anna")


@pytest.mark.parametrize("names", [(), ("anna", "anna")])
def test_each_is_there_once(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="performer"):
        Voice(names)
