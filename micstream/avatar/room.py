"""The room with the avatar in it: join, find the avatar, make sure it listens, stay, leave.

For the avatar's sake (see ARCHITECTURE, "What keeps an avatar alive") the playback calls are
registered before anything else can happen, and leaving waits until nothing is left to report.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Self

from livekit import rtc

from micstream import events
from micstream.audio.format import SPEECH
from micstream.avatar import hearing, notices, presence, wire
from micstream.avatar.connect import connect
from micstream.avatar.line import Line
from micstream.avatar.network import Network
from micstream.avatar.others import Others
from micstream.avatar.playback import CLEAR_ANSWER_S, CLEAR_REPORT_S, Playback
from micstream.avatar.utterance import Utterance
from micstream.avatar.watch import until_silent
from micstream.errors import AvatarUnavailable, ConnectionFailed
from micstream.monitor import Monitor
from micstream.settings import Settings
from micstream.speech.events import EndReason

_RETRY_S: Final = (0.5, 1.0, 2.0, 4.0, 5.0)
_LEAVE_S: Final = 3.0
"""How long the last clearing may take, for its answer and again for its report."""
_HURRY_S: Final = 0.5
"""But for its answer no longer than this in a hurry: as a rule it comes within milliseconds."""
_ANSWER_S: Final = 0.2
"""How long our answer to its last report takes to reach it."""
_GOODBYE_S: Final = 0.4
"""How long our good-bye may take; where nothing gets through the SDK waits for 15 s and more."""
_AGENT: Final = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


class AvatarRoom:
    """Our place in the room, as an async context manager: join at its start, leave at its end.

    Raises:
        ConnectionFailed: the first connection fails; a later one is tried again for ever.
    """

    def __init__(self, settings: Settings, monitor: Monitor) -> None:
        self._settings = settings
        self._monitor = monitor
        self._room: rtc.Room | None = None
        self._avatar: rtc.RemoteParticipant | None = None
        self._ready = asyncio.Event()
        self._readying: asyncio.Task[None] | None = None
        """Makes the avatar ready, and watches over it from then on."""
        self._staying: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._lost_reason: int | None = None
        self._failure: ConnectionFailed | None = None
        self._failed = asyncio.Event()
        self._playback = Playback(
            monitor,
            speaks_through=lambda: self._avatar.identity if self._avatar else None,
            on_playing=lambda: hearing.end(self._avatar),
            lead_ms=settings.lead_ms,
        )
        self._line = Line()
        self._network = Network(monitor)
        self._open: Utterance | None = None
        self._number = 0
        self._others = Others(monitor)
        self._reconnecting = False  # the SDK then tells of avatars that have left since
        self._answering: set[str] = set()
        """Those that have answered once are not taken again for their picture alone."""
        self.on_ready: Callable[[], None] = lambda: None
        """Called each time the avatar has become ready."""

    # ---- joining and leaving -------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._join(attempt=1)
        self._staying = asyncio.create_task(self._stay())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self._staying, self._readying):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._network.stop()
        await self._line.aclose()
        room, self._room = self._room, None
        self._ready.clear()
        if room is not None:
            # Shielded: the SDK goes on with it as long as the program runs.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await asyncio.shield(room.disconnect())

    async def drain(self) -> None:
        """Wait until all that was sent is reported as played; for ever, where that never comes."""
        await self._playback.wait_played(math.inf)

    async def settle(self, *, hurry: bool) -> None:
        """Leave nothing for the avatar to report: a report to nobody would end it.

        In a hurry one that does not answer is soon left to itself; one that does is waited for.
        """
        if self._playback.ledger.outstanding and self.is_ready:
            await self.clear(answer_s=_HURRY_S if hurry else _LEAVE_S, report_s=_LEAVE_S)
        elif self._playback.ledger.has_reported:
            await asyncio.sleep(_ANSWER_S)

    # ---- speaking ------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether the next word is heard."""
        return self._ready.is_set()

    @property
    def backlog(self) -> float:
        """Estimated seconds of sound sent and not yet played."""
        return self._playback.backlog

    @property
    def free_s(self) -> float:
        """Seconds of sound that may be sent now; none while nothing arrives."""
        return min(self._settings.max_backlog - self.backlog, self._playback.room_s)

    async def wait_ready(self, timeout: float | None = None) -> None:
        """Until the avatar listens.

        Raises:
            AvatarUnavailable: not within `timeout` seconds.
            ConnectionFailed: we were put out of the room for good.
        """
        ready = asyncio.create_task(self._ready.wait())
        failed = asyncio.create_task(self._failed.wait())
        try:
            await asyncio.wait(
                [ready, failed], timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ready.cancel()
            failed.cancel()
        if self._failure:
            raise self._failure
        if not self._ready.is_set():
            raise self._no_avatar(timeout)

    async def wait_failed(self) -> None:
        """Return never, but raise where the room is closed to us for good.

        Raises:
            ConnectionFailed: someone else took our identity, or we were removed.
        """
        await self._failed.wait()
        assert self._failure is not None
        raise self._failure

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
            raise self._no_avatar(None)
        self._number += 1

        def still_there() -> bool:
            return self._room is room and self._avatar is avatar and self.is_ready

        def closed(sent: bool) -> None:
            if sent:
                self._line.give_back_read(room, avatar.identity)
            else:
                self._line.give_back()

        self._open = Utterance(
            id=f"u{self._number}",
            captured_at=time.monotonic() if captured_at is None else captured_at,
            onset_s=onset_s,
            decided_s=decided_s,
            open_stream=partial(presence.open_stream, room, avatar.identity),
            still_there=still_there,
            ledger=self._playback.ledger,
            emit=self._monitor.emit,
            on_closed=closed,
            rate=rate,
            avatar_rate=self._settings.avatar_rate,
            lead_ms=self._playback.lead.ms,
            chunk_ms=self._settings.chunk_ms,
            has_room=has_room,
        )
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
            await self._playback.clear(self._room, identity, answer_s=answer_s, report_s=report_s)

    async def call(self, method: str, payload: str) -> str | None:
        """Call the avatar; None where it does not listen or answer. Raises rtc.RpcError."""
        if self._room is None or self._avatar is None or not self.is_ready:
            return None
        return await presence.ask(self._room, self._avatar.identity, method, payload)

    # ---- the room ------------------------------------------------------------------------------

    async def _join(self, attempt: int) -> None:
        self._monitor.emit(events.Connection(state="connecting", attempt=attempt))
        self._lost.clear()
        room = rtc.Room()
        room.register_byte_stream_handler(wire.SESSION_TOPIC, lambda reader, _: reader.close())
        room.on("participant_connected", self._on_join)
        room.on("participant_active", lambda _: self._look_for_avatar())
        room.on("participant_disconnected", self._on_leave)
        room.on("track_published", self._on_track)
        room.on("reconnecting", self._on_reconnecting)
        room.on("reconnected", self._on_reconnected)
        room.on("disconnected", self._on_disconnected)
        await connect(room, self._settings)
        # No await between the connection and this: the avatar may call at any moment.
        self._playback.register(room)
        self._room, self._reconnecting = room, False
        self._monitor.emit(events.Connection(state="connected", attempt=attempt))
        self._network.watch(room)
        for participant in tuple(room.remote_participants.values()):
            self._on_join(participant)
        self._look_for_avatar()

    async def _stay(self) -> None:
        """Join again, for ever, whenever the SDK has given up."""
        while True:
            await self._lost.wait()
            self._drop_avatar()
            self._network.stop()
            self._room = None
            if self._lost_reason == rtc.DisconnectReason.DUPLICATE_IDENTITY:
                self._failure = notices.identity_in_use(self._settings.identity)
                self._failed.set()
                return
            self._monitor.emit(events.Connection(state="lost", attempt=0))
            attempt = 0
            while True:
                await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1
                try:
                    await self._join(attempt)
                    break
                except ConnectionFailed as error:
                    self._monitor.emit(notices.trouble(error))

    def _on_reconnecting(self) -> None:
        self._monitor.emit(events.Connection(state="reconnecting", attempt=1))
        self._network.stop()
        self._reconnecting = True
        self._drop_avatar()

    def _on_reconnected(self) -> None:
        self._monitor.emit(events.Connection(state="connected", attempt=1))
        self._reconnecting = False
        if self._room is not None:
            self._network.watch(self._room)
        self._look_for_avatar()

    def _on_disconnected(self, reason: int) -> None:
        self._lost_reason = reason
        self._lost.set()

    # ---- the avatar ----------------------------------------------------------------------------

    def _on_join(self, participant: rtc.RemoteParticipant) -> None:
        if not presence.matches(self._settings.avatar, participant.identity):
            self._others.joined(participant)
            return
        self._monitor.emit(events.AvatarJoined(identity=participant.identity))
        for publication in tuple(participant.track_publications.values()):
            self._on_track(publication, participant)

    def _on_track(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if presence.matches(self._settings.avatar, participant.identity):
            hearing.begin(publication)

    def _on_leave(self, participant: rtc.RemoteParticipant) -> None:
        if self._room is not None and participant.kind != _AGENT:
            self._others.warn_unwatched(self._room)
        if not presence.matches(self._settings.avatar, participant.identity):
            return
        self._monitor.emit(events.AvatarLeft(identity=participant.identity))
        if self._avatar is not None and participant.identity == self._avatar.identity:
            self._drop_avatar()
            self._look_for_avatar()

    def _look_for_avatar(self) -> None:
        """Take the first that can be meant, once data reaches it and the SDK is connected."""
        if self._avatar is not None or self._room is None or self._reconnecting:
            return
        found = presence.candidates(self._room, self._settings.avatar)
        self._others.avatars(found)
        if found and presence.is_active(found[0]):
            self._take(self._room, found[0])

    def _take(self, room: rtc.Room, avatar: rtc.RemoteParticipant) -> None:
        """Speak through it, once it listens."""
        self._avatar = avatar
        self._readying = asyncio.create_task(self._make_ready(room, avatar))

    async def _make_ready(self, room: rtc.Room, avatar: rtc.RemoteParticipant) -> None:
        identity = avatar.identity
        timeout = math.inf if identity in self._answering else self._settings.ready_timeout
        told = False

        def bound_to_another() -> None:
            nonlocal told
            if not told:
                self._monitor.emit(notices.bound_to_another(identity))
            told = True

        how = await presence.until_it_listens(
            room, avatar, timeout=timeout, on_bound_to_another=bound_to_another
        )
        if how != "probe":
            self._monitor.emit(notices.unproven(identity, how))
        else:
            self._answering.add(identity)
            self._playback.arrivals.does_answer()
        self._monitor.emit(events.AvatarReady(identity=identity, how=how))
        self._others.warn_unwatched(room)
        self._ready.set()
        self.on_ready()
        await until_silent(room, identity, self._playback)
        # What is open ends with its next write. It is asked to clear until it answers.
        self._answering.add(identity)
        self._readying = None
        self._drop_avatar()
        self._monitor.emit(events.AvatarSilent(identity=identity))
        self._monitor.emit(notices.silent(identity))
        self._take(room, avatar)

    def _drop_avatar(self) -> None:
        self._ready.clear()
        self._avatar = None
        self._playback.forget()
        if self._readying is not None:
            self._readying.cancel()
            self._readying = None

    # ---- words ---------------------------------------------------------------------------------

    def _no_avatar(self, waited: float | None) -> AvatarUnavailable:
        return presence.explain_absence(
            self._settings, here=self._avatar is not None, waited=waited
        )
