"""One avatar that we speak through, whoever plays it: found by its pattern, made ready, watched.

The room hands in who is there; the role takes one of them, makes sure that it listens, and owns
everything that is on its way to it: the open utterance, the ledger, the turn.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from livekit import rtc

from micstream import events, notices
from micstream.audio.format import SPEECH
from micstream.errors import AvatarUnavailable
from micstream.monitor import Monitor
from micstream.room import presence
from micstream.room import subscription as hearing
from micstream.room.line import Line
from micstream.room.others import Others
from micstream.room.playback import CLEAR_ANSWER_S, CLEAR_REPORT_S, Playback
from micstream.room.utterance import Utterance
from micstream.room.watch import until_silent
from micstream.settings import Settings
from micstream.speech.events import EndReason

_BACKLOG_STEP_S: Final = 0.5
_TICK_S: Final = 0.25
_ABSENT_S: Final = 10.0
LEAVE_S: Final = 3.0
"""How long the last clearing may take, for its answer and again for its report."""
_ANSWER_S: Final = 0.2
"""How long our answer to its last report takes to reach it."""


class Role:
    """What `pattern` of the settings' `avatar` stands for, and at most one avatar that plays it."""

    def __init__(
        self,
        pattern: str,
        settings: Settings,
        monitor: Monitor,
        *,
        others: Others,
        next_id: Callable[[], str],
    ) -> None:
        self.pattern = pattern
        self._settings = settings
        self._monitor = monitor
        self._others = others
        self._next_id = next_id
        self._room: rtc.Room | None = None
        self._avatar: rtc.RemoteParticipant | None = None
        self._name = pattern
        self._ready = asyncio.Event()
        self._readying: asyncio.Task[None] | None = None
        """Makes the avatar ready, and watches over it from then on."""
        self.playback = Playback(
            self.emit,
            speaks_through=lambda: self.identity,
            on_playing=lambda: hearing.end(self._avatar),
            lead_ms=settings.lead_ms,
        )
        self._line = Line()
        self._open: Utterance | None = None
        self._answering: set[str] = set()
        """Those that have answered once are not taken again for their picture alone."""
        self.on_ready: Callable[[], None] = lambda: None
        """Called each time an avatar has become ready."""

    @property
    def identity(self) -> str | None:
        """Of the participant that plays it."""
        return self._avatar.identity if self._avatar is not None else None

    @property
    def is_ready(self) -> bool:
        """Whether the next word is heard."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Until it listens."""
        await self._ready.wait()

    @property
    def backlog(self) -> float:
        """Estimated seconds of sound sent and not yet played."""
        return self.playback.backlog

    @property
    def free_s(self) -> float:
        """Seconds of sound that may be sent now; none while nothing arrives."""
        return min(self._settings.max_backlog - self.backlog, self.playback.room_s)

    @property
    def is_stalled(self) -> bool:
        """Whether nothing reaches it just now: then nothing is sent."""
        return self.playback.room_s <= 0

    def emit(self, event: events.Event) -> None:
        """Tell of it; by the avatar's name where we speak through several."""
        self._emit_of(self._name, event)

    def _emit_of(self, name: str, event: events.Event) -> None:
        if isinstance(event, events.AvatarEvent | events.Dropped | events.Warned):
            event = replace(event, avatar=name)
        self._monitor.emit(event)

    # ---- speaking ------------------------------------------------------------------------------

    @asynccontextmanager
    async def utterance(self, *, rate: int = SPEECH.rate) -> AsyncIterator[Utterance]:
        """Open a segment for mono 16-bit PCM at `rate` Hz; it is closed whatever happens.

        One segment at a time: this waits for the one before to be closed. Writing waits while the
        avatar has more than `max_backlog` seconds to play.

        Raises:
            AvatarUnavailable: no avatar listens just now.
        """
        utterance = await self.open_utterance(rate=rate, has_room=lambda: self.free_s > 0)
        try:
            yield utterance
        finally:
            await utterance.aclose()

    async def open_utterance(
        self,
        *,
        captured_at: float | None = None,
        onset_s: float = 0.0,
        decided_s: float = 0.0,
        rate: int = SPEECH.rate,
        has_room: Callable[[], bool] | None = None,
    ) -> Utterance:
        """As `utterance`, for an owner that closes it itself.

        `captured_at`: monotonic seconds at which its first sample was captured (now, if None).
        `has_room`: asked before each second of sound; writing waits while it says no.
        """
        await self._line.take()
        room, avatar = self._room, self._avatar
        if room is None or avatar is None or not self.is_ready:
            self._line.give_back()
            raise self.absence(None)

        def still_there() -> bool:
            return self._room is room and self._avatar is avatar and self.is_ready

        def closed(sent: bool) -> None:
            if sent:
                self._line.give_back_read(room, avatar.identity)
            else:
                self._line.give_back()

        try:
            self._open = Utterance(
                id=self._next_id(),
                captured_at=time.monotonic() if captured_at is None else captured_at,
                onset_s=onset_s,
                decided_s=decided_s,
                open_stream=partial(presence.open_stream, room, avatar.identity),
                still_there=still_there,
                ledger=self.playback.ledger,
                emit=partial(self._emit_of, self._name),  # another may play it when this one ends
                on_closed=closed,
                rate=rate,
                avatar_rate=self._settings.avatar_rate,
                lead_ms=self.playback.lead.ms,
                chunk_ms=self._settings.chunk_ms,
                has_room=has_room,
            )
        except ValueError:  # no such rate
            self._line.give_back()
            raise
        return self._open

    async def interrupt(self) -> None:
        """Close the open segment, whoever writes into it, and have the avatar drop all."""
        if self._open is not None:
            await self._open.aclose(EndReason.INTERRUPT)
        await self.clear()

    async def clear(
        self, *, answer_s: float = CLEAR_ANSWER_S, report_s: float = CLEAR_REPORT_S
    ) -> None:
        """Have the avatar stop and drop all, with so long to answer and to report. Close first."""
        if self._room is not None and self._avatar is not None:
            identity = self._avatar.identity
            await self.playback.clear(self._room, identity, answer_s=answer_s, report_s=report_s)

    async def call(self, method: str, payload: str) -> str | None:
        """Call the avatar; None where it does not listen or answer. Raises rtc.RpcError."""
        if self._room is None or self._avatar is None or not self.is_ready:
            return None
        return await presence.ask(self._room, self._avatar.identity, method, payload)

    # ---- telling -------------------------------------------------------------------------------

    async def tell_backlog(self) -> None:
        """Say so whenever it has changed, until cancelled."""
        told = 0.0
        while True:
            await asyncio.sleep(_TICK_S)
            backlog = self.backlog
            if abs(backlog - told) > _BACKLOG_STEP_S:
                told = backlog
                self.emit(events.Backlog(seconds=backlog))

    async def tell_absence(self) -> None:
        """Say so, once each time, where we are in the room and it does not listen for a while."""
        while True:
            await asyncio.sleep(_TICK_S)
            if self._room is None or self.is_ready:
                continue
            try:
                async with asyncio.timeout(_ABSENT_S):
                    await self.wait_ready()
            except TimeoutError:
                if self._room is not None:
                    self.emit(notices.trouble(self.absence(_ABSENT_S)))
                    await self.wait_ready()

    # ---- leaving -------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Wait until all that was sent is reported as played; for ever, where that never comes."""
        await self.playback.wait_played(math.inf)

    async def settle(self, answer_s: float = LEAVE_S) -> None:
        """Leave nothing for the avatar to report: a report to nobody would end it.

        One that does not answer within `answer_s` is left to itself; one that does is waited for.
        """
        if self.playback.ledger.outstanding and self.is_ready:
            await self.clear(answer_s=answer_s, report_s=LEAVE_S)
        elif self.playback.ledger.has_reported:
            await asyncio.sleep(_ANSWER_S)

    async def aclose(self) -> None:
        """We leave the room."""
        if self._readying is not None:
            self._readying.cancel()
            await asyncio.wait([self._readying])
        await self._line.aclose()
        self._room = None
        self._ready.clear()

    # ---- who plays it --------------------------------------------------------------------------

    def look(self, room: rtc.Room, spoken_for: Iterable[str]) -> None:
        """Take the first in the room that can be meant, once data reaches it.

        `spoken_for`: identities that other roles have, or name.
        """
        self._room = room
        if self._avatar is not None:
            return
        found = [
            each
            for each in presence.candidates(room, (self.pattern,))
            if each.identity not in spoken_for
        ]
        self._others.avatars(self.pattern, found)
        if found and presence.is_active(found[0]):
            self._take(room, found[0])

    def drop(self) -> None:
        """Its avatar is gone."""
        self._ready.clear()
        self._avatar = None
        self.playback.forget()
        if self._readying is not None:
            self._readying.cancel()
            self._readying = None

    def leave(self) -> None:
        """The room is gone, or out of reach until the next `look`."""
        self.drop()
        self._room = None

    def _take(self, room: rtc.Room, avatar: rtc.RemoteParticipant) -> None:
        """Speak through it, once it listens."""
        self._avatar, self._name = avatar, avatar.identity
        self._readying = asyncio.create_task(self._make_ready(room, avatar))

    async def _make_ready(self, room: rtc.Room, avatar: rtc.RemoteParticipant) -> None:
        identity = avatar.identity
        timeout = math.inf if identity in self._answering else self._settings.ready_timeout
        told = False

        def bound_to_another() -> None:
            nonlocal told
            if not told:
                self.emit(notices.bound_to_another(identity))
            told = True

        how = await presence.until_it_listens(
            room, avatar, timeout=timeout, on_bound_to_another=bound_to_another
        )
        if how != "probe":
            self.emit(notices.unproven(identity, how))
        else:
            self._answering.add(identity)
            self.playback.transit.does_answer()
        self._monitor.emit(events.AvatarReady(identity=identity, how=how))
        self._others.warn_unwatched(room)
        self._ready.set()
        self.on_ready()
        await until_silent(room, identity, self.playback)
        # What is open ends with its next write. It is asked to clear until it answers.
        self._answering.add(identity)
        self._readying = None
        self.drop()
        self._monitor.emit(events.AvatarSilent(identity=identity))
        self.emit(notices.silent(identity))
        self._take(room, avatar)

    def absence(self, waited: float | None) -> AvatarUnavailable:
        """That no avatar listens, after `waited` seconds: is there one at all, and what to do."""
        return presence.explain_absence(
            self.pattern, self._settings.room, here=self._avatar is not None, waited=waited
        )
