"""Shell of one avatar: its link and its delivery, the SDK's calls, and one timer.

Everything that happens is handed in, what is to be done is drained, and done. Nothing is decided
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from livekit import rtc

from micstream import notices
from micstream.audio.format import SPEECH
from micstream.delivery import actions as delivering
from micstream.delivery import wire
from micstream.delivery.actions import Answer
from micstream.delivery.delivery import Delivery
from micstream.delivery.options import DeliveryOptions
from micstream.errors import AvatarUnavailable
from micstream.events import Event
from micstream.link import actions as linking
from micstream.link.avatar import PROBE_TIMEOUT_S, Link
from micstream.link.avatar import Action as LinkAction
from micstream.link.people import Person
from micstream.room import subscription
from micstream.room.calls import call
from micstream.room.claims import Claims
from micstream.room.streams import Streams
from micstream.room.tasks import Tasks
from micstream.room.utterance import Utterance
from micstream.speech.events import SegmentEvent
from micstream.taps import Taps


class Owner(Protocol):
    """Room, as far as one avatar in it needs it."""

    @property
    def adopted(self) -> rtc.Room | None:
        """Room of the SDK that is ours, where it can be reached."""
        ...

    @property
    def taps(self) -> Taps:
        """Where sent sound can be tapped."""
        ...

    def emit(self, event: Event) -> None:
        """Tell everyone."""

    def link_changed(self) -> None:
        """Take note that somebody else stands for the avatar, or listens, or does not."""

    def became_ready(self) -> None:
        """Take note that an avatar listens."""

    def left(self) -> None:
        """Take note that nothing more is owed to the avatar."""

    def playing(self, identity: str) -> None:
        """Take note that it plays: it needs our subscription no more."""


class Avatar:
    """One avatar that we speak through, whoever stands for it."""

    def __init__(
        self,
        owner: Owner,
        tasks: Tasks,
        link: Link,
        options: DeliveryOptions,
        ids: Iterator[str],
    ) -> None:
        self.pattern = link.pattern
        """As `--avatar` names it."""
        self._owner = owner
        self._tasks = tasks
        self._link = link
        self._delivery = Delivery(options, ids, link.pattern)
        self._streams = Streams(tasks)
        self._operation: tuple[int, asyncio.Task[None] | None] = (0, None)
        self._timer: asyncio.TimerHandle | None = None
        self._rate = options.avatar_rate
        self._clear_method = options.dialect.clear_method
        self._turning = self._closed = False
        self._stood: tuple[str | None, bool] = (None, False)
        """Who stood for it after the last turn, and whether it listened."""
        self._claims = Claims(self._delivery, self)
        self._taken = asyncio.Event()
        self._idle = asyncio.Event()
        self._cleared = asyncio.Event()

    # ---- facts ---------------------------------------------------------------------------------

    @property
    def identity(self) -> str | None:
        """Identity of whoever stands for it now: listens, or is being asked."""
        return self._link.identity

    @property
    def is_listening(self) -> bool:
        """Whether the next word is heard."""
        identity = self._link.identity
        return self._link.is_listening and not (identity and self._link.is_silent(identity))

    @property
    def backlog_s(self) -> float:
        """Estimated seconds of sound sent and not yet played."""
        return self._delivery.backlog_s(_now())

    @property
    def held_s(self) -> float:
        """Seconds of sound that wait to be sent."""
        return self._delivery.held_s

    def is_silent(self, identity: str) -> bool:
        """Whether this participant was proved silent, and has not listened since."""
        return self._link.is_silent(identity)

    def absence(self, waited_s: float | None = None) -> AvatarUnavailable:
        """Error that says why nobody listens, after so many seconds, and what to do."""
        return self._link.absence(waited_s)

    # ---- what is said --------------------------------------------------------------------------

    def put(self, event: SegmentEvent, captured_at: float, *, ages: bool = True) -> None:
        """Take an event; an onset's first sample was captured at this monotonic second.

        `ages`, at an onset: what waits becomes late.
        """
        self._delivery.push(event, captured_at, _now(), ages=ages)
        self.turn()

    async def put_in_turn(
        self, event: SegmentEvent, captured_at: float, *, wait_avatar: float, alone: bool = True
    ) -> None:
        """Take an event once there is room: for sources that can wait, and lose nothing.

        But where no avatar listens for `wait_avatar` seconds the utterance is dropped; and while
        nothing reaches this one, a source that is not for it `alone` does not wait.
        """
        self._delivery.set_wait_for_avatar(wait_avatar)
        while not self._delivery.accepts(alone, _now()):
            self._taken.clear()
            await self._taken.wait()
        self.put(event, captured_at, ages=False)

    async def join(self) -> None:
        """Wait until everything taken is sent or dropped."""
        while not self._delivery.is_idle:
            self._idle.clear()
            await self._idle.wait()

    async def interrupt(self) -> None:
        """Drop what waits here, close the segment, and have the avatar drop the rest."""
        self._cleared.clear()
        self._delivery.interrupt(_now())
        self.turn()
        await self._cleared.wait()

    def mute(self, on: bool) -> None:
        """Take note that the performer is muted, or is no more."""
        self._delivery.muted(on, _now())
        self.turn()

    def utterance(self, *, rate: int = SPEECH.rate) -> AbstractAsyncContextManager[Utterance]:
        """Open a segment for mono 16-bit PCM at `rate` Hz: see `Claims.utterance`."""
        return self._claims.utterance(rate)

    # ---- leaving -------------------------------------------------------------------------------

    @property
    def has_left(self) -> bool:
        """Whether nothing is left for the avatar to report to us."""
        return self._delivery.has_left

    def leave(self, deadline: float | None) -> None:
        """Leave nothing for the avatar to report: a report to nobody would end it.

        `deadline`: monotonic seconds; None: as long as what was sent plays. A nearer one may be
        given later. `has_left` says when it is done.
        """
        self._delivery.leave(deadline, _now())
        self.turn()

    def close(self) -> None:
        """Stop the timer, for good: the room is left."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- from the room -------------------------------------------------------------------------

    def connection(self, up: bool) -> None:
        """Take note whether anybody can be reached."""
        self._link.connection(up)
        self._delivery.connected(up, _now())
        self.turn()

    def seen(self, people: Sequence[Person]) -> None:
        """Take note of who is there, and may stand for it."""
        self._link.seen(people, _now())
        self.turn()

    def network(self, gone: bool) -> None:
        """Take note whether nothing comes from the server."""
        self._delivery.network(gone, _now())
        self.turn()

    def playback_started(self) -> None:
        """Take its report that a segment is heard."""
        self._delivery.playback_started(_now())
        self._report()

    def playback_finished(self, report: wire.Finished) -> None:
        """Take its report that a segment has ended."""
        self._delivery.playback_finished(report, _now())
        self._report()

    def _report(self) -> None:
        if self.identity is not None:
            self._owner.playing(self.identity)
        self.turn()

    # ---- hand in, drain, act -------------------------------------------------------------------

    def turn(self) -> None:
        """Act on what the cores want, and set the timer."""
        if self._turning:  # what acting has caused comes in the same turn
            return
        self._turning = True
        try:
            while actions := [*self._link.actions(), *self._delivery.actions()]:
                for action in actions:
                    self._act(action)
        finally:
            self._turning = False
        # Compared with what stood before: what was handed in has changed it already.
        stands = (self.identity, self.is_listening)
        if stands != self._stood:
            self._stood = stands
            self._owner.link_changed()
        self._set_timer()

    def _set_timer(self) -> None:
        times = (self._link.next_timer(), self._delivery.next_timer())
        due = min((time for time in times if time is not None), default=None)
        if self._timer is not None:
            if self._timer.when() == due and not self._timer.cancelled():
                return
            self._timer.cancel()
            self._timer = None
        if due is not None and not self._closed:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due, self._tasks.guarded, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = _now()
        self._link.handle_timer(now)
        self._delivery.handle_timer(now)
        self.turn()

    def _act(self, action: LinkAction | delivering.Action) -> None:
        match action:
            case linking.Tell(event) | delivering.Tell(event):
                self._owner.emit(event)
            case linking.Listening(identity):
                dead = self._link.is_silent(identity)
                self._delivery.listening(identity, _now(), proven=action.proven, dead=dead)
                self._owner.became_ready()
            case linking.Gone():
                self._delivery.lost(_now())
            case delivering.Silent():
                self._link.silent(_now())
            case delivering.Dead():
                self._link.dead(_now())
            case delivering.Alive():
                self._link.alive()
                self._owner.became_ready()
            case delivering.Listen(number):
                self._tasks.spawn(self._listen(number))
            case delivering.Unlisten():
                self._owner.playing(self.identity or "")
            case delivering.Absent(waited_s):
                warning = notices.trouble(self.absence(waited_s))
                self._owner.emit(replace(warning, avatar=self.identity or self.pattern))
            case linking.Probe(number, identity):
                self._call(self._link.answered, number, identity, self._clear_method)
            case _:
                self._deliver(action)

    def _deliver(self, action: delivering.Action) -> None:
        """Act on what concerns streams, calls and whoever waits."""
        match action:
            case delivering.Open(stream, rate):
                # Taken now: by the time it is done another may stand for it.
                room, identity = self._owner.adopted, self._link.identity
                opening = partial(self._open, stream, rate, room, identity)
                self._operate(stream, opening, self._delivery.opened)
            case delivering.Write(stream, pcm):
                writing = partial(self._streams.write, stream, pcm, action.nudges)
                self._operate(stream, writing, self._delivery.wrote)
                name = self.identity or self.pattern
                self._owner.taps.sent(name, action.utterance, self._rate, pcm, _now())
            case delivering.Close(stream, nudges):
                closing = partial(self._streams.close, stream, nudges)
                self._operate(stream, closing, self._delivery.closed)
            case delivering.Abandon(stream):
                self._abandon(stream)
            case delivering.Call(number, method, payload, timeout_s):
                to = self._link.identity
                self._call(self._delivery.answered, number, to, method, payload, timeout_s)
            case delivering.Taken():
                self._taken.set()
            case delivering.Idle():
                self._idle.set()
            case delivering.Cleared():
                self._cleared.set()
            case delivering.Left():
                self._owner.left()
            case _:
                self._claims.wake(action)

    # ---- the SDK -------------------------------------------------------------------------------

    def _operate(
        self,
        stream: int,
        operation: Callable[[], Coroutine[Any, Any, bool]],
        result: Callable[[int, bool, float], None],
    ) -> None:
        """Do one operation on a stream, made as it begins; at most one is under way."""

        async def operate() -> None:
            try:
                ok = await operation()
            except Exception:  # whatever it is, the delivery goes on without this stream
                result(stream, False, _now())
                self.turn()
                raise
            result(stream, ok, _now())
            self.turn()

        self._operation = (stream, self._tasks.spawn(operate()))

    def _abandon(self, stream: int) -> None:
        of, task = self._operation
        if of == stream and task is not None:
            task.cancel()
        self._tasks.spawn(self._streams.abandon(stream))

    async def _open(
        self, stream: int, rate: int, room: rtc.Room | None, identity: str | None
    ) -> bool:
        if room is None or identity is None:
            return False
        return await self._streams.open(stream, room, identity, rate)

    async def _listen(self, number: int) -> None:
        """Subscribe to its sound, and read its meter."""
        room, identity = self._owner.adopted, self._link.identity
        who = room.remote_participants.get(identity) if room is not None and identity else None
        self._delivery.heard(number, await subscription.read_meter(who), _now())
        self.turn()

    def _call(
        self,
        result: Callable[[int, Answer, float], None],
        number: int,
        identity: str | None,
        method: str,
        payload: str = "",
        timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        """Call the participant, beside whatever else is under way."""

        async def ask() -> None:
            answer = Answer.NONE
            if room is not None and identity is not None:
                answer = await call(room, identity, method, payload, timeout_s=timeout_s)
            result(number, answer, _now())
            self.turn()

        room = self._owner.adopted
        self._tasks.spawn(ask())


def _now() -> float:
    """Monotonic seconds, as `time.monotonic` tells them."""
    return asyncio.get_running_loop().time()
