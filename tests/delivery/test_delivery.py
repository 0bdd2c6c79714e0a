"""What is said to an avatar: when it is written, how much, and what is told of it."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.delivery import actions, wire
from micstream.delivery.actions import Answer
from micstream.delivery.delivery import Delivery
from micstream.delivery.options import DeliveryOptions
from micstream.delivery.sending import ARRIVED_S, CLOSE_S, READ_S, STALL_S
from micstream.events import Dropped, Event
from micstream.speech.events import End, EndReason, Onset, Speech
from tests.support.virtual import BLOCK, IDENTITY, RATE, Conduct, Stage


def ready(conduct: Conduct | None = None, **options: Any) -> Stage:
    """One that listens, and has been told the states."""
    stage = Stage(DeliveryOptions(**options), conduct)
    stage.probing = True
    stage.listen()
    stage.run(1)
    return stage


def at(stage: Stage, kind: type[actions.Action]) -> list[float]:
    """When the actions of this kind came."""
    return [when for when, action in stage.done if isinstance(action, kind)]


class TestWriting:
    @pytest.mark.parametrize(
        ("prebuffer_ms", "chunk_ms"), [(0, 100), (100, 100), (100, 50), (240, 20)]
    )
    def test_the_prebuffer_first_and_then_whole_chunks(
        self, prebuffer_ms: int, chunk_ms: int
    ) -> None:
        stage = ready(prebuffer_ms=prebuffer_ms, chunk_ms=chunk_ms)
        stage.say(2.01)
        stage.run(3)
        (stream,) = stage.streams
        assert stream.payload == stage.source
        sizes = [len(chunk) // 32 for chunk in stream.chunks]
        assert sizes[0] == max(prebuffer_ms, 20)
        assert all(end % chunk_ms == 0 for end in list(accumulate(sizes))[1:-1])
        assert stage.named("utterance_started")[0].lead_ms == sizes[0]

    def test_it_is_written_as_it_is_spoken(self) -> None:
        stage = ready()
        begun = stage.now
        stage.say(1.0)
        stage.run(1)
        expected = [begun + n / 10 for n in range(2, 11)]
        assert at(stage, actions.Write)[1:] == pytest.approx(expected)

    def test_less_than_the_prebuffer_is_sent_at_its_end(self) -> None:
        stage = ready(prebuffer_ms=500)
        stage.say(0.2)
        stage.run(1)
        assert [stream.payload for stream in stage.streams] == [stage.source]
        assert stage.named("utterance_started")[0].lead_ms == 200

    def test_an_utterance_without_sound_opens_nothing_and_is_no_event(self) -> None:
        stage = ready()
        stage.begin()
        stage.end()
        stage.run(1)
        assert stage.streams == []
        assert stage.named("utterance_started", "utterance_ended", "dropped") == []

    @pytest.mark.parametrize("prebuffer_ms", [990, 1_000, 5_000])
    @pytest.mark.parametrize("samples", [317, 1_600])
    def test_a_prebuffer_beyond_the_capacity_is_what_the_capacity_is(
        self, prebuffer_ms: int, samples: int
    ) -> None:
        stage = ready(prebuffer_ms=prebuffer_ms, capacity_s=1.0, late="queue")
        for _ in range(2):
            stage.say(2.0, pace=0, block=samples)
        stage.until(lambda: stage.delivery.is_idle)
        assert b"".join(stream.payload for stream in stage.streams) == stage.source
        assert all(event.lead_ms >= 900 for event in stage.named("utterance_started"))

    def test_while_a_write_blocks_the_rest_waits_and_goes_as_one(self) -> None:
        stage = ready(Conduct(write_s=3.0))
        stage.say(2.0)
        assert at(stage, actions.Write) == pytest.approx([1_001.102])
        assert stage.delivery.held_s == pytest.approx(1.9)
        stage.conduct.write_s = 0.001
        stage.run(5)
        assert [len(chunk) // 32 for chunk in stage.streams[0].chunks] == [100, 1900]
        assert stage.dropped == {}

    def test_a_collected_utterance_goes_out_at_once(self) -> None:
        stage = ready(whole=True)
        stage.say(3.0)
        stage.run(1)
        (stream,) = stage.streams
        assert stream.chunks == [stage.source]
        assert stage.named("utterance_started")[0].lead_ms == 3_000

    def test_an_avatar_of_another_rate_gets_that(self) -> None:
        stage = ready(avatar_rate=24_000)
        stage.say(2.0)
        stage.run(1)
        assert stage.did(actions.Open) == [actions.Open(1, 24_000)]
        assert stage.streams[0].seconds == pytest.approx(2.0, abs=0.001)
        assert stage.named("utterance_ended")[0].duration_s == pytest.approx(2.0, abs=0.001)

    def test_the_events_of_one_utterance(self) -> None:
        stage = ready()
        stage.run(9)
        push(stage, Onset(8_000, 16_000, 24_000), captured_at=stage.now - 0.4)
        push(stage, Speech(8_000, bytes(12_800)))
        push(stage, End(14_400, 14_400, 14_400, 0, True, EndReason.MUTE))
        stage.run(5)
        told = [{k: v for k, v in each.as_dict().items() if k != "t"} for each in stage.events]
        which = {"avatar": IDENTITY, "id": "u1"}
        assert told == [
            {"event": "utterance_started", "onset_s": 1.0, "decided_s": 1.5, "lead_ms": 400}
            | which,
            {"event": "utterance_ended", "duration_s": 0.4, "bytes": 12_800, "reason": "mute"}
            | which,
            {"event": "playback_started", "delay_ms": 503} | which,
            {"event": "playback_finished", "position_s": 0.4, "interrupted": False}
            | {"stutter_ms": 0}
            | which,
        ]

    @given(st.lists(st.integers(1, 4_000), min_size=1, max_size=20))
    def test_the_same_is_written_however_it_was_cut(self, sizes: list[int]) -> None:
        whole, cut = Stage(), Stage()
        for stage, pieces in ((whole, [sum(sizes)]), (cut, sizes)):
            stage.listen()
            stage.conduct.open_s = stage.conduct.write_s = 0.0
            stage.begin()
            for samples in pieces:
                stage.speak(samples)
            stage.end()
            stage.run(30)
        assert cut.streams[0].payload == whole.streams[0].payload == whole.source

        def told(stage: Stage) -> list[Any]:
            named = stage.named("utterance_ended", "dropped")
            return [{**event.as_dict(), "t": 0} for event in named]

        assert told(cut) == told(whole)


def push(stage: Stage, event: Any, captured_at: float = 0.0) -> None:
    stage.delivery.push(event, captured_at, stage.now)
    stage.act()


class TestStreams:
    def test_the_next_begins_once_the_last_was_read(self) -> None:
        stage = ready(Conduct(answer_s=0.2))
        stage.say(0.5, pace=0)
        stage.say(0.5, pace=0)
        stage.run(3)
        first, second = stage.streams
        assert first.closed_at is not None
        assert second.opened_at == pytest.approx(first.closed_at + 0.2 + READ_S)

    def test_or_after_half_a_second_without_an_answer(self) -> None:
        stage = ready(Conduct(answer_s=None))
        stage.say(0.5, pace=0)
        stage.say(0.5, pace=0)
        stage.run(3)
        first, second = stage.streams
        assert first.closed_at is not None
        assert second.opened_at == pytest.approx(first.closed_at + ARRIVED_S)

    def test_one_that_was_not_written_into_for_long_is_two(self) -> None:
        stage = ready()
        stage.begin()
        stage.go_on(1.0)
        stage.run(STALL_S + 0.1)
        stage.go_on(1.0)
        stage.end()
        stage.run(5)
        first, second = stage.streams
        assert first.closed_at == pytest.approx(second.opened_at), "nothing has to be read before"
        assert first.payload + second.payload == stage.source
        assert [event.duration_s for event in stage.named("utterance_ended")] == [2.0]
        assert [event.id for event in stage.named("playback_started")] == ["u1", "u1"]
        assert [event.id for event in stage.named("playback_finished")] == ["u1", "u1"]

    def test_one_whose_close_hangs_is_abandoned_and_the_next_is_heard(self) -> None:
        stage = ready(Conduct(close_s=None))
        stage.say(0.5)
        stage.run(CLOSE_S - 0.01)
        assert stage.did(actions.Abandon) == []
        stage.conduct.close_s = 0.001
        stage.run(0.02)
        assert stage.did(actions.Abandon) == [actions.Abandon(1)]
        assert [event.reason for event in stage.named("utterance_ended")] == ["silence"]
        stage.say(0.5)
        stage.run(1)
        assert stage.streams[1].seconds == 0.5

    @pytest.mark.parametrize("conduct", [Conduct(opens=False), Conduct(writes=False)])
    def test_one_that_fails_is_dropped_with_all_that_is_still_to_come_of_it(
        self, conduct: Conduct
    ) -> None:
        stage = ready(conduct)
        stage.begin()
        stage.go_on(1.0)
        stage.conduct = Conduct()
        stage.go_on(1.0)
        stage.end()
        stage.say(0.5)
        stage.run(2)
        assert stage.dropped == {"avatar_lost": pytest.approx(2.0)}
        assert [event.id for event in stage.named("utterance_ended")] == ["u2"]
        assert stage.streams[-1].seconds == 0.5

    def test_one_whose_rest_fails_ends_for_the_avatar(self) -> None:
        stage = ready()
        stage.begin()
        stage.go_on(0.96)
        stage.run(0.01)
        stage.conduct = Conduct(writes=False)
        stage.end()
        stage.run(1)
        (ended,) = stage.named("utterance_ended")
        assert (ended.reason, ended.duration_s) == ("avatar", 0.9)
        assert stage.dropped == {"avatar_lost": pytest.approx(0.06)}
        assert stage.streams[0].state == "closed"

    def test_one_of_which_something_gave_way_ends_and_the_next_is_heard(self) -> None:
        """Nothing reaches the avatar while one talks on, beyond what may wait."""
        stage = ready(Conduct(hangs=frozenset({wire.ARRIVED})), late="queue", late_bound_s=1.0)
        stage.begin()
        stage.go_on(6.0)
        assert stage.delivery.is_stalled(stage.now)
        assert stage.named("utterance_ended")[0].reason == "avatar"
        stage.conduct = Conduct()
        stage.run(15)
        stage.end()
        stage.say(0.5)
        stage.run(2)
        assert stage.streams[-1].seconds == 0.5
        assert set(stage.dropped) == {"overflow"}
        assert stage.accounted_s == pytest.approx(6.5)


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


class TestReports:
    def test_one_that_is_quicker_than_the_write_it_is_of(self) -> None:
        stage = ready(Conduct(write_s=0.5, plays=False))
        begun = stage.now
        stage.begin()
        stage.go_on(0.2)
        stage.started()
        (started,) = stage.named("playback_started")
        assert (started.id, started.delay_ms) == ("u1", 200)
        assert stage.now == pytest.approx(begun + 0.2)

    def test_strays_are_no_events(self) -> None:
        stage = ready(Conduct(plays=False))
        stage.started()
        stage.finished(1.0)
        stage.finished(1.0, interrupted=True)
        assert stage.events == []

    def test_the_prebuffer_grows_by_a_stutter_and_goes_back(self) -> None:
        stage = ready(Conduct(plays=False))

        def prebuffer_ms(stutter_s: float) -> int:
            stage.say(1.0)
            stage.run(0.5)
            stage.started()
            stage.run(1.0 + stutter_s)
            stage.finished(1.0)
            return int(stage.named("utterance_started")[-1].lead_ms)

        assert prebuffer_ms(0.4) == 100
        assert prebuffer_ms(0.0) == 500
        assert [prebuffer_ms(0.0) for _ in range(5)] == [500, 500, 300, 300, 300]

    def test_an_interrupted_one_proves_no_stutter(self) -> None:
        stage = ready(Conduct(plays=False))
        stage.say(1.0)
        stage.started()
        stage.run(5)
        stage.finished(0.5, interrupted=True)
        stage.say(1.0)
        stage.run(1)
        assert [event.lead_ms for event in stage.named("utterance_started")] == [100, 100]


class TestBacklog:
    def test_its_steps_are_told(self) -> None:
        stage = ready()
        stage.say(5.0, pace=0)
        stage.run(10)
        told = [event.seconds for event in stage.named("backlog")]
        assert told[0] > 4.8
        steps = [first - second for first, second in pairwise(told)]
        assert steps == pytest.approx([0.5] * len(steps), abs=0.01)
        assert told[-1] <= 0.5

    def test_they_are_told_four_times_a_second_at_most(self) -> None:
        stage = ready()
        stage.say(8.0, pace=0.1)
        stage.run(10)
        when = [
            at for at, e in zip(stage.told_at, stage.events, strict=True) if e.EVENT == "backlog"
        ]
        assert len(when) > 10
        assert all(later - earlier >= 0.249 for earlier, later in pairwise(when))

    def test_live_speech_has_none_to_tell(self) -> None:
        stage = ready()
        stage.say(10.0)
        stage.run(2)
        assert stage.named("backlog") == []

    def test_past_the_capacity_nothing_is_sent_until_half_is_played(self) -> None:
        stage = ready(Conduct(plays=False), capacity_s=1.0, late_after_s=0.3)
        stage.say(4.0, pace=0.25)
        stage.run(0.1)
        names = [e.EVENT for e in stage.named("utterance_ended", "warning", "dropped")]
        assert names[:3] == ["utterance_ended", "warning", "dropped"]
        (warning,) = stage.named("warning")
        assert (warning.code, warning.avatar) == ("backlog", IDENTITY)
        assert "1 s behind" in warning.message
        (ended,) = stage.named("utterance_ended")
        assert ended.reason == "avatar"
        assert ended.duration_s < 2.0
        assert stage.accounted_s == pytest.approx(4.0)
        assert set(stage.dropped) == {"backlog"}
        stage.say(0.2, pace=0)
        stage.run(0.01)
        assert len(stage.streams) == 1, "it has not caught up"
        stage.until(lambda: len(stage.streams) == 2)
        assert 0.45 < stage.delivery.backlog_s(stage.now) <= 0.5
        stage.run(1)
        assert len(stage.named("warning")) == 1

    @pytest.mark.parametrize("options", [{"late": "queue"}, {"whole": True}])
    def test_those_that_can_wait_lose_nothing(self, options: dict[str, Any]) -> None:
        stage = ready(capacity_s=1.0, late_after_s=30.0, **options)
        for _ in range(3):
            stage.say(2.0, pace=0)
        stage.run(10)
        assert b"".join(stream.payload for stream in stage.streams) == stage.source
        assert stage.named("warning", "dropped") == []

    def test_never_more_is_sent_than_may_be(self) -> None:
        stage = ready(capacity_s=1.0, late="queue")
        stage.say(6.0, pace=0)
        for _ in range(1_000):
            stage.run(0.01)
            assert stage.delivery.backlog_s(stage.now) <= 1.0
        assert stage.streams[0].payload == stage.source


class TestSourcesThatWait:
    def test_they_push_no_more_than_a_second_ahead(self) -> None:
        stage = ready(capacity_s=1.0)
        stage.begin(ages=False)
        pushed = 0
        for _ in range(1_000):
            if not stage.delivery.accepts(True, stage.now):
                count = len(stage.did(actions.Taken))
                stage.until(lambda n=count: len(stage.did(actions.Taken)) > n)  # type: ignore[misc]
                continue
            stage.speak(1_600, ages=False)
            pushed += 1
            assert stage.delivery.held_s <= 1.1
        stage.end()
        stage.until(lambda: stage.delivery.is_idle)
        assert stage.streams[0].payload == stage.source
        assert pushed > 100
        assert stage.did(actions.Idle)
        assert stage.dropped == {}

    def test_they_wait_for_an_avatar_so_long_and_then_drop(self) -> None:
        stage = Stage()
        stage.probing = True
        stage.delivery.set_wait_for_avatar(5.0)
        stage.say(1.0, pace=0, ages=False)
        stage.run(4.9)
        assert stage.named("dropped") == []
        stage.run(0.2)
        assert stage.dropped == {"no_avatar": 1.0}
        assert stage.delivery.is_idle
        stage.say(1.0, pace=0, ages=False)
        stage.run(3)
        stage.listen()
        stage.run(3)
        assert stage.streams[0].seconds == 1.0

    def test_or_not_at_all(self) -> None:
        stage = Stage()
        stage.delivery.set_wait_for_avatar(0.0)
        stage.say(1.0, pace=0, ages=False)
        assert stage.dropped == {"no_avatar": 1.0}

    def test_with_another_that_listens_they_do_not_wait_for_one_that_stalls(self) -> None:
        stage = ready(Conduct(answer_s=None), capacity_s=1.0)
        stage.begin(ages=False)
        stage.speak(5 * RATE, ages=False)
        stage.until(lambda: stage.delivery.is_stalled(stage.now))
        assert stage.done[-1] == (stage.now, actions.Taken())
        assert stage.delivery.accepts(False, stage.now)
        assert not stage.delivery.accepts(True, stage.now)


class TestTellingOfWhatIsDropped:
    def test_at_most_once_a_second_while_somebody_speaks(self) -> None:
        stage = Stage(DeliveryOptions(late_after_s=0.5))
        stage.say(6.0)
        stage.run(1)
        assert stage.accounted_s == pytest.approx(6.0)
        assert len(stage.named("dropped")) <= 7

    @pytest.mark.parametrize(
        ("code", "why"),
        [
            ("late", "it could not be sent in time"),
            ("interrupted", "interrupted"),
            ("ended", "it ended before"),
        ],
    )
    def test_in_words_and_by_a_code(self, code: str, why: str) -> None:
        stage = Stage()
        stage.say(1.0)
        if code == "interrupted":
            stage.interrupt()
        elif code == "ended":
            stage.leave(0.0)
        stage.run(5)
        (event,) = stage.named("dropped")
        assert (event.code, event.why, event.seconds) == (code, why, 1.0)


def test_ids_are_shared_by_the_deliveries_to_all_avatars() -> None:
    ids = iter(["u1", "u2"])
    for expected in ("u1", "u2"):
        delivery = Delivery(DeliveryOptions(), ids, "avatar-*")
        delivery.listening("avatar-a", 0.0, proven=True)
        claim = delivery.claim(16_000, 0.0)
        assert actions.Granted(claim, expected) in delivery.actions()


def test_what_is_told_has_a_name_always() -> None:
    event: Event = Dropped(seconds=1.0, why="x")
    stage = Stage()
    stage.delivery._outbox.tell(event)
    stage.act()
    assert stage.events[0].as_dict()["avatar"] == "avatar-*"
