"""Leaving: nothing is left for the avatar to report, and one deadline for all of it."""

from __future__ import annotations

import pytest

from micstream.delivery import actions, wire
from micstream.delivery.actions import Answer
from micstream.delivery.options import DeliveryOptions
from tests.support.virtual import RATE, Stage, ready
from tests.support.virtual_avatar import Conduct

HURRY_S = 1.6


def left(stage: Stage) -> float:
    """Seconds until it has left."""
    began = stage.now
    stage.until(lambda: stage.delivery.has_left)
    assert stage.did(actions.Left)
    assert stage.delivery.next_timer() is None
    return stage.now - began


def clears(stage: Stage) -> int:
    return sum(method == wire.CLEAR_BUFFER for _, method, _ in stage.calls)


def test_where_nothing_was_said_it_is_over_at_once() -> None:
    stage = Stage()
    stage.leave()
    assert stage.delivery.has_left
    stage = ready()
    stage.leave()
    assert left(stage) < 0.1, "the avatar is told that we are away"


def test_what_was_said_is_played_first() -> None:
    stage = ready()
    stage.say(3.0, pace=0)
    stage.leave()
    assert left(stage) == pytest.approx(3.3, abs=0.1)
    assert [event.interrupted for event in stage.named("playback_finished")] == [False]
    assert clears(stage) == 0
    assert stage.named("dropped") == []


def test_what_waits_is_handed_over() -> None:
    stage = ready(capacity_s=1.0, late="queue")
    stage.say(5.0, pace=0)
    assert stage.delivery.held_s > 3
    stage.leave()
    left(stage)
    assert stage.named("utterance_ended")[0].duration_s == 5.0
    assert stage.named("playback_finished")[0].position_s == pytest.approx(5.0)


def test_what_is_still_being_said_ends_with_it() -> None:
    stage = ready()
    stage.begin()
    stage.go_on(1.05)
    stage.leave(HURRY_S)
    left(stage)
    (ended,) = stage.named("utterance_ended")
    assert ended.reason == "shutdown"
    assert ended.duration_s == pytest.approx(1.04), "the rest of what was said is sent"


def test_an_avatar_that_never_reports_has_the_time_that_it_lasts_and_a_second() -> None:
    stage = ready(Conduct(plays=False))
    stage.say(2.0, pace=0)
    stage.leave()
    assert left(stage) == pytest.approx(2.0 + 1.0 + 0.3, abs=0.1)
    assert clears(stage) == 1


def test_a_report_that_is_missing_is_not_waited_for_for_ever() -> None:
    stage = ready()
    stage.say(0.5)
    stage.run(2)
    stage.conduct = Conduct(plays=False)
    stage.say(2.0, pace=0)
    stage.leave()
    assert left(stage) == pytest.approx(2.0 + 5.0 + 3.0 + 1.0, abs=0.5)
    assert clears(stage) == 1


class TestInAHurry:
    def test_what_cannot_be_played_in_time_is_cleared(self) -> None:
        stage = ready()
        stage.say(0.5)
        stage.run(2)
        stage.say(8.0, pace=0)
        stage.run(0.5)
        stage.leave(HURRY_S)
        assert left(stage) < 0.5
        assert clears(stage) == 1
        assert stage.named("playback_finished")[-1].interrupted

    def test_what_can_is_played(self) -> None:
        stage = ready()
        stage.say(0.3, pace=0)
        stage.leave(HURRY_S)
        assert left(stage) < HURRY_S
        assert clears(stage) == 0
        assert not stage.named("playback_finished")[0].interrupted

    @pytest.mark.parametrize(
        "conduct",
        [
            Conduct(answer_s=None, plays=False),
            Conduct(write_s=None, answer_s=None, plays=False),
            Conduct(open_s=None, plays=False),
            Conduct(close_s=None, answer_s=None, plays=False),
            Conduct(close_s=None, plays=False),
        ],
    )
    def test_whatever_hangs_it_is_over_in_time(self, conduct: Conduct) -> None:
        stage = ready(conduct)
        stage.begin()
        stage.go_on(3.0)
        stage.leave(HURRY_S)
        assert left(stage) <= HURRY_S + 0.01
        stage.end()
        assert stage.accounted_s == pytest.approx(3.0)
        assert all(stream.is_over for stream in stage.streams)

    def test_it_may_begin_at_any_time(self) -> None:
        for later in (0.0, 0.5, 3.0, 6.0):
            stage = ready(Conduct(plays=False), capacity_s=2.0, late="queue")
            stage.say(5.0, pace=0)
            stage.leave()
            stage.run(later)
            stage.leave(HURRY_S)
            stage.leave(60.0)  # a later deadline changes nothing
            assert left(stage) <= HURRY_S + 0.01

    def test_an_answer_that_was_awaited_for_long_is_no_longer(self) -> None:
        stage = ready()
        stage.say(0.5)
        stage.run(2)
        stage.conduct = Conduct(answer_s=None, plays=False)
        stage.say(0.5)
        stage.leave()
        stage.until(lambda: clears(stage) == 1)
        stage.leave(0.5)
        assert left(stage) <= 0.51

    def test_where_nothing_comes_from_the_server_any_more_nothing_is_waited_for(self) -> None:
        stage = ready(Conduct(answer_s=None, plays=False))
        stage.say(0.5)
        stage.delivery.network(True, stage.now)
        stage.leave(30.0)
        assert left(stage) < 3.1

    @pytest.mark.parametrize(("hurry_s", "at_once"), [(HURRY_S, True), (3.5, False)])
    def test_what_is_in_flight_takes_its_time_too(self, hurry_s: float, at_once: bool) -> None:
        """All of it should be played, and a second and a half of it has not even arrived."""
        stage = ready(Conduct(plays=False, hangs=frozenset({wire.ARRIVED})))
        stage.say(1.5)
        stage.run(1.0)
        assert stage.delivery.backlog_s(stage.now) == pytest.approx(1.5)
        stage.leave(hurry_s)
        stage.run(0.1)
        assert (clears(stage) == 1) is at_once
        assert left(stage) <= hurry_s

    def test_nor_is_played_what_could_be(self) -> None:
        stage = ready()
        stage.say(0.5, pace=0)
        stage.run(0.01)
        stage.delivery.network(True, stage.now)
        stage.leave(HURRY_S)
        stage.run(0.01)
        assert clears(stage) == 1

    def test_one_that_has_answered_and_not_yet_reported_is_waited_for(self) -> None:
        """To leave before its report would end it: the deadline gives way."""
        stage = ready()
        stage.say(0.5)
        stage.run(2)
        stage.conduct = Conduct(plays=False)
        stage.say(8.0, pace=0)
        stage.leave(HURRY_S)
        stage.run(HURRY_S + 0.5)
        assert not stage.delivery.has_left
        stage.finished(0.5, interrupted=True)
        assert left(stage) <= 1.1

    def test_none_at_all_is_a_deadline_too(self) -> None:
        stage = ready(Conduct(answer_s=None, plays=False))
        stage.begin()
        stage.go_on(2.0)
        stage.leave(0.0)
        assert stage.delivery.has_left
        stage.end()
        assert stage.accounted_s == pytest.approx(2.0)


def test_an_avatar_that_comes_afterwards_is_not_called() -> None:
    stage = Stage()
    stage.leave()
    stage.listen()
    stage.run(30)
    assert stage.calls == []
    assert stage.delivery.listening_to is None


def test_our_answer_to_its_last_report_has_time_to_arrive() -> None:
    stage = ready()
    stage.say(0.5)
    stage.until(lambda: bool(stage.named("playback_finished")))
    stage.leave()
    assert left(stage) >= 0.2


def test_an_avatar_that_is_lost_meanwhile_is_not_waited_for() -> None:
    stage = ready(Conduct(plays=False))
    stage.say(5.0, pace=0)
    stage.leave()
    stage.run(1)
    stage.lose()
    assert left(stage) < 0.6


def test_what_waits_for_nobody_is_dropped_and_told() -> None:
    stage = Stage(DeliveryOptions(late="queue"))
    stage.say(2.0)
    stage.leave()
    assert left(stage) == pytest.approx(0.3, abs=0.01)
    assert stage.dropped == {"ended": 2.0}


def test_what_is_said_afterwards_is_dropped_and_told_and_nobody_waits() -> None:
    stage = Stage()
    stage.leave()
    stage.say(0.5)
    for _ in range(200):
        assert stage.delivery.accepts(True, stage.now)
        stage.speak(3_200, ages=False)
    assert stage.delivery.is_idle
    assert stage.accounted_s == pytest.approx(stage.said / RATE)
    assert set(stage.dropped) <= {"ended", "interrupted"}


def test_that_nobody_speaks_any_more_is_waited_for_but_not_for_long() -> None:
    stage = ready(Conduct(answers={wire.USER_STATE: Answer.OK}))
    stage.conduct.answer_s = None
    stage.leave()
    assert left(stage) == pytest.approx(1.0)
