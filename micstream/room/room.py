"""The room with the avatars in it: join, hand each role whom it may take, stay, leave.

For the avatars' sake (see ARCHITECTURE, "What keeps an avatar alive") the playback calls are
registered before anything else can happen, and leaving waits until nothing is left to report.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Self

from livekit import rtc

from micstream import events, notices
from micstream.audio.format import SPEECH
from micstream.delivery import wire
from micstream.errors import ConnectionFailed
from micstream.monitor import Monitor
from micstream.room import presence
from micstream.room import subscription as hearing
from micstream.room.connect import connect
from micstream.room.network import Network
from micstream.room.others import Others
from micstream.room.role import LEAVE_S, Role
from micstream.room.utterance import Utterance
from micstream.settings import Settings

_RETRY_S: Final = (0.5, 1.0, 2.0, 4.0, 5.0)
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
        self._staying: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._lost_reason: int | None = None
        self._failure: ConnectionFailed | None = None
        self._failed = asyncio.Event()
        self._network = Network(monitor)
        self._others = Others(monitor)
        self._reconnecting = False  # the SDK then tells of avatars that have left since
        numbers = itertools.count(1)
        self.roles = tuple(
            Role(
                pattern,
                settings,
                monitor,
                others=self._others,
                next_id=lambda: f"u{next(numbers)}",
            )
            for pattern in settings.avatar
        )
        """One for each `avatar` of the settings, in their order."""

    # ---- joining and leaving -------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._join(attempt=1)
        self._staying = asyncio.create_task(self._stay())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._staying is not None:
            self._staying.cancel()
            await asyncio.wait([self._staying])
        self._network.stop()
        for role in self.roles:
            await role.aclose()
        room, self._room = self._room, None
        if room is not None:
            # Shielded: the SDK goes on with it as long as the program runs.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await asyncio.shield(room.disconnect())

    async def drain(self) -> None:
        """Wait until all that was sent is reported as played; for ever, where that never comes."""
        await asyncio.gather(*(role.drain() for role in self.roles))

    async def settle(self, answer_s: float = LEAVE_S) -> None:
        """Leave nothing for the avatars to report: see `Role.settle`."""
        await asyncio.gather(*(role.settle(answer_s) for role in self.roles))

    # ---- the avatars ---------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether the next word is heard, by every avatar."""
        return all(role.is_ready for role in self.roles)

    @property
    def is_heard(self) -> bool:
        """Whether any of them listens."""
        return any(role.is_ready for role in self.roles)

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing comes from the server any more: waiting for a report is in vain."""
        return self._network.is_gone

    @property
    def backlog(self) -> float:
        """Estimated seconds of sound sent and not yet played, where most of it is."""
        return max(role.backlog for role in self.roles)

    async def wait_ready(self, timeout: float | None = None, *, least: int | None = None) -> None:
        """Until every avatar listens; after `timeout` seconds `least` of them will do.

        Raises:
            AvatarUnavailable: not within `timeout` seconds.
            ConnectionFailed: we were put out of the room for good.
        """
        ready = asyncio.create_task(self._all_ready())
        failed = asyncio.create_task(self._failed.wait())
        waiting: set[asyncio.Task[Any]] = {ready, failed}
        try:
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if self._failure:
            raise self._failure
        absent = [role for role in self.roles if not role.is_ready]
        if absent and len(self.roles) - len(absent) < (least or len(self.roles)):
            raise absent[0].absence(timeout)

    async def _all_ready(self) -> None:
        while not self.is_ready:  # one may be lost while another is waited for
            for role in self.roles:
                await role.wait_ready()

    async def wait_failed(self) -> None:
        """Return never, but raise where the room is closed to us for good.

        Raises:
            ConnectionFailed: someone else took our identity, or we were removed.
        """
        await self._failed.wait()
        assert self._failure is not None
        raise self._failure

    def role(self, avatar: str | None = None) -> Role:
        """The one whose pattern or identity this is; the first, if None.

        Raises:
            KeyError: there is none.
        """
        if avatar is None:
            return self.roles[0]
        for role in self.roles:
            if avatar in (role.pattern, role.identity):
                return role
        raise KeyError(avatar)

    def utterance(
        self, *, rate: int = SPEECH.rate, avatar: str | None = None
    ) -> AbstractAsyncContextManager[Utterance]:
        """As `Role.utterance`, for one avatar.

        Raises:
            ConnectionFailed: we were put out of the room for good.
        """
        if self._failure:
            raise self._failure
        return self.role(avatar).utterance(rate=rate)

    # ---- the room ------------------------------------------------------------------------------

    async def _join(self, attempt: int) -> None:
        self._monitor.emit(events.Connection(state="connecting", attempt=attempt))
        self._lost.clear()
        room = rtc.Room()
        room.register_byte_stream_handler(wire.SESSION_TOPIC, lambda reader, _: reader.close())
        room.on("participant_connected", self._on_join)
        room.on("participant_active", lambda _: self._look_for_avatars())
        room.on("participant_disconnected", self._on_leave)
        room.on("track_published", self._on_track)
        room.on("reconnecting", self._on_reconnecting)
        room.on("reconnected", self._on_reconnected)
        room.on("disconnected", self._on_disconnected)
        await connect(room, self._settings)
        # No await between the connection and this: the avatar may call at any moment.
        self._answer(room)
        self._room, self._reconnecting = room, False
        self._monitor.emit(events.Connection(state="connected", attempt=attempt))
        self._network.watch(room)
        for participant in tuple(room.remote_participants.values()):
            self._on_join(participant)
        self._look_for_avatars()

    async def _stay(self) -> None:
        """Join again, for ever, whenever the SDK has given up."""
        while True:
            await self._lost.wait()
            for role in self.roles:
                role.leave()
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
        for role in self.roles:
            role.leave()

    def _on_reconnected(self) -> None:
        self._monitor.emit(events.Connection(state="connected", attempt=1))
        self._reconnecting = False
        if self._room is not None:
            self._network.watch(self._room)
        self._look_for_avatars()

    def _on_disconnected(self, reason: int) -> None:
        self._lost_reason = reason
        self._lost.set()

    # ---- who is there --------------------------------------------------------------------------

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
        for role in self.roles:
            if role.identity == participant.identity:
                role.drop()
                self._look_for_avatars()

    def _look_for_avatars(self) -> None:
        """Have each role take the first that it can mean, once the SDK is connected.

        Nobody plays two roles, and whom one role names no other takes.
        """
        if self._room is None or self._reconnecting:
            return
        for role in self.roles:
            others = [other for other in self.roles if other is not role]
            named = {other.pattern for other in others}
            role.look(self._room, named | {other.identity or "" for other in others})

    # ---- what they report ----------------------------------------------------------------------

    def _answer(self, room: rtc.Room) -> None:
        """Answer the avatars' calls: one that cannot report its first segment ends."""
        me = room.local_participant
        me.register_rpc_method(wire.PLAYBACK_STARTED, self._started)
        me.register_rpc_method(wire.PLAYBACK_FINISHED, self._finished)

    def _started(self, call: rtc.RpcInvocationData) -> str:
        return self._answered(role.playback.started(call) for role in self.roles)

    def _finished(self, call: rtc.RpcInvocationData) -> str:
        return self._answered(role.playback.finished(call) for role in self.roles)

    @staticmethod
    def _answered(answers: Iterable[str]) -> str:
        """By the one whom the caller plays; nobody else knows it."""
        return next((answer for answer in answers if answer != wire.REJECT), wire.REJECT)
