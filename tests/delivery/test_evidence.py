"""An avatar that answers and plays nothing; and those that are taken for one too easily."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.delivery import actions, evidence
from micstream.delivery.actions import Meter
from micstream.delivery.evidence import HEARD, LATE_S, LONG_S
from micstream.delivery.options import DeliveryOptions
from micstream.speech.events import EndReason
from tests.support.virtual import Stage
from tests.support.virtual_avatar import Conduct


def silent(_: float) -> Meter:
    return Meter("TR_1", 0.25)


def sounding(now: float) -> Meter:
    return Meter("TR_1", 0.001 * now)


def none(_: float) -> Meter:
    return Meter()


def unknown(_: float) -> Meter:
    return Meter("TR_1", None)


def ready(meter: Callable[[float], Meter], *, reported: bool) -> Stage:
    """One that listens, and has reported an utterance; from now on it does not any more."""
    conduct = Conduct(meter=meter, plays=reported)
    stage = Stage(DeliveryOptions(states="off"), conduct)
    stage.probing = True
    stage.listen()
    if reported:
        stage.say(0.5, pace=0)
        stage.run(3)
        assert stage.named("playback_finished")
        stage.conduct = replace(conduct, plays=False)
    return stage


def said(stage: Stage, utterances: int, seconds: float = 2.0) -> float:
    """Say so much; the seconds that it took."""
    begun = stage.now
    for _ in range(utterances):
        stage.say(seconds)
        stage.run(1.0)
    return stage.now - begun


@pytest.mark.parametrize("reported", [True, False])
def test_one_that_answers_and_plays_nothing_is_dead_after_a_few_utterances(reported: bool) -> None:
    stage = ready(silent, reported=reported)
    said(stage, 3)
    stage.run(LATE_S)
    said(stage, 2)
    stage.run(LATE_S + 1)
    assert len(stage.did(actions.Dead)) == 1
    assert stage.delivery.listening_to is not None, "there is nobody better"
    said(stage, 5)
    stage.run(20)
    assert len(stage.did(actions.Dead)) == 1, "once"
    assert stage.did(actions.Silent) == []


def test_in_less_than_half_a_minute_of_somebody_speaking() -> None:
    stage = ready(silent, reported=True)
    begun = stage.now
    while not stage.did(actions.Dead):
        stage.say(2.0)
        stage.run(0.7)
        assert stage.now < begun + 30
    assert stage.accounted_s == pytest.approx(stage.said / 16_000)


@pytest.mark.parametrize("reported", [True, False])
def test_one_that_is_heard_has_only_lost_its_reports(reported: bool) -> None:
    stage = ready(sounding, reported=reported)
    said(stage, HEARD)
    stage.run(60)
    assert stage.did(actions.Dead) == []
    assert len(stage.did(actions.Listen)) <= 4, "looked at now and then"


def test_one_that_was_heard_without_reports_may_die_later() -> None:
    stage = ready(sounding, reported=False)
    said(stage, 5)
    stage.run(10)
    assert stage.did(actions.Listen)
    stage.conduct = replace(stage.conduct, meter=lambda _: Meter("TR_1", 9.0))
    said(stage, HEARD + 5)
    stage.run(20)
    assert len(stage.did(actions.Dead)) == 1


def test_one_that_reported_and_publishes_no_sound_any_more_is_dead() -> None:
    stage = ready(none, reported=True)
    said(stage, 5)
    stage.run(20)
    assert len(stage.did(actions.Dead)) == 1


def test_one_that_never_reported_and_publishes_no_sound_gives_no_evidence() -> None:
    stage = ready(none, reported=False)
    said(stage, 10)
    stage.run(60)
    assert stage.did(actions.Dead) == []


@pytest.mark.parametrize("reported", [True, False])
def test_a_sound_that_cannot_be_had_proves_nothing(reported: bool) -> None:
    stage = ready(unknown, reported=reported)
    said(stage, 10)
    stage.run(60)
    assert stage.did(actions.Dead) == []


def test_one_that_reports_is_never_listened_to() -> None:
    stage = ready(silent, reported=True)
    stage.conduct = replace(stage.conduct, plays=True)
    said(stage, 10)
    stage.run(60)
    assert stage.did(actions.Listen) == []
    assert stage.delivery.next_timer() is None


@pytest.mark.parametrize("reported", [True, False])
def test_one_long_text_proves_it_too(reported: bool) -> None:
    stage = ready(silent, reported=reported)
    begun = stage.now
    stage.begin()
    while not stage.did(actions.Dead):
        stage.go_on(1.0)
        assert stage.now < begun + 2 * (LONG_S + LATE_S) + 10


def test_nor_is_a_long_text_a_reason_to_doubt_one_that_is_heard() -> None:
    stage = ready(sounding, reported=True)
    stage.conduct = replace(stage.conduct, plays=True)
    stage.begin()
    stage.go_on(120.0)
    stage.end()
    stage.run(10)
    assert stage.did(actions.Dead) == []
    assert len(stage.did(actions.Listen)) == len(stage.did(actions.Unlisten)) * 2
    assert stage.did(actions.Unlisten), "it is not listened to for ever"
    assert stage.delivery.next_timer() is None


def test_a_long_silence_in_a_text_proves_nothing() -> None:
    stage = ready(silent, reported=True)
    claim = stage.delivery.claim(16_000, stage.now)
    stage.act()
    for _ in range(120):
        stage.delivery.offer(claim, bytes(32_000), stage.now)
        stage.act()
        stage.run(1)
    assert stage.did(actions.Dead) == []


def test_nor_does_what_was_interrupted() -> None:
    stage = ready(silent, reported=False)
    for _ in range(10):
        stage.say(9.0, pace=0)
        stage.interrupt()
        stage.run(2)
    stage.run(20)
    assert stage.did(actions.Dead) == []


def test_silence_that_was_sent_proves_nothing() -> None:
    stage = ready(silent, reported=False)
    for _ in range(10):
        claim = stage.delivery.claim(16_000, stage.now)
        stage.act()
        stage.delivery.offer(claim, bytes(32_000), stage.now)
        stage.act()
        stage.run(1)
        stage.delivery.end(claim, EndReason.SOURCE_ENDED, stage.now)
        stage.act()
        stage.run(1)
    stage.run(20)
    assert stage.did(actions.Dead) == []


@pytest.mark.parametrize("how", ["a report", "the meter"])
def test_one_that_plays_again_is_alive(how: str) -> None:
    stage = ready(silent, reported=True)
    said(stage, 6)
    stage.run(LATE_S)
    said(stage, 3)
    stage.run(20)
    assert len(stage.did(actions.Dead)) == 1
    if how == "a report":
        stage.conduct = replace(stage.conduct, plays=True)
    else:
        stage.conduct = replace(stage.conduct, meter=sounding)
    said(stage, 4)
    stage.run(LATE_S + 1)
    assert len(stage.did(actions.Alive)) == 1


def test_one_that_was_dead_before_and_is_taken_for_want_of_a_better_is_alive_by_its_report() -> (
    None
):
    stage = Stage(DeliveryOptions(states="off"), Conduct(meter=silent))
    stage.delivery.listening("avatar-virtual", stage.now, proven=True, dead=True)
    stage.act()
    said(stage, 1)
    assert len(stage.did(actions.Alive)) == 1
    assert stage.did(actions.Dead) == []


def test_another_track_is_another_meter() -> None:
    stage = ready(silent, reported=True)
    tracks = iter(range(1_000))
    stage.conduct = replace(stage.conduct, meter=lambda _: Meter(f"TR_{next(tracks)}", 0.0))
    said(stage, 10)
    stage.run(20)
    assert stage.did(actions.Dead) == [], "each was only seen once"


def test_one_that_comes_anew_is_trusted() -> None:
    stage = ready(silent, reported=True)
    said(stage, 2)
    stage.run(LATE_S + 1)
    stage.lose()
    stage.listen()
    stage.conduct = replace(stage.conduct, plays=True)
    said(stage, 5)
    stage.run(20)
    assert stage.did(actions.Dead) == []


def test_what_is_late_on_its_way_is_not_judged() -> None:
    """On a slow network nothing is heard because nothing has arrived."""
    stage = ready(silent, reported=True)
    stage.conduct = replace(stage.conduct, answer_s=4.0)
    said(stage, 3)
    stage.run(4)
    assert stage.did(actions.Dead) == []


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.2, 4.0), st.floats(0.5, 8.0)), min_size=5, max_size=15),
    st.floats(0.0, 4.0),
)
def test_no_avatar_that_reports_is_ever_called_dead(
    spoken: list[tuple[float, float]], latency_s: float
) -> None:
    """However far away it is, and however it is spoken to; nor is a timer set in vain."""
    conduct = Conduct(meter=silent, latency_s=latency_s)
    stage = Stage(DeliveryOptions(states="off"), conduct)
    stage.probing = True
    stage.listen()
    for seconds, pause in spoken:
        stage.say(seconds, block=3_200)
        stage.run(pause)
    stage.run(30)
    assert stage.did(actions.Dead) == []
    assert stage.delivery.next_timer() is None
    assert evidence.PROOF >= 2, "one missing report proves nothing"


@pytest.mark.parametrize("moves", [True, False])
def test_its_track_is_listened_to_for_no_longer_than_until_it_is_heard(moves: bool) -> None:
    stage = ready(sounding if moves else silent, reported=True)
    begun, listened = stage.now, 0.0
    stage.say(0.5, pace=0)
    while stage.now < begun + 60:
        stage.say(1.0)
        if stage.did(actions.Listen) and not stage.did(actions.Unlisten):
            listened += 1.0
    assert stage.did(actions.Listen)
    assert bool(stage.did(actions.Dead)) is not moves
    if moves:
        assert listened <= 5, "its sound is decoded for as long"
    else:
        assert listened > 10
