"""The clear is sent again as long as something of before it starts; the next word is heard.

The avatar here does what a stock one does with segments that it has not begun to read: a clear
finds the one that plays, and no other.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.delivery import actions, wire
from micstream.delivery.actions import Answer
from micstream.delivery.clearing import HOLD_S
from tests.support.virtual import BLOCK, Stage, ready
from tests.support.virtual_avatar import Conduct, Stream


def queued(segments: int, **conduct: Any) -> Stage:
    """So many closed segments taken in by an avatar that plays the first one."""
    stage = ready(Conduct(reads_ahead=False, **conduct), capacity_s=60, late="queue")
    for _ in range(segments):
        stage.say(2.0, pace=0)
        stage.run(0.15)
    assert len(stage.player.holds) == segments
    return stage


def clears(stage: Stage) -> list[float]:
    """When it was told to drop all it has."""
    return [at for at, method, _ in stage.calls if method == wire.CLEAR_BUFFER]


@pytest.mark.parametrize("segments", [2, 3, 12])
def test_what_is_queued_behind_the_one_that_plays_is_dropped_too(segments: int) -> None:
    stage = queued(segments)
    stage.interrupt()
    stage.run(0.2)
    assert stage.player.holds == []
    stage.run(10)
    assert len(clears(stage)) <= segments + 2
    assert len(stage.did(actions.Cleared)) == 1


def test_one_segment_that_plays_takes_one_clear() -> None:
    stage = queued(1)
    stage.interrupt()
    stage.run(10)
    assert len(clears(stage)) == 1


def test_one_that_starts_much_later_is_cleared_as_well() -> None:
    stage = queued(1)
    stage.interrupt()
    stage.run(3)
    before = len(clears(stage))
    stage.started()
    assert len(clears(stage)) == before + 1
    stage.run(3)
    assert stage.delivery.is_idle


def test_one_that_reports_no_start_but_an_end_goes_on_no_further() -> None:
    stage = queued(1)
    stage.interrupt()
    stage.run(3)
    stage.finished(1.0)
    assert len(clears(stage)) == 2


def test_an_avatar_that_starts_again_and_again_is_not_told_for_ever() -> None:
    stage = queued(3)
    stage.interrupt()
    for _ in range(100):
        stage.run(0.1)
        stage.started()
    assert len(clears(stage)) <= 5


def test_nothing_new_is_cleared() -> None:
    stage = queued(2)
    stage.interrupt()
    stage.run(1)
    stage.begin()
    stage.go_on(0.5)
    before = len(clears(stage))
    stage.started()
    stage.finished(0.5)
    stage.go_on(0.5)
    stage.end()
    stage.run(1)
    stage.started()
    stage.run(3)
    assert len(clears(stage)) == before
    assert stage.player.holds == []


def test_the_next_word_waits_for_the_answer() -> None:
    stage = ready(Conduct(answer_s=0.2, hangs=frozenset({wire.ARRIVED})), capacity_s=60)
    stage.say(2.0, pace=0)
    stage.run(1)
    stage.interrupt()
    asked_at = stage.now
    stage.say(1.0, pace=0)
    stage.run(1)
    assert stage.streams[-1].opened_at == pytest.approx(asked_at + 0.2, abs=0.01)
    stage.run(3)
    assert stage.named("playback_finished")[-1].position_s == pytest.approx(1.0)


def test_but_not_for_ever() -> None:
    stage = ready(capacity_s=60)
    stage.say(2.0, pace=0)
    stage.run(0.5)
    stage.conduct = Conduct(answer_s=None)
    stage.interrupt()
    asked_at = stage.now
    stage.begin()
    stage.go_on(2.0)
    assert stage.streams[-1].opened_at == pytest.approx(asked_at + HOLD_S, abs=0.01)


@pytest.mark.parametrize("answer", [Answer.UNSUPPORTED, Answer.NONE])
def test_whoever_does_not_clear_is_not_asked_again(answer: Answer) -> None:
    stage = queued(3, answers={wire.CLEAR_BUFFER: answer})
    stage.interrupt()
    stage.run(0.3)
    assert len(clears(stage)) == 1


def test_a_second_report_of_an_interruption_does_not_end_the_next_one() -> None:
    stage = queued(1)
    stage.interrupt()
    stage.run(0.05)
    stage.begin()
    stage.go_on(0.06)
    stage.finished(0.0, interrupted=True)
    stage.go_on(0.94)
    stage.end()
    stage.run(3)
    assert [(event.id, event.interrupted) for event in stage.named("playback_finished")] == [
        ("u1", True),
        ("u2", False),
    ]


def test_an_interrupt_while_one_is_under_way_returns_with_its_own_end() -> None:
    stage = queued(1)
    stage.interrupt()
    stage.run(0.03)
    stage.conduct.write_s = 0.4
    stage.begin()
    stage.go_on(0.2)
    stage.run(0.01)
    stage.interrupt()
    stage.run(0.25)
    assert len(clears(stage)) == 1, "the write is not over"
    assert stage.did(actions.Cleared) == [], "nor is this interrupt"
    stage.run(3)
    assert len(stage.did(actions.Cleared)) == 1


def test_fifty_interrupts_in_a_row_leave_nothing_behind() -> None:
    stage = queued(4)
    for _ in range(50):
        stage.interrupt()
        stage.say(0.2, pace=0)
        stage.run(0.013)
    stage.interrupt()
    stage.run(3)
    assert stage.player.holds == []
    assert stage.delivery.is_idle
    stage.say(1.0)
    stage.run(3)
    assert stage.named("playback_finished")[-1].position_s == pytest.approx(1.0)


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, Conduct, list[float]]:
    """Segments queued, the avatar's conduct, and the pauses between interrupts.

    A report that takes as long as the next utterance is held (`HOLD_S`) comes too late for it.
    """
    conduct = Conduct(
        reads_ahead=draw(st.booleans()),
        answer_s=draw(st.floats(0.001, 0.1)),
        latency_s=draw(st.floats(0.02, 0.35)),
        write_s=draw(st.floats(0.0, 0.05)),
        close_s=draw(st.floats(0.0, 0.05)),
    )
    pauses = draw(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4))
    return draw(st.integers(0, 6)), conduct, pauses


@settings(max_examples=60)
@given(cases(), st.floats(0.0, 0.7), st.booleans())
def test_whatever_is_queued_the_avatar_falls_silent_and_the_next_word_is_heard(
    case: tuple[int, Conduct, list[float]], pause_s: float, speaking: bool
) -> None:
    segments, conduct, pauses = case
    stage = ready(conduct, capacity_s=60, late="queue")
    for _ in range(segments):
        stage.say(2.0, pace=0, block=10 * BLOCK)
        stage.run(0.3)
    if speaking:
        stage.begin()
        stage.go_on(0.3)
    old: list[Stream] = []
    for wait_s in pauses:
        stage.interrupt()
        stage.run(wait_s)
    old = list(stage.streams)
    stage.run(pause_s)
    stage.say(1.0, pace=0, block=10 * BLOCK)
    stage.run(2.0 + conduct.latency_s)
    assert not [stream for stream in stage.player.holds if stream in old], "nothing of before plays"
    stage.run(10)
    assert stage.player.holds == []
    last = stage.streams[-1]
    assert last not in old, "it was sent"
    assert last.seconds == pytest.approx(1.0), "all of it"
    finished = stage.named("playback_finished")[-1]
    assert (finished.interrupted, finished.position_s) == (False, pytest.approx(1.0))
    assert all(at < last.opened_at for at in clears(stage)), "nothing new is cleared"
    assert len(clears(stage)) <= len(pauses) * (segments + 3)


def test_leaving_drops_what_is_queued_behind_before_it_goes() -> None:
    stage = queued(4)
    stage.leave(1.6)
    stage.until(lambda: stage.delivery.has_left)
    assert stage.player.holds == [], "else its report would find nobody"
