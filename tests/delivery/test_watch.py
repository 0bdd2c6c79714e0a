"""Whether what is sent arrives; an avatar that is there and silent."""

from __future__ import annotations

from itertools import pairwise

import pytest

from micstream.delivery import actions, wire
from micstream.delivery.actions import Answer
from micstream.delivery.estimate import TRY_S
from micstream.delivery.options import DeliveryOptions
from micstream.delivery.watch import ANSWER_S, EVERY_S
from tests.support.virtual import RATE, Stage
from tests.support.virtual_avatar import Conduct

FROZEN = Conduct(answer_s=None, plays=False)


def ready(conduct: Conduct | None = None, *, reported: bool = True) -> Stage:
    """One that listens, and has reported an utterance."""
    stage = Stage(DeliveryOptions(states="off"), conduct)
    stage.probing = True
    stage.listen()
    if reported:
        stage.say(0.5, pace=0)
        stage.run(3)
        if stage.conduct.plays:
            assert stage.named("playback_finished")
    return stage


def calls(stage: Stage) -> list[float]:
    return [when for when, method, _ in stage.calls if method == wire.ARRIVED]


def test_nothing_is_asked_while_nothing_is_on_its_way() -> None:
    stage = ready()
    before = len(stage.calls)
    stage.run(600)
    assert len(stage.calls) == before
    assert stage.delivery.next_timer() is None


def test_twice_a_second_while_somebody_speaks() -> None:
    stage = ready()
    begun = stage.now
    stage.say(10.0)
    asked = [when for when in calls(stage) if when > begun]
    assert 14 <= len(asked) <= 20
    assert all(b - a >= EVERY_S for a, b in pairwise(asked))


def test_one_call_at_a_time() -> None:
    stage = ready(Conduct(answer_s=3.0, plays=False), reported=False)
    stage.begin(ages=False)
    stage.go_on(20.0, ages=False)
    assert len(calls(stage)) > 5
    for first, second in pairwise(calls(stage)):
        assert second - first >= 3.0


def test_one_that_has_reported_and_answers_no_more_is_silent() -> None:
    stage = ready()
    stage.conduct = FROZEN
    begun = stage.now
    stage.say(0.3)
    stage.say(0.3)
    stage.until(lambda: bool(stage.did(actions.Silent)), 25)
    assert stage.now - begun > ANSWER_S
    assert stage.delivery.listening_to is None
    assert stage.delivery.backlog_s(stage.now) == 0
    stage.conduct = Conduct()
    stage.listen()
    stage.say(0.5)
    stage.run(2)
    assert len(stage.named("playback_finished")) == 2
    assert len(stage.did(actions.Silent)) == 1


def test_one_long_utterance_proves_it_too() -> None:
    """Nothing follows while nothing arrives, but for a little after each `TRY_S`."""
    stage = ready()
    stage.conduct = FROZEN
    begun = stage.now
    claim = stage.delivery.claim(RATE, stage.now)
    stage.act()
    while not stage.did(actions.Silent):
        assert stage.now - begun < 40
        if stage.delivery.capacity_s(stage.now) > 0:
            stage.delivery.offer(claim, bytes(3_200), stage.now)
            stage.act()
        stage.run(0.1)
    stage.run(1)
    sent = [stream.seconds for stream in stage.streams[1:]]
    assert len(sent) == 3, "what was let through twice, after the first"
    assert sum(sent) < 6
    assert all(stream.state == "closed" for stream in stage.streams)
    assert [ended.reason for ended in stage.did(actions.Ended)] == ["avatar"]


def test_live_speech_proves_it_in_some_25_seconds() -> None:
    stage = ready()
    stage.conduct = FROZEN
    begun = stage.now
    while not stage.did(actions.Silent):
        stage.say(2.0)
        stage.run(0.5)
    assert stage.now - begun < 32
    stage.run(3)
    assert stage.accounted_s == pytest.approx(stage.said / RATE)


@pytest.mark.parametrize("reported", [True, False])
def test_missing_reports_alone_prove_nothing(reported: bool) -> None:
    stage = ready(reported=reported)
    stage.conduct = Conduct(plays=False)
    for _ in range(10):
        stage.say(1.0)
        stage.run(5)
    assert stage.did(actions.Silent) == []
    assert stage.named("warning") == []


def test_nor_do_missing_answers_where_it_never_reported() -> None:
    stage = ready(FROZEN, reported=False)
    for _ in range(10):
        stage.say(1.0)
        stage.run(10)
    assert stage.did(actions.Silent) == []


def test_one_whose_reports_came_late_is_excused() -> None:
    stage = ready()
    stage.conduct = Conduct(plays=False)
    stage.say(0.5)
    stage.say(0.5)
    stage.run(8)
    before = len(calls(stage))
    stage.run(60)
    assert len(calls(stage)) == before, "it has answered: nothing is awaited any more"


def test_any_answer_proves_that_all_has_arrived() -> None:
    for answer in (Answer.OK, Answer.OTHER, Answer.UNSUPPORTED, Answer.FAILED):
        stage = ready(Conduct(answers={wire.ARRIVED: answer}), reported=False)
        stage.say(5.0)
        stage.run(60)
        assert not stage.delivery.is_stalled(stage.now)
        assert stage.delivery.next_timer() is None


def test_where_no_answer_comes_little_follows() -> None:
    stage = ready(Conduct(plays=False), reported=False)
    stage.conduct.answer_s = None
    stage.begin(ages=False)
    begun = stage.now
    while stage.now < begun + TRY_S:
        stage.run(0.1)
        if stage.delivery.accepts(True, stage.now):
            stage.speak(1_600, ages=False)
    assert stage.delivery.is_stalled(stage.now)
    assert stage.delivery.sent_s == pytest.approx(2.0, abs=0.2), "what went before it was found out"
    stage.conduct.answer_s = 0.005
    stage.run(ANSWER_S)
    assert not stage.delivery.is_stalled(stage.now)


def test_an_answer_that_the_shell_never_gives_is_none() -> None:
    stage = ready()
    stage.conduct = FROZEN
    stage.begin()
    stage.go_on(1.0)
    stage.clock._due.clear()  # nothing will be said any more
    stage.run(ANSWER_S + 1)
    assert len(calls(stage)) > 2, "asked again all the same"
