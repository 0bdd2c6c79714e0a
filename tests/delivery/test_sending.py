"""What is said to an avatar: when it is written, how much, and in which streams."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.delivery import actions, wire
from micstream.delivery.path import ENOUGH, NUDGES
from micstream.delivery.sending import ARRIVED_S, CLOSE_S, READ_S, STALL_S
from micstream.speech.events import End, EndReason, Onset, Speech
from tests.support.virtual import IDENTITY, Stage, ready
from tests.support.virtual_avatar import Conduct


def at(stage: Stage, kind: type[actions.Action]) -> list[float]:
    """When the actions of this kind came."""
    return [when for when, action in stage.done if isinstance(action, kind)]


def push(stage: Stage, event: Any, captured_at: float = 0.0) -> None:
    stage.delivery.push(event, captured_at, stage.now)
    stage.act()


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

    @pytest.mark.parametrize("loses", [False, True])
    def test_where_packets_are_lost_nudges_follow_each_write_and_the_end(self, loses: bool) -> None:
        stage = ready()
        path = stage.delivery._playback.prebuffer.path
        for _ in range(ENOUGH):
            path.answered(80.0)
        if loses:
            path.lost()
        stage.say(0.5)
        stage.run(2)
        done = [a for _, a in stage.done if isinstance(a, actions.Write | actions.Close)]
        assert len(done) > 3
        assert {action.nudges for action in done} == {NUDGES if loses else 0}

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
