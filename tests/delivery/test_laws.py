"""Laws of the delivery core, whatever comes in whatever order: speech, reports, losses, interrupts,
leaving, operations that take long, fail or hang, calls that nobody answers, and time.

The stage asserts with each action that no two streams are ever open, that no two operations are
ever under way, and that timers are no busy loop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.delivery import actions, wire
from micstream.delivery.actions import Answer
from micstream.delivery.options import DeliveryOptions
from micstream.speech.events import EndReason
from tests.support.virtual import RATE, Conduct, Stage

Step = tuple[Any, ...]

TIMES = st.one_of(
    st.sampled_from([0.0, 0.001, 0.02, 0.5, 1.0, 1.5, 2.0, 9.0, 10.0]), st.floats(0.0, 12.0)
)
TAKES = st.one_of(*[st.just(0.001)] * 3, st.floats(0.0, 3.0), st.none())
WORKS = st.sampled_from([True] * 5 + [False])
ANSWERS = st.dictionaries(
    st.sampled_from([wire.CLEAR_BUFFER, wire.ARRIVED, wire.USER_STATE, wire.AGENT_STATE]),
    st.sampled_from(Answer),
)
CONDUCTS = st.one_of(
    st.just(Conduct()),
    st.just(Conduct(answer_s=None, plays=False)),
    st.builds(
        Conduct,
        open_s=TAKES,
        write_s=TAKES,
        close_s=TAKES,
        opens=WORKS,
        writes=WORKS,
        closes=WORKS,
        answer_s=TAKES,
        answers=ANSWERS,
        plays=st.booleans(),
        latency_s=st.floats(0.0, 2.0),
    ),
)
LISTENS = st.tuples(
    st.just("listen"),
    st.sampled_from(["avatar-a", "avatar-b"]),
    st.sampled_from([True] * 3 + [False]),
)
SAYS = st.tuples(st.just("say"), st.floats(0.02, 3.0), st.sampled_from([0.0, 0.2, 1.0]))
WAITS = st.tuples(st.just("wait"), TIMES)
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        SAYS,
        SAYS,
        SAYS,
        st.just(("begin",)),
        st.tuples(st.just("speak"), st.integers(1, 3 * RATE)),
        st.tuples(st.just("end"), st.sampled_from(EndReason)),
        WAITS,
        WAITS,
        WAITS,
        LISTENS,
        LISTENS,
        st.just(("lose",)),
        st.just(("interrupt",)),
        st.just(("started",)),
        st.tuples(st.just("finished"), st.floats(0.0, 5.0), st.booleans()),
        st.tuples(st.just("claim"), st.sampled_from([8_000, 16_000, 48_000])),
        st.tuples(st.just("offer"), st.integers(1, RATE)),
        st.tuples(st.just("offer"), st.integers(1, RATE)),
        st.just(("capacity",)),
        st.tuples(st.just("end claim"), st.sampled_from(EndReason)),
        st.tuples(st.just("conduct"), CONDUCTS),
        st.tuples(st.just("network"), st.booleans()),
        st.tuples(st.just("mute"), st.booleans()),
    ),
    min_size=5,
    max_size=40,
)
STARTS = st.one_of(*[LISTENS] * 4, st.just(("wait", 0.0)))
"""Where an avatar listens from the start, as a rule."""
OPTIONS = st.builds(
    DeliveryOptions,
    prebuffer_ms=st.sampled_from([0, 100, 500]),
    chunk_ms=st.sampled_from([20, 100]),
    capacity_s=st.sampled_from([1.0, 3.0, 10.0]),
    late=st.sampled_from(["drop", "queue", "latest"]),
    late_after_s=st.sampled_from([0.1, 2.0]),
    late_bound_s=st.sampled_from([1.0, 5.0]),
    whole=st.sampled_from([False, False, True]),
    max_utterance_s=st.just(5.0),
    states=st.sampled_from(["on", "user", "agent", "off"]),
)
ENDS = st.one_of(st.none(), st.just(0.0), st.floats(0.0, 3.0))


@dataclass
class Direct:
    """The owner of direct utterances, and what it offered."""

    claim: int | None = None
    rate: int = RATE
    offered_s: float = 0.0

    def do(self, stage: Stage, step: Step) -> None:
        match step:
            case ("claim", rate) if self.claim is None:
                self.rate = rate
                self.claim = stage.delivery.claim(rate, stage.now)
            case ("offer", samples) if self.claim is not None:
                samples = min(samples, self.rate)
                if stage.delivery.offer(self.claim, bytes(2 * samples), stage.now):
                    self.offered_s += samples / self.rate
            case ("capacity",) if self.claim is not None:
                stage.delivery.want_capacity(self.claim, stage.now)
            case ("end claim", reason) if self.claim is not None:
                stage.delivery.end(self.claim, reason, stage.now)
                self.claim = None
        stage.act()


def do(stage: Stage, direct: Direct, step: Step, *, ages: bool) -> None:
    match step:
        case ("begin",) if not stage.speaking:
            stage.begin(ages=ages)
        case ("speak" | "say", *_) if not ages and not stage.delivery.accepts(True, stage.now):
            pass  # a source that can wait does
        case ("speak", samples) if stage.speaking:
            stage.speak(samples, ages=ages)
        case ("say", duration, pace) if not stage.speaking:
            stage.say(duration, pace=pace, ages=ages)
        case ("end", reason) if stage.speaking:
            # The segmenter's own interrupts are never handed on.
            stage.end(EndReason.MUTE if reason is EndReason.INTERRUPT else reason)
        case ("wait", duration):
            stage.run(duration)
        case ("listen", identity, proven):
            if stage.delivery.listening_to not in (None, identity):
                stage.lose()
            stage.listen(identity, proven=proven)
        case ("lose",):
            stage.lose()
        case ("interrupt",):
            stage.interrupt()
            stage.speaking = False
        case ("started",):
            stage.started()
        case ("finished", position_s, interrupted):
            stage.finished(position_s, interrupted=interrupted)
        case ("conduct", conduct):
            stage.conduct = replace(conduct, answers=dict(conduct.answers))
        case ("network", gone):
            stage.delivery.network(gone, stage.now)
        case ("mute", on):
            stage.delivery.muted(on, stage.now)
        case _:
            direct.do(stage, step)
    stage.act()


def check(stage: Stage) -> None:
    """What holds at every moment."""
    delivery, options = stage.delivery, stage.options
    assert delivery.backlog_s(stage.now) >= 0
    assert delivery.held_s <= options.bound_s + 3.1, "bounded memory"
    assert delivery.capacity_s(stage.now) <= options.capacity_s


@settings(max_examples=600)
@given(OPTIONS, st.booleans(), CONDUCTS, STARTS, STEPS, ENDS)
def test_whatever_comes(
    options: DeliveryOptions,
    ages: bool,
    conduct: Conduct,
    start: Step,
    steps: list[Step],
    leaves_in_s: float | None,
) -> None:
    stage, direct = Stage(options, conduct), Direct()
    stage.probing = True
    for step in (start, *steps):
        do(stage, direct, step, ages=ages)
        check(stage)
    if stage.speaking:
        stage.end(EndReason.SHUTDOWN)
    if direct.claim is not None:
        stage.delivery.end(direct.claim, EndReason.SOURCE_ENDED, stage.now)
        stage.act()
    stage.leave(leaves_in_s)
    began = stage.now
    stage.until(lambda: stage.delivery.has_left, 120)
    if leaves_in_s is not None:
        # Only an avatar that answered our clearing is waited for any longer.
        assert stage.now - began <= leaves_in_s + 4.1
    assert len(stage.did(actions.Left)) == 1
    assert stage.delivery.next_timer() is None
    assert all(stream.is_over for stream in stage.streams)
    assert_all_is_counted(stage, direct)
    assert_events_are_in_order(stage)
    assert_owners_were_answered(stage)


def assert_all_is_counted(stage: Stage, direct: Direct) -> None:
    said_s = stage.said / RATE + direct.offered_s
    # What is resampled is as long as that but for a sample or two an utterance.
    slack_s = 0.001 * (1 + len(stage.named("utterance_ended", "dropped")))
    assert stage.accounted_s == pytest.approx(said_s, abs=slack_s if direct.offered_s else 1e-6)


def assert_events_are_in_order(stage: Stage) -> None:
    started: list[str] = []
    ended: list[str] = []
    for event in stage.named("utterance_started", "utterance_ended", "playback_started"):
        match event.EVENT:
            case "utterance_started":
                assert event.id not in started
                assert len(started) == len(ended), "the one before has ended"
                started.append(event.id)
            case "utterance_ended":
                assert started[-1] == event.id
                assert event.duration_s > 0
                ended.append(event.id)
    assert started == ended


def assert_owners_were_answered(stage: Stage) -> None:
    granted = [action.claim for action in stage.did(actions.Granted)]
    refused = [action.claim for action in stage.did(actions.Refused)]
    ended = [action.claim for action in stage.did(actions.Ended)]
    assert len(set(ended)) == len(ended)
    assert set(granted) <= set(ended)
    assert not set(refused) & set(ended)
