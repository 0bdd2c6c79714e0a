"""A delivery's shell and its avatar in virtual time: seconds pass at once, and nothing is luck.

What a shell may count on is asserted with each action: one stream, one operation at a time.

    stage = Stage()                  # a Delivery, nobody listens
    stage.listen()
    stage.say(2.0)                   # as a microphone would, 20 ms at a time
    stage.run(3.0)                   # three seconds later
    assert stage.named("utterance_ended")[0].duration_s == 2.0
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from micstream.delivery import actions, wire
from micstream.delivery.actions import Action, Answer
from micstream.delivery.delivery import Delivery
from micstream.delivery.options import DeliveryOptions
from micstream.delivery.wire import Finished
from micstream.events import AvatarEvent, Dropped, Event, Warned
from micstream.speech.events import End, EndReason, Onset, Speech
from tests.support.virtual_avatar import Conduct, Player, Stream

RATE = 16_000
BLOCK = 320
IDENTITY = "avatar-virtual"
BUSY_PER_S = 400
"""More timers than this in a second are a busy loop."""
TIMER_SLACK_S = 0.002
"""Reckoned moments are told a little late."""


class Clock:
    """Virtual time: what is to happen, in order."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    @property
    def next_at(self) -> float | None:
        """When the next thing happens."""
        return self._due[0][0] if self._due else None

    def after(self, seconds: float, happens: Callable[[], None]) -> None:
        """Have something happen so much later."""
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), happens))

    def step(self) -> None:
        """Go to what happens next, and have it happen."""
        at, _, happens = heapq.heappop(self._due)
        self.now = max(self.now, at)
        happens()


class Stage:
    """A delivery, the shell around it, and the avatar it speaks through."""

    def __init__(
        self, options: DeliveryOptions | None = None, conduct: Conduct | None = None
    ) -> None:
        self.options = options or DeliveryOptions()
        if self.options.prebuffer_ms == DeliveryOptions().prebuffer_ms:
            # As much as a write: so that the times of all of them are round.
            self.options = replace(self.options, prebuffer_ms=self.options.chunk_ms)
        self.conduct = conduct or Conduct()
        self.clock = Clock()
        self.delivery = Delivery(
            self.options, (f"u{n}" for n in itertools.count(1)), name="avatar-*"
        )
        self.player = Player(self)
        self.streams: list[Stream] = []
        self.events: list[Event] = []
        self.told_at: list[float] = []
        """When each of them was told."""
        self.done: list[tuple[float, Action]] = []
        """All actions but `Tell`, and when."""
        self.calls: list[tuple[float, str, str]] = []
        """When, method, payload."""
        self.source = bytearray()
        """All sound that was pushed."""
        self.said = 0
        """Samples of it."""
        self.speaking = False
        self.probing = False
        """Whether to look, before each step, that time alone changes nothing before its timer."""
        self.timers = 0
        self._under_way: str | None = None
        self._hung: Callable[[], None] | None = None
        self._epoch = 0

    # ---- time ----------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Virtual monotonic seconds."""
        return self.clock.now

    def after(self, seconds: float, happens: Callable[[], None]) -> None:
        """Have something happen so much later."""
        self.clock.after(seconds, happens)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end, timers = self.now + seconds, self.timers
        while True:
            timer, due = self.delivery.next_timer(), self.clock.next_at
            at = min([end, *(moment for moment in (timer, due) if moment is not None)])
            if self.probing:
                self._probe(at, timer)
            if due is not None and due <= at:
                self.clock.step()
            elif timer is not None and timer <= at:
                self.clock.now = max(self.now, timer)
                self.timers += 1
                self.delivery.handle_timer(self.now)
            else:
                break
            self.act()
            assert self.timers - timers <= BUSY_PER_S * (1 + seconds), "a busy loop"
        self.clock.now = end

    def until(self, holds: Callable[[], bool], seconds: float = 120.0) -> None:
        """Let time pass until something holds."""
        end = self.now + seconds
        while not holds():
            timer, due = self.delivery.next_timer(), self.clock.next_at
            moments = [moment for moment in (timer, due) if moment is not None]
            assert moments, "nothing will ever happen"
            assert self.now <= end, "it takes too long"
            self.run(max(0.0, min(moments) - self.now))

    def _probe(self, at: float, timer: float | None) -> None:
        between = (self.now + at) / 2
        if timer is None or between < timer - TIMER_SLACK_S:
            self.delivery.handle_timer(between)
            early = self.delivery.actions()
            assert early == [], f"no timer was set for it: {early}"

    # ---- the world -----------------------------------------------------------------------------

    def listen(self, identity: str = IDENTITY, *, proven: bool = True) -> None:
        """An avatar listens from now on."""
        self.delivery.listening(identity, self.now, proven=proven)
        self.act()

    def lose(self) -> None:
        """The avatar is gone."""
        self.player.forget()
        self.delivery.lost(self.now)
        self.act()

    def thaw(self) -> None:
        """An operation that hangs does so no longer, and succeeds."""
        hung, self._hung = self._hung, None
        if hung is not None:
            hung()
            self.act()

    def started(self) -> None:
        """The avatar reports that it plays."""
        self.delivery.playback_started(self.now)
        self.act()

    def finished(self, position_s: float, *, interrupted: bool = False) -> None:
        """The avatar reports an end."""
        self.delivery.playback_finished(Finished(position_s, interrupted), self.now)
        self.act()

    def interrupt(self) -> None:
        """Somebody interrupts."""
        self.delivery.interrupt(self.now)
        self.act()

    def leave(self, seconds: float | None = None) -> None:
        """We leave, within so many seconds."""
        self.delivery.leave(None if seconds is None else self.now + seconds, self.now)
        self.act()

    # ---- what is said --------------------------------------------------------------------------

    def begin(self, *, ages: bool = True) -> None:
        """An onset."""
        self.speaking = True
        self.delivery.push(Onset(self.said, self.said, self.said), self.now, self.now, ages=ages)
        self.act()

    def speak(self, samples: int, *, ages: bool = True) -> None:
        """So many samples of speech, all at once."""
        pcm = (np.arange(self.said, self.said + samples) % 65_521 + 1).astype("<u2").tobytes()
        self.source += pcm
        self.delivery.push(Speech(self.said, pcm), 0.0, self.now, ages=ages)
        self.said += samples
        self.act()

    def end(self, reason: EndReason = EndReason.SILENCE) -> None:
        """The end of it."""
        self.speaking = False
        at = self.said
        self.delivery.push(End(at, at, at, at, True, reason), 0.0, self.now)
        self.act()

    def say(
        self, seconds: float, *, pace: float = 1.0, ages: bool = True, block: int = BLOCK
    ) -> None:
        """One utterance, 20 ms at a time as it is spoken (`pace` 0: all at once)."""
        self.begin(ages=ages)
        self.go_on(seconds, pace=pace, ages=ages, block=block)
        self.end()

    def go_on(
        self, seconds: float, *, pace: float = 1.0, ages: bool = True, block: int = BLOCK
    ) -> None:
        """More of an utterance."""
        for _ in range(round(seconds * RATE / block)):
            self.run(pace * block / RATE)
            self.speak(block, ages=ages)

    # ---- what came of it -----------------------------------------------------------------------

    def named(self, *names: str) -> list[Any]:
        """The events of these names."""
        return [event for event in self.events if event.EVENT in names]

    def did(self, kind: type[Action]) -> list[Any]:
        """The actions of this kind, in order."""
        return [action for _, action in self.done if isinstance(action, kind)]

    @property
    def dropped(self) -> dict[str, float]:
        """Seconds that were told as dropped, by their code."""
        lost: dict[str, float] = {}
        for event in self.named("dropped"):
            lost[event.code] = lost.get(event.code, 0.0) + event.seconds
        return lost

    @property
    def accounted_s(self) -> float:
        """Seconds that were sent, or dropped and told."""
        sent_s = sum(event.duration_s for event in self.named("utterance_ended"))
        return float(sent_s + sum(self.dropped.values()))

    # ---- the shell -----------------------------------------------------------------------------

    def act(self) -> None:
        """Do what the delivery asks for; look that it asks for nothing that it may not."""
        for action in self.delivery.actions():
            if isinstance(action, actions.Tell):
                event = action.event
                assert not isinstance(event, AvatarEvent | Dropped | Warned) or event.avatar
                self.events.append(event)
                self.told_at.append(self.now)
                continue
            self.done.append((self.now, action))
            match action:
                case actions.Open():
                    self._open(action)
                case actions.Write():
                    self._write(action)
                case actions.Close():
                    self._close(action)
                case actions.Abandon():
                    self._abandon(action)
                case actions.Call():
                    self._call(action)
                case actions.Listen(number):
                    self.after(0.005, lambda number=number: self._listen(number))  # type: ignore[misc]

    def _stream(self, number: int) -> Stream:
        stream = self.streams[-1]
        assert stream.number == number, "another stream than the last one"
        return stream

    def _open(self, action: actions.Open) -> None:
        assert self._under_way is None, "two operations at once"
        assert all(stream.is_over for stream in self.streams), "two streams at once"
        assert action.stream not in [stream.number for stream in self.streams]
        stream = Stream(action.stream, action.rate, self.now)
        self.streams.append(stream)
        conduct = self.conduct

        def opened() -> None:
            stream.state = "open" if conduct.opens else "closed"
            self.delivery.opened(stream.number, conduct.opens, self.now)

        self._operate(stream, "open", conduct.open_s, opened)

    def _write(self, action: actions.Write) -> None:
        assert self._under_way is None, "two operations at once"
        stream = self._stream(action.stream)
        assert stream.state == "open"
        assert action.pcm
        assert len(action.pcm) % 2 == 0
        conduct = self.conduct

        def wrote() -> None:
            if conduct.writes:
                stream.chunks.append(action.pcm)
            self.delivery.wrote(stream.number, conduct.writes, self.now)
            if conduct.writes and conduct.plays:
                self.player.arrived(stream, len(action.pcm) / 2 / stream.rate)

        self._operate(stream, "write", conduct.write_s, wrote)

    def _close(self, action: actions.Close) -> None:
        assert self._under_way is None, "two operations at once"
        stream = self._stream(action.stream)
        assert stream.state == "open"
        stream.state = "closing"
        conduct = self.conduct

        def closed() -> None:
            stream.state, stream.closed_at = "closed", self.now
            self.delivery.closed(stream.number, conduct.closes, self.now)
            self.player.closed(stream)

        self._operate(stream, "close", conduct.close_s, closed)

    def _abandon(self, action: actions.Abandon) -> None:
        stream = self._stream(action.stream)
        assert not stream.is_over
        stream.state, self._under_way = "abandoned", None
        self.player.closed(stream)
        self._epoch += 1

    def _operate(
        self, stream: Stream, name: str, seconds: float | None, ends: Callable[[], None]
    ) -> None:
        self._under_way = name
        epoch = self._epoch

        def over() -> None:
            if epoch == self._epoch:  # nobody waits for it any more
                self._under_way = None
                ends()

        if seconds is None:
            self._hung = over
        else:
            self.clock.after(seconds, over)

    def _listen(self, number: int) -> None:
        self.delivery.heard(number, self.conduct.meter(self.now), self.now)

    def _call(self, action: actions.Call) -> None:
        self.calls.append((self.now, action.method, action.payload))
        conduct = self.conduct
        usual = Answer.UNSUPPORTED if action.method == wire.ARRIVED else Answer.OK
        answer = conduct.answers.get(action.method, usual)
        hangs = conduct.answer_s is None or action.method in conduct.hangs
        if hangs or (conduct.answer_s or 0.0) > action.timeout_s:
            answer, after_s = Answer.NONE, action.timeout_s
        else:
            after_s = conduct.answer_s or 0.0
        if action.method == wire.CLEAR_BUFFER and answer is Answer.OK and conduct.plays:
            self.clock.after(after_s, self.player.clear)
        self.clock.after(after_s, lambda: self.delivery.answered(action.call, answer, self.now))


def ready(conduct: Conduct | None = None, **options: Any) -> Stage:
    """A stage whose avatar listens, and has been told the states; time is probed."""
    stage = Stage(DeliveryOptions(**options), conduct)
    stage.probing = True
    stage.listen()
    stage.run(1)
    return stage
