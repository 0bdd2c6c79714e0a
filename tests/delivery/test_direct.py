"""Direct utterances: turns, how much may be offered, and their end."""

from __future__ import annotations

from typing import Any

import pytest

from micstream.delivery import actions
from micstream.speech.events import EndReason
from tests.support.virtual import IDENTITY, RATE, Stage, ready
from tests.support.virtual_avatar import Conduct

SECOND = bytes(2 * RATE)


class Owner:
    """Of one utterance, as the shell has it."""

    def __init__(self, stage: Stage, rate: int = RATE) -> None:
        self.stage = stage
        self.claim = stage.delivery.claim(rate, stage.now)
        stage.act()

    def offer(self, pcm: bytes = SECOND) -> bool:
        offered = self.stage.delivery.offer(self.claim, pcm, self.stage.now)
        self.stage.act()
        return offered

    def want_capacity(self) -> None:
        self.stage.delivery.want_capacity(self.claim, self.stage.now)
        self.stage.act()

    def end(self, reason: EndReason = EndReason.SOURCE_ENDED) -> None:
        self.stage.delivery.end(self.claim, reason, self.stage.now)
        self.stage.act()

    def got(self, kind: type[Any]) -> list[Any]:
        return [action for action in self.stage.did(kind) if action.claim == self.claim]


def test_one_from_its_turn_to_its_end() -> None:
    stage = ready()
    owner = Owner(stage)
    assert owner.got(actions.Granted) == [actions.Granted(owner.claim, "u1")]
    assert owner.offer()
    assert owner.got(actions.Sent) == []
    stage.run(0.01)
    assert owner.got(actions.Sent) == [actions.Sent(owner.claim, 1.0)]
    owner.end()
    stage.run(3)
    assert owner.got(actions.Ended) == [actions.Ended(owner.claim, EndReason.SOURCE_ENDED, 1.0)]
    (started,) = stage.named("utterance_started")
    assert (started.onset_s, started.decided_s, started.lead_ms) == (0.0, 0.0, 1_000)
    (ended,) = stage.named("utterance_ended")
    assert (ended.duration_s, ended.reason, ended.avatar) == (1.0, "source_ended", IDENTITY)
    assert stage.named("playback_started")[0].delay_ms == pytest.approx(103)


def test_what_is_not_due_yet_is_taken_at_once() -> None:
    stage = ready()
    owner = Owner(stage)
    assert owner.offer(bytes(640))
    assert len(owner.got(actions.Sent)) == 1
    assert stage.streams == []


def test_a_rate_that_is_none_is_refused_and_holds_up_nothing() -> None:
    stage = ready()
    with pytest.raises(ValueError, match="rate"):
        stage.delivery.claim(0, stage.now)
    assert Owner(stage).got(actions.Granted)


def test_other_rates_are_resampled() -> None:
    stage = ready()
    owner = Owner(stage, rate=48_000)
    owner.offer(bytes(2 * 48_000))
    owner.end()
    stage.run(3)
    assert stage.streams[0].seconds == pytest.approx(1.0, abs=0.001)


def test_where_nobody_listens_it_is_refused() -> None:
    stage = Stage()
    owner = Owner(stage)
    assert owner.got(actions.Refused) == [actions.Refused(owner.claim)]
    assert not owner.offer()


def test_turns_come_in_order_the_microphones_too() -> None:
    stage = ready()
    first = Owner(stage)
    stage.say(0.5, pace=0)
    second = Owner(stage)
    assert not second.got(actions.Granted)
    first.offer()
    first.end()
    stage.run(5)
    second.offer()
    second.end()
    stage.run(5)
    assert [stream.seconds for stream in stage.streams] == [1.0, 0.5, 1.0]
    assert [event.id for event in stage.named("utterance_ended")] == ["u1", "u2", "u3"]


def test_a_turn_that_is_not_wanted_any_more_is_passed_over() -> None:
    stage = ready()
    first, second, third = Owner(stage), Owner(stage), Owner(stage)
    second.end()
    assert second.got(actions.Ended)
    first.end()
    stage.run(1)
    assert third.got(actions.Granted) == [actions.Granted(third.claim, "u2")]
    assert second.got(actions.Granted) == []


def test_capacity_is_told_once_there_is_some() -> None:
    stage = ready(Conduct(plays=False), capacity_s=1.0)
    owner = Owner(stage)
    owner.want_capacity()
    assert len(owner.got(actions.Capacity)) == 1
    for _ in range(2):
        assert owner.offer()
        stage.run(0.01)
    owner.want_capacity()
    assert len(owner.got(actions.Capacity)) == 1
    stage.until(lambda: len(owner.got(actions.Capacity)) == 2)
    assert stage.delivery.backlog_s(stage.now) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("how", ["interrupt", "lose", "leave"])
def test_whoever_waits_for_capacity_hears_of_its_end(how: str) -> None:
    stage = ready(Conduct(plays=False), capacity_s=1.0)
    owner = Owner(stage)
    for _ in range(2):
        owner.offer()
        stage.run(0.01)
    owner.want_capacity()
    match how:
        case "interrupt":
            stage.interrupt()
        case "lose":
            stage.lose()
        case "leave":
            stage.leave(1.6)
    stage.run(1.6)
    reasons = {"interrupt": "interrupt", "lose": "avatar", "leave": "shutdown"}
    assert [action.reason for action in owner.got(actions.Ended)] == [reasons[how]]
    assert owner.got(actions.Capacity)
    assert not owner.offer()


def test_nor_does_one_wait_for_it_that_was_ended_by_its_owner() -> None:
    stage = ready(Conduct(plays=False), capacity_s=1.0)
    owner = Owner(stage)
    for _ in range(3):
        owner.offer()
        stage.run(0.01)
    owner.want_capacity()
    assert owner.got(actions.Capacity) == []
    owner.end()
    assert len(owner.got(actions.Capacity)) == 1


def test_an_interrupt_closes_it_and_the_next_has_its_turn() -> None:
    stage = ready()
    owner, other = Owner(stage), Owner(stage)
    owner.offer(bytes(24_000 + 640))
    stage.run(0.01)
    owner.offer(bytes(640))
    stage.interrupt()
    stage.run(1)
    assert owner.got(actions.Ended) == [actions.Ended(owner.claim, EndReason.INTERRUPT, 0.77)]
    assert stage.dropped == {"interrupted": pytest.approx(0.02)}
    other.offer()
    other.end()
    stage.run(3)
    assert [event.reason for event in stage.named("utterance_ended")] == [
        "interrupt",
        "source_ended",
    ]


def test_an_avatar_that_is_lost_ends_it() -> None:
    stage = ready()
    owner = Owner(stage)
    owner.offer()
    stage.run(0.01)
    stage.lose()
    stage.run(1)
    assert owner.got(actions.Ended) == [actions.Ended(owner.claim, EndReason.AVATAR, 1.0)]
    owner.end()
    assert len(owner.got(actions.Ended)) == 1


def test_after_leaving_none_has_a_turn() -> None:
    stage = ready()
    stage.leave()
    stage.run(5)
    assert stage.delivery.has_left
    owner = Owner(stage)
    assert owner.got(actions.Refused)
