"""What the avatar is told of the performer: the newest word, none too many, never in the way."""

from __future__ import annotations

import pytest

from micstream.delivery import wire
from micstream.delivery.actions import Answer
from tests.support.virtual import Stage, ready
from tests.support.virtual_avatar import Conduct

USER, AGENT = wire.USER_STATE, wire.AGENT_STATE


def told(stage: Stage, *methods: str) -> list[str]:
    return [payload for _, method, payload in stage.calls if method in (methods or (USER, AGENT))]


def test_an_utterance_from_onset_to_the_end_of_its_playing() -> None:
    stage = ready()
    assert told(stage) == ["listening", "listening"]
    stage.begin()
    assert told(stage)[2:] == ["speaking"]
    stage.go_on(1.0)
    assert told(stage)[3:] == ["speaking"]
    stage.run(0.7)
    assert len(told(stage)) == 4, "nothing new, and it was told"
    stage.end()
    stage.run(1.0)
    assert told(stage, USER)[2:] == told(stage, AGENT)[2:] == ["listening"]
    stage.leave()
    stage.run(5)
    assert told(stage, USER)[3:] == ["away"], "we have left"
    assert told(stage, AGENT)[3:] == []


def test_one_that_never_reports_its_playing_listens_once_it_should_be_over() -> None:
    stage = ready(Conduct(plays=False))
    stage.say(3.0, pace=0)
    begun = stage.now
    stage.until(lambda: told(stage, AGENT)[1:] == ["speaking", "listening"])
    assert stage.now - begun == pytest.approx(3.0, abs=0.05)


def test_muted_is_away() -> None:
    stage = ready()
    for muted, state in ((True, "away"), (False, "listening"), (True, "away")):
        stage.delivery.muted(muted, stage.now)
        stage.act()
        stage.run(0.1)
        assert told(stage, USER)[-1] == state


def test_an_interruption_ends_both() -> None:
    stage = ready()
    stage.begin()
    stage.go_on(1.0)
    stage.interrupt()
    stage.run(0.1)
    assert told(stage, USER)[-1] == told(stage, AGENT)[-1] == "listening"


@pytest.mark.parametrize(
    ("which", "expected"),
    [("on", {USER, AGENT}), ("user", {USER}), ("agent", {AGENT}), ("off", set())],
)
def test_as_much_as_was_asked_for(which: str, expected: set[str]) -> None:
    stage = ready(states=which)
    stage.say(1.0)
    stage.run(3)
    assert {method for _, method, _ in stage.calls} - {wire.ARRIVED} == expected


def test_one_that_does_not_know_them_is_asked_once_each_time_it_listens() -> None:
    stage = ready(Conduct(answers={USER: Answer.UNSUPPORTED, AGENT: Answer.UNSUPPORTED}))
    for _ in range(3):
        stage.say(0.5)
        stage.run(2)
    assert len(told(stage)) == 2
    stage.lose()
    stage.conduct = Conduct()
    stage.listen()
    stage.run(0.1)
    assert told(stage)[2:] == ["listening", "listening"]


def test_of_many_only_the_newest_is_told() -> None:
    stage = ready()
    stage.conduct.answer_s = 0.5
    stage.delivery.muted(True, stage.now)
    stage.act()
    for muted in (False, True, False, True, False):
        stage.run(0.05)
        stage.delivery.muted(muted, stage.now)
        stage.act()
    stage.run(5)
    assert told(stage, USER) == ["listening", "away", "listening"]


@pytest.mark.parametrize("answer", [Answer.OTHER, Answer.FAILED, Answer.NONE])
def test_any_other_answer_is_as_good(answer: Answer) -> None:
    stage = ready(Conduct(answers={USER: answer, AGENT: answer}))
    stage.say(0.5)
    stage.run(3)
    assert told(stage, USER) == ["listening", "speaking", "listening"]


def test_one_that_hangs_in_these_calls_is_spoken_through_all_the_same() -> None:
    stage = ready(Conduct(hangs=frozenset({USER, AGENT})))
    for _ in range(3):
        stage.say(0.5)
        stage.run(1)
    assert [event.duration_s for event in stage.named("utterance_ended")] == [0.5] * 3
    assert told(stage, USER)[-1] == "listening"
