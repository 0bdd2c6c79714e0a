"""An interrupt, and an avatar that is lost: what was open ends, and is accounted for."""

from __future__ import annotations

import pytest

from micstream.delivery import actions, wire
from micstream.delivery.actions import Answer
from micstream.delivery.options import DeliveryOptions
from micstream.delivery.sending import CLOSE_S
from micstream.speech.events import EndReason
from tests.support.virtual import BLOCK, IDENTITY, RATE, Stage, ready
from tests.support.virtual_avatar import Conduct


class TestInterrupting:
    def test_it_closes_the_stream_then_clears(self) -> None:
        stage = ready()
        stage.begin()
        stage.go_on(1.05)
        stage.interrupt()
        stage.run(0.5)
        (ended,) = stage.named("utterance_ended")
        assert (ended.reason, ended.duration_s) == ("interrupt", 1.0)
        assert stage.dropped == {"interrupted": pytest.approx(0.04)}
        closed_at = stage.streams[0].closed_at
        (cleared_at,) = [when for when, method, _ in stage.calls if method == wire.CLEAR_BUFFER]
        assert cleared_at == closed_at
        assert stage.named("playback_finished")[0].interrupted
        assert stage.delivery.backlog_s(stage.now) == 0
        assert len(stage.did(actions.Cleared)) == 1

    @pytest.mark.parametrize("ends_before", [True, False])
    def test_what_was_collected_is_counted(self, ends_before: bool) -> None:
        """Whoever interrupts ends what is being said as well, a moment earlier."""
        stage = ready(whole=True)
        stage.begin()
        stage.go_on(3.0)
        if ends_before:
            stage.end(EndReason.INTERRUPT)
        stage.interrupt()
        stage.run(0.5)
        assert stage.dropped == {"interrupted": pytest.approx(3.0)}
        assert stage.streams == []

    def test_and_what_is_said_next_is_heard(self) -> None:
        stage = ready()
        stage.begin()
        stage.go_on(1.0)
        stage.interrupt()
        stage.speak(BLOCK)
        stage.run(0.1)
        assert stage.dropped == {"interrupted": pytest.approx(0.02)}, "it is over"
        stage.say(1.0)
        stage.run(3)
        assert stage.named("utterance_ended")[1].duration_s == 1.0
        assert [event.id for event in stage.named("playback_finished")] == ["u1", "u2"]

    def test_what_waits_is_dropped(self) -> None:
        stage = ready(capacity_s=1.0, late="queue")
        stage.say(3.0, pace=0)
        stage.say(1.0, pace=0)
        stage.run(0.5)
        stage.interrupt()
        stage.run(1)
        assert stage.delivery.is_idle
        assert stage.accounted_s == pytest.approx(4.0)
        assert set(stage.dropped) == {"interrupted"}

    def test_a_write_under_way_is_waited_for(self) -> None:
        stage = ready(Conduct(write_s=0.3))
        stage.begin()
        stage.go_on(0.1)
        stage.run(0.005)
        stage.interrupt()
        stage.run(1)
        (ended,) = stage.named("utterance_ended")
        assert (ended.reason, ended.duration_s) == ("interrupt", 0.1)
        assert stage.did(actions.Abandon) == []
        assert len(stage.did(actions.Cleared)) == 1

    def test_but_not_for_long(self) -> None:
        stage = ready(Conduct(write_s=None))
        stage.begin()
        stage.go_on(0.1)
        stage.run(0.005)
        stage.interrupt()
        began = stage.now
        stage.until(lambda: bool(stage.did(actions.Abandon)))
        assert stage.now == pytest.approx(began + CLOSE_S)
        assert stage.dropped == {"interrupted": pytest.approx(0.1)}
        assert wire.CLEAR_BUFFER in [method for _, method, _ in stage.calls]

    def test_what_waits_for_its_turn_has_none(self) -> None:
        stage = ready()
        claim = stage.delivery.claim(RATE, stage.now)
        stage.say(1.0, pace=0)
        assert not stage.delivery.is_idle
        stage.interrupt()
        stage.run(1)
        assert stage.did(actions.Ended) == [actions.Ended(claim, EndReason.INTERRUPT)]
        assert stage.delivery.is_idle
        stage.say(1.0, pace=0)
        stage.run(1)
        assert [event.id for event in stage.named("utterance_ended")] == ["u2"]

    def test_what_was_in_flight_is_so_no_more_once_it_is_answered(self) -> None:
        stage = ready(Conduct(plays=False, hangs=frozenset({wire.ARRIVED})))
        stage.say(2.0)
        stage.run(5)
        assert stage.delivery.backlog_s(stage.now) > 1
        stage.interrupt()
        stage.run(0.1)
        assert stage.delivery.backlog_s(stage.now) == 0

    @pytest.mark.parametrize("how", ["lost", "unreachable"])
    def test_one_that_cannot_be_asked_is_not_waited_for(self, how: str) -> None:
        stage = ready()
        stage.say(1.0)
        stage.run(3)
        stage.conduct = Conduct(answer_s=0.3, answers={wire.CLEAR_BUFFER: Answer.NONE})
        stage.say(1.0)
        stage.run(0.5)
        stage.interrupt()
        assert stage.did(actions.Cleared) == []
        if how == "lost":
            stage.lose()
        else:
            stage.run(0.31)
        assert len(stage.did(actions.Cleared)) == 1

    def test_while_nobody_listens_there_is_nobody_to_ask(self) -> None:
        stage = Stage()
        stage.begin()
        stage.speak(RATE)
        stage.interrupt()
        assert stage.dropped == {"interrupted": 1.0}
        assert stage.calls == []
        assert len(stage.did(actions.Cleared)) == 1

    @pytest.mark.parametrize("answer_s", [0.005, None])
    def test_it_is_over_soon_whatever_the_avatar_does(self, answer_s: float | None) -> None:
        stage = ready(Conduct(plays=False))
        stage.say(1.0)
        stage.run(1)
        stage.started()
        stage.conduct.answer_s = answer_s
        began = stage.now
        stage.interrupt()
        stage.until(lambda: bool(stage.did(actions.Cleared)))
        assert stage.now - began == pytest.approx(1.0 if answer_s is None else 1.21, abs=0.01)


class TestLosing:
    def test_what_is_open_ends_and_the_rest_is_dropped(self) -> None:
        stage = ready()
        stage.begin()
        stage.go_on(1.05)
        stage.lose()
        stage.go_on(1.0)
        stage.end()
        stage.run(1)
        (ended,) = stage.named("utterance_ended")
        assert (ended.reason, ended.duration_s, ended.avatar) == ("avatar", 1.0, IDENTITY)
        assert stage.dropped == {"avatar_lost": pytest.approx(1.04)}
        assert stage.streams[0].state == "closed"
        assert stage.delivery.backlog_s(stage.now) == 0

    @pytest.mark.parametrize(("write_s", "state"), [(0.3, "closed"), (None, "abandoned")])
    def test_a_write_under_way_is_waited_for_but_not_for_long(
        self, write_s: float | None, state: str
    ) -> None:
        stage = ready()
        stage.begin()
        stage.go_on(0.18)
        stage.conduct.write_s = write_s
        stage.go_on(0.02)
        stage.lose()
        stage.run(CLOSE_S + 0.01)
        assert stage.streams[0].state == state
        assert stage.accounted_s == pytest.approx(0.2)
        assert stage.delivery.sent_s == 0, "nothing is owed to one that is gone"

    def test_the_next_avatar_begins_with_the_next_utterance(self) -> None:
        stage = ready()
        stage.begin()
        stage.go_on(0.5)
        stage.lose()
        stage.listen("avatar-other")
        stage.go_on(0.5)
        stage.end()
        stage.say(0.5)
        stage.run(2)
        first, second = stage.named("utterance_ended")
        assert (first.avatar, first.reason) == (IDENTITY, "avatar")
        assert (second.avatar, second.duration_s) == ("avatar-other", 0.5)

    def test_what_the_last_one_got_proves_nothing_of_the_next(self) -> None:
        stage = ready(Conduct(answer_s=0.4))
        stage.say(2.0)
        stage.run(0.01)
        stage.lose()
        stage.listen("avatar-other")
        stage.run(0.5)
        before = len(stage.calls)
        stage.begin()
        stage.go_on(1.5)
        asked = [method for _, method, _ in stage.calls[before:]]
        assert wire.ARRIVED in asked

    def test_until_one_listens_events_name_what_is_looked_for(self) -> None:
        stage = Stage(DeliveryOptions(late_after_s=0.5))
        stage.say(1.0)
        stage.run(2)
        assert {event.avatar for event in stage.named("dropped")} == {"avatar-*"}
        assert stage.dropped == {"late": pytest.approx(1.0)}

    def test_absence_is_told_once_each_time(self) -> None:
        stage = Stage()
        stage.probing = True
        stage.delivery.connected(True, stage.now)
        stage.run(9.9)
        assert stage.did(actions.Absent) == []
        stage.run(100)
        assert stage.did(actions.Absent) == [actions.Absent(10.0)]
        stage.listen()
        stage.run(1)
        stage.lose()
        stage.run(9.9)
        assert len(stage.did(actions.Absent)) == 1
        stage.run(0.2)
        assert len(stage.did(actions.Absent)) == 2

    def test_absence_is_not_told_while_we_are_not_in_the_room(self) -> None:
        stage = Stage()
        stage.delivery.connected(True, stage.now)
        stage.run(5)
        stage.delivery.connected(False, stage.now)
        stage.run(60)
        stage.delivery.connected(True, stage.now)
        stage.run(9.9)
        assert stage.did(actions.Absent) == []
        stage.run(0.2)
        assert len(stage.did(actions.Absent)) == 1
