"""Takes the segmenter's events and speaks them through the avatar, in a task of its own.

The capture never waits: a write can block for seconds while the room reconnects. What waits here
is bounded, and what becomes of it when it waits too long is decided in `late.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from typing import Final

from micstream import notices
from micstream.audio.format import SPEECH
from micstream.delivery.send_queue import Waiting
from micstream.delivery.whole import Gather
from micstream.errors import AvatarUnavailable
from micstream.events import Dropped
from micstream.room.role import Role
from micstream.room.utterance import AvatarGone, Utterance
from micstream.settings import Settings
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech

_IN_TURN_S: Final = 1.0
"""Sound that may wait here before a source that can wait does so."""
_TICK_S: Final = 0.05
"""How often it is looked whether what waits may go now."""
_LEAST_S: Final = 0.02
"""Less room than this is none."""
_TELL_S: Final = 1.0
"""How often, at most, it is told what is being dropped."""
_NOBODY: Final = "no avatar listens"


class Speaker:
    """What waits to be sent, and the one utterance that is being spoken."""

    def __init__(self, role: Role, settings: Settings) -> None:
        self._role = role
        self._most_s = settings.max_backlog
        # Past the backlog a live speaker loses what gets late; others can wait for it.
        self._loses = settings.mode == "live" and settings.late == "drop"
        self._gather = Gather() if settings.mode == "utterance" else None
        bound_s = settings.late_bound
        if self._gather:  # one that is whole must have a place
            bound_s = max(bound_s, settings.max_length_ms / 1000 + 1)
        self._waiting = Waiting(settings.late, after_s=settings.late_after, bound_s=bound_s)
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._utterance: Utterance | None = None
        self._interrupts = 0
        self._behind = False
        self._patience = math.inf
        self._missing_since: float | None = None
        self._told_at = 0.0
        self._ended = False
        self.on_event: Callable[[SegmentEvent], None] = lambda _: None
        """Called with each event as it comes."""

    @property
    def held_s(self) -> float:
        """Seconds of sound that wait to be sent."""
        return self._waiting.held_s

    @property
    def is_heard(self) -> bool:
        """Whether its avatar listens."""
        return self._role.is_ready

    # ---- from the sound's side -----------------------------------------------------------------

    def put(self, event: SegmentEvent, captured_at: float, *, ages: bool = True) -> None:
        """Take an event, now; an onset's first sample was captured at this monotonic second.

        `ages`, at an onset: what waits becomes late.
        """
        self.on_event(event)
        gathered = [(event, captured_at)]
        if self._gather:
            gathered = self._gather.push(event, captured_at)
        for each, at in gathered:
            self._waiting.put(each, at, time.monotonic(), ages=ages)
        if self._ended:
            self._drop_all()
            return
        self._idle.clear()
        self._changed.set()

    async def put_in_turn(
        self, event: SegmentEvent, captured_at: float, *, patience: float, alone: bool = True
    ) -> None:
        """As `put`, once there is room: for sources that can wait, and lose nothing.

        But where no avatar listens for `patience` seconds the utterance is dropped; and while
        nothing reaches this one, a source that is not for it `alone` does not wait.
        """
        self._patience = patience
        while self._waiting.held_s > _IN_TURN_S and (alone or not self._role.is_stalled):
            self._taken.clear()
            await self._taken.wait()
        self.put(event, captured_at, ages=False)

    async def join(self) -> None:
        """Until everything taken is sent or dropped."""
        await self._idle.wait()

    # ---- the task ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Speak until cancelled; the open utterance is closed then."""
        try:
            while True:
                if not await self._step():
                    await self._rest()
        finally:
            self._ended = True
            self._drop_all()
            await self._close(EndReason.SHUTDOWN)
            self._tell_dropped()

    def _drop_all(self) -> None:
        """It has ended: nobody waits for it any more."""
        self._waiting.clear("it ended before")
        self._taken.set()
        self._idle.set()
        self._tell_dropped()

    async def interrupt(self) -> None:
        """Drop what waits here, close the segment, and have the avatar drop the rest."""
        self._interrupts += 1
        if self._gather:
            self._waiting.count_dropped(self._gather.clear(), "interrupted")
        self._waiting.clear("interrupted")
        await self._close(EndReason.INTERRUPT)
        self._tell_dropped()
        await self._role.interrupt()

    async def _step(self) -> bool:
        """Act on the next event; whether there was one that may go now."""
        now = time.monotonic()
        if self._utterance is not None and self._waiting.has_lost_begun:
            await self._close(EndReason.AVATAR)
        free_s = self._role.free_s
        if self._utterance is not None:
            free_s -= self._utterance.gathered_s
        if self._utterance is None and not self._may_begin(free_s):
            self._waiting.expire(now)
            self._lose_patience(now)
            return False
        self._missing_since = None
        if free_s < _LEAST_S:
            self._waiting.expire(now)
            if self._loses and self._waiting.is_held_up(now):
                await self._fall_behind()
            return False
        taken = self._waiting.take(now, SPEECH.samples(1000 * free_s))
        if taken is None:
            return False
        self._taken.set()
        await self._speak(*taken)
        return True

    async def _rest(self) -> None:
        """Until something comes, or until it is time to look again at what waits."""
        self._taken.set()
        if not self._waiting.speaking or time.monotonic() - self._told_at > _TELL_S:
            self._tell_dropped()
        if self._waiting.empty:
            self._missing_since = None
            self._idle.set()
            await self._changed.wait()
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._changed.wait()
        self._changed.clear()

    def _may_begin(self, free_s: float) -> bool:
        if self._behind and free_s > _LEAST_S and self._role.backlog <= self._most_s / 2:
            self._behind = False
        return self._role.is_ready and not self._behind

    def _lose_patience(self, now: float) -> None:
        """A source that waits does not do so for ever where no avatar is."""
        if self._role.is_ready:
            self._missing_since = None
            return
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since >= self._patience:
            self._waiting.give_up_patient(_NOBODY)

    async def _fall_behind(self) -> None:
        """The avatar has more than it can play: nothing more until half of that is played."""
        self._behind = True
        backlog_s = self._role.backlog
        self._waiting.give_up("the avatar is too far behind")
        await self._close(EndReason.AVATAR)
        self._role.emit(notices.backlog(backlog_s, self._most_s))

    async def _speak(self, event: SegmentEvent, captured_at: float) -> None:
        match event:
            case Onset():
                await self._open(event, captured_at)
            case Speech():
                await self._write(event)
            case End():
                await self._close(event.reason)
                self._tell_dropped()

    async def _open(self, onset: Onset, captured_at: float) -> None:
        interrupts = self._interrupts
        try:
            utterance = await self._role.open_utterance(
                captured_at=captured_at,
                onset_s=onset.onset / SPEECH.rate,
                decided_s=onset.decided / SPEECH.rate,
            )
        except AvatarUnavailable:
            self._waiting.give_up(_NOBODY)
            return
        self._utterance = utterance
        if self._interrupts != interrupts:  # while it waited for its turn
            await self._close(EndReason.INTERRUPT)

    async def _write(self, speech: Speech) -> None:
        assert self._utterance is not None
        try:
            await self._utterance.write(speech.pcm)
        except AvatarGone:
            self._waiting.give_up("the avatar was lost")
            await self._close(EndReason.AVATAR)

    async def _close(self, reason: EndReason) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            await utterance.aclose(reason)

    def _tell_dropped(self) -> None:
        self._told_at = time.monotonic()
        for seconds, why in self._waiting.take_dropped():
            self._role.emit(Dropped(seconds=seconds, why=why))
