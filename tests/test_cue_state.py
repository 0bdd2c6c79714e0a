"""The cue that plays: told from its press until the audience has heard the last of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.cue_state import CueState, after
from micstream.events import Event
from micstream.speech.events import EndReason

STARTED = events.CueStarted(cue="rain", number=2, duration_s=3.0)
ENDED = events.CueEnded(cue="rain", number=2, reason="end", sent_s=3.0)


def begun(id: str, cue: str | None = "rain", *, avatar: str = "a") -> Event:
    return events.UtteranceStarted(
        avatar=avatar, id=id, onset_s=0, decided_s=0, lead_ms=100, cue=cue
    )


def sent(id: str) -> Event:
    return events.UtteranceEnded(
        avatar="a", id=id, duration_s=3, bytes=1, reason=EndReason.SOURCE_ENDED
    )


def heard(id: str, *, avatar: str = "a") -> Event:
    return events.PlaybackStarted(avatar=avatar, id=id, delay_ms=200)


def over(id: str) -> Event:
    return events.PlaybackFinished(avatar="a", id=id, position_s=3, interrupted=False)


def told(*happened: Event, reports: bool = True) -> CueState | None:
    cue: CueState | None = None
    for event in happened:
        cue = after(cue, event, reports=reports)
    return cue


happenings = st.lists(
    st.one_of(
        st.just(STARTED),
        st.just(ENDED),
        st.builds(begun, st.sampled_from(["u1", "u2"])),
        st.builds(heard, st.sampled_from(["u1", "u2"])),
        st.builds(over, st.sampled_from(["u1", "u2"])),
        st.just(events.AvatarLeft(identity="a")),
        st.just(events.Connection(state="lost", attempt=1)),
        st.just(events.Ready()),
    ),
    max_size=30,
)


@given(happenings, st.booleans())
def test_it_lights_only_while_an_utterance_of_it_plays(
    happened: list[Event], reports: bool
) -> None:
    cue = told(*happened, reports=reports)
    if cue is not None and cue.heard:
        assert cue.utterances
        assert any(isinstance(event, events.PlaybackStarted) for event in happened)


@given(happenings, st.booleans())
def test_once_all_is_sent_and_nobody_is_there_it_is_over(
    happened: list[Event], reports: bool
) -> None:
    gone = events.Connection(state="lost", attempt=1)
    assert told(*happened, ENDED, gone, reports=reports) is None


def test_it_lights_when_it_is_heard_and_goes_out_when_the_last_of_it_was() -> None:
    assert told(STARTED, begun("u1")) is not None
    cue = told(STARTED, begun("u1"), heard("u1"), ENDED, sent("u1"))
    assert cue is not None
    assert (cue.heard, cue.sending) == (True, False)
    assert told(STARTED, begun("u1"), heard("u1"), ENDED, over("u1")) is None


def test_a_short_one_is_all_sent_before_it_is_heard() -> None:
    cue = told(STARTED, begun("u1"), ENDED)
    assert cue is not None
    cue = told(STARTED, begun("u1"), ENDED, heard("u1"))
    assert cue is not None
    assert cue.heard


def test_an_avatar_that_never_reports_leaves_none_behind() -> None:
    assert told(STARTED, begun("u1"), ENDED, reports=False) is None


def test_of_two_avatars_one_that_leaves_takes_only_its_own_along() -> None:
    bens = begun("u1", avatar="b")
    plays = told(STARTED, begun("u1"), bens, heard("u1"), events.AvatarLeft(identity="b"))
    assert plays is not None
    assert plays.heard
    leaves = told(STARTED, begun("u1"), bens, heard("u1"), events.AvatarSilent(identity="a"))
    assert leaves is not None
    assert not leaves.heard
    leaves = after(leaves, heard("u1", avatar="b"), reports=True)
    assert leaves is not None
    assert leaves.heard
    assert after(leaves, events.AvatarLeft(identity="c"), reports=True) == leaves


@pytest.mark.parametrize("cue", [None, "thunder"])
def test_what_was_said_just_before_it_lights_nothing(cue: str | None) -> None:
    """A word that a cue cut off is still reported after the cue's press."""
    lit = told(STARTED, begun("u1", cue), heard("u1"))
    assert lit is not None
    assert not lit.heard
    lit = told(STARTED, begun("u1", cue), heard("u1"), begun("u2"), over("u1"), heard("u2"))
    assert lit is not None
    assert lit.heard


@pytest.mark.parametrize("other", [begun("u9", None), heard("u9"), over("u9")])
def test_speech_after_it_is_not_taken_for_it(other: Event) -> None:
    before = told(STARTED, begun("u1"), ENDED)
    assert told(STARTED, begun("u1"), ENDED, other) == before
