"""What is reported, told and waited for while an avatar is spoken to."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from micstream.delivery import actions
from micstream.delivery.delivery import Delivery
from micstream.delivery.drops import dropped
from micstream.delivery.options import DeliveryOptions
from micstream.events import Dropped, Event
from tests.support.virtual import IDENTITY, RATE, Stage, ready
from tests.support.virtual_avatar import Conduct


class TestReports:
    def test_one_that_is_quicker_than_the_write_it_is_of(self) -> None:
        stage = ready(Conduct(write_s=0.5, plays=False))
        begun = stage.now
        stage.begin()
        stage.go_on(0.2)
        stage.started()
        assert stage.now == pytest.approx(begun + 0.2)
        stage.run(0.5)
        begins, started = stage.named("utterance_started", "playback_started")
        assert (begins.id, begins.EVENT) == ("u1", "utterance_started")
        assert (started.id, started.delay_ms) == ("u1", 200)
        assert started.t >= begins.t, "as they stand in a record"

    def test_one_of_what_could_not_be_written_is_told_at_its_end(self) -> None:
        stage = ready(Conduct(write_s=0.5, writes=False, plays=False))
        stage.begin()
        stage.go_on(0.2)
        stage.started()
        stage.end()
        stage.run(2)
        (started,) = stage.named("playback_started")
        assert started.id == "u1"
        assert stage.named("utterance_started", "utterance_ended") == []

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

    def test_they_go_on_where_writing_takes_long(self) -> None:
        stage = ready(Conduct(write_s=0.3))
        stage.begin(ages=False)
        for _ in range(100):
            if not stage.delivery.accepts(True, stage.now):
                count = len(stage.did(actions.Taken))
                stage.until(lambda n=count: len(stage.did(actions.Taken)) > n)  # type: ignore[misc]
            stage.speak(3_200, ages=False)
        stage.end()
        stage.until(lambda: stage.delivery.is_idle)
        assert stage.streams[0].payload == stage.source

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
            ("late", "no avatar yet"),
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

    def test_what_was_lost_with_one_avatar_is_not_laid_to_the_next(self) -> None:
        stage = ready(Conduct(answer_s=None, close_s=0.3), capacity_s=1.0)
        stage.begin(ages=False)
        stage.speak(5 * RATE, ages=False)
        stage.until(lambda: stage.delivery.is_stalled(stage.now))
        stage.lose()
        stage.listen("avatar-next")
        stage.run(2)
        assert sum(stage.dropped.values()) > 2
        assert {event.avatar for event in stage.named("dropped")} == {IDENTITY}

    def test_what_was_late_although_an_avatar_listened_says_so(self) -> None:
        assert dropped(1.0, "late").why == "it had to wait too long"
        assert dropped(1.0, "late", listening=False).code == "late"


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


def test_an_end_reported_before_the_stream_is_closed_is_told_once_it_is() -> None:
    """The avatar runs empty, reports that, and learns only then that nothing follows."""
    stage = ready(Conduct(plays=False))
    stage.begin()
    stage.go_on(2.0)
    stage.started()
    stage.finished(2.0)
    assert stage.named("playback_finished") == []
    stage.end()
    stage.run(1)
    (finished,) = stage.named("playback_finished")
    assert (finished.id, finished.position_s, finished.interrupted) == ("u1", 2.0, False)
    assert stage.delivery.next_timer() is None
