"""Laws of the delivery core, whatever comes in whatever order: speech, reports, losses, interrupts,
leaving, operations that take long, fail or hang, calls that nobody answers, and time.

The stage asserts with each action that no two streams are ever open, that no two operations are
ever under way, and that timers are no busy loop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.delivery import actions, wire
from micstream.delivery.actions import Answer
from micstream.delivery.options import DeliveryOptions
from micstream.speech.events import EndReason
from tests.support.virtual import RATE, Stage
from tests.support.virtual_avatar import Conduct

Step = tuple[Any, ...]


class Plan:
    """A run of steps, drawn so that most of them find an avatar that listens, and somebody speaks.

    By a seed: hypothesis by itself draws few and alike steps, of which one run in eight sends
    anything at all. `steps` is what it may make smaller.
    """

    def __init__(self, seed: int, steps: int) -> None:
        self._chance = Random(seed)
        pick = self._chance.choice
        self.options = DeliveryOptions(
            avatar_rate=pick([16_000, 16_000, 24_000]),
            prebuffer_ms=pick([0, 100, 500]),
            chunk_ms=pick([20, 100]),
            capacity_s=pick([1.0, 3.0, 10.0]),
            late=pick(["drop", "queue", "latest"]),
            late_after_s=pick([0.1, 0.5, 2.0]),
            late_bound_s=pick([1.0, 5.0]),
            whole=pick([False, False, True]),
            max_utterance_s=5.0,
            states=pick(["on", "user", "agent", "off"]),
        )
        self.ages = pick([True, True, False])
        self.conduct = self._conduct() if pick([True, False]) else Conduct()
        self.steps = [self._step() for _ in range(steps)]
        if pick([True] * 4 + [False]):
            self.steps.insert(0, ("listen", "avatar-a", pick([True, False])))
        self.goes_well_at_last = pick([True, False])
        self.leaves_in_s = pick([None, None, 0.0, 1.6, self._chance.uniform(0, 5)])

    def __repr__(self) -> str:
        """For whoever looks for the fault."""
        return "\n".join(map(str, [self.options, self.ages, self.conduct, *self.steps]))

    def _step(self) -> Step:
        chance, pick = self._chance, self._chance.choice
        wait = ("wait", pick([0.001, 0.02, 0.5, 1.5, 2.0, 9.0, 10.0, chance.uniform(0, 13)]))
        say = ("say", chance.uniform(0.05, 3.0), pick([0.0, 0.2, 1.0, 1.0]))
        steps: list[tuple[Step, int]] = [
            (say, 12),
            (("begin",), 6),
            (("speak", chance.randint(1, 2 * RATE)), 8),
            (("end", pick(list(EndReason))), 4),
            (wait, 14),
            (("listen", pick(["avatar-a", "avatar-b"]), pick([True, True, False])), 7),
            (("lose",), 2),
            (("interrupt",), 3),
            (("started",), 2),
            (("finished", chance.uniform(0, 5), pick([True, False])), 2),
            (("claim", pick([8_000, 16_000, 48_000])), 4),
            (("offer", chance.randint(1, RATE)), 8),
            (("capacity",), 3),
            (("end claim", pick(list(EndReason))), 3),
            (("conduct", self._conduct()), 4),
            (("conduct", Conduct()), 4),
            (("conduct", Conduct(answer_s=None, plays=False)), 1),
            (("network", pick([True, False])), 1),
            (("mute", pick([True, False])), 1),
        ]
        (step,) = chance.choices([s for s, _ in steps], [weight for _, weight in steps])
        return step

    def _conduct(self) -> Conduct:
        chance, pick = self._chance, self._chance.choice

        def takes() -> float | None:
            return pick([0.0, 0.001, 0.001, 0.001, chance.uniform(0, 3), None])

        methods = [wire.CLEAR_BUFFER, wire.ARRIVED, wire.USER_STATE, wire.AGENT_STATE]
        return Conduct(
            open_s=takes(),
            write_s=takes(),
            close_s=takes(),
            opens=pick([True] * 6 + [False]),
            writes=pick([True] * 6 + [False]),
            closes=pick([True, True, False]),
            answer_s=takes(),
            answers={pick(methods): pick(list(Answer)) for _ in range(2)},
            plays=pick([True, True, False]),
            latency_s=chance.uniform(0, 1),
        )


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
            stage.say(duration, pace=pace, ages=ages, block=1_600)
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


@settings(max_examples=1_500)
@given(st.builds(Plan, st.integers(0, 2**32), st.integers(0, 40)))
def test_whatever_comes(plan: Plan) -> None:
    stage, direct = Stage(plan.options, plan.conduct), Direct()
    stage.probing = True
    for step in plan.steps:
        do(stage, direct, step, ages=plan.ages)
        check(stage)
    if stage.speaking:
        stage.end(EndReason.SHUTDOWN)
    if direct.claim is not None:
        stage.delivery.end(direct.claim, EndReason.SOURCE_ENDED, stage.now)
        stage.act()
    if plan.goes_well_at_last:
        assert_all_is_sent_or_dropped(stage)
    stage.leave(plan.leaves_in_s)
    began = stage.now
    stage.until(lambda: stage.delivery.has_left, 120)
    if plan.leaves_in_s is not None:
        # Only an avatar that answered our clearing is waited for any longer.
        assert stage.now - began <= plan.leaves_in_s + 4.1
    assert len(stage.did(actions.Left)) == 1
    assert stage.delivery.next_timer() is None
    assert all(stream.is_over for stream in stage.streams)
    assert_all_is_counted(stage, direct)
    assert_events_are_in_order(stage)
    assert_owners_were_answered(stage)


def assert_all_is_sent_or_dropped(stage: Stage) -> None:
    """Once an avatar listens and is well, nothing waits for ever."""
    stage.conduct = Conduct()
    stage.thaw()
    stage.listen(stage.delivery.listening_to or "avatar-a")
    stage.run(90)
    stage.listen(stage.delivery.listening_to or "avatar-a")  # it may have been proved silent
    stage.run(30)
    assert stage.delivery.is_idle
    assert stage.delivery.backlog_s(stage.now) == 0
    assert not stage.delivery.is_stalled(stage.now)


def assert_all_is_counted(stage: Stage, direct: Direct) -> None:
    said_s = stage.said / RATE + direct.offered_s
    # What is resampled is as long as that but for a sample or two an utterance.
    slack_s = (
        1e-6
        if not (direct.offered_s or stage.options.avatar_rate != RATE)
        else 0.001 * (1 + len(stage.named("utterance_ended", "dropped")))
    )
    assert stage.accounted_s == pytest.approx(said_s, abs=slack_s)


def assert_events_are_in_order(stage: Stage) -> None:
    started: list[str] = []
    ended: list[str] = []
    played: set[str] = set()
    for event in stage.named(
        "utterance_started", "utterance_ended", "playback_started", "playback_finished"
    ):
        match event.EVENT:
            case "utterance_started":
                assert event.id not in started
                assert event.id not in played, "it is played once it is known"
                assert len(started) == len(ended), "the one before has ended"
                started.append(event.id)
            case "utterance_ended":
                assert started[-1] == event.id
                assert event.duration_s > 0
                ended.append(event.id)
            case _:
                played.add(event.id)
    assert started == ended


def assert_owners_were_answered(stage: Stage) -> None:
    granted = [action.claim for action in stage.did(actions.Granted)]
    refused = [action.claim for action in stage.did(actions.Refused)]
    ended = [action.claim for action in stage.did(actions.Ended)]
    assert len(set(ended)) == len(ended)
    assert set(granted) <= set(ended)
    assert not set(refused) & set(ended)


class Eager(Stage):
    """Looks after each piece of speech whether anything can be done, also where nothing can."""

    def speak(self, samples: int, *, ages: bool = True) -> None:
        super().speak(samples, ages=ages)
        self.delivery.handle_timer(self.now)
        self.act()


@settings(max_examples=300)
@given(st.builds(Plan, st.integers(0, 2**32), st.integers(0, 40)))
def test_to_look_only_where_something_can_be_done_changes_nothing(plan: Plan) -> None:
    done = []
    for stage in (Stage(plan.options, plan.conduct), Eager(plan.options, plan.conduct)):
        direct = Direct()
        for step in plan.steps:
            do(stage, direct, step, ages=True)
        stage.leave(1.0)
        stage.until(lambda at=stage: at.delivery.has_left, 120)  # type: ignore[misc]
        # That it may push is news for a source that waits alone, and none of these does.
        acted = [(at, each) for at, each in stage.done if not isinstance(each, actions.Taken)]
        done.append((acted, stage.told_at, [replace(each, t=0.0) for each in stage.events]))
    assert done[0] == done[1]
