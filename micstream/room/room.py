"""Shell of the connection: the SDK's rooms, who is in them, and what they say.

For the avatars' sake (see ARCHITECTURE, "What keeps an avatar alive") the playback calls are
registered before anything else can happen, and leaving waits until nothing is left to report.
Every callback of the SDK carries the number of the attempt to join that it belongs to: only the
adopted one has a say.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol, Self

from livekit import rtc

from micstream import events
from micstream.audio.format import SPEECH
from micstream.delivery import wire
from micstream.errors import MicstreamError
from micstream.link.actions import Discard, Down, Failed, Join, Tell, Up
from micstream.link.avatar import Link
from micstream.link.connection import STRAY_S, Connection
from micstream.link.people import free_for, matches
from micstream.link.warnings import RoomWarnings
from micstream.room import joining, presence, subscription
from micstream.room.address import shown
from micstream.room.avatar import Avatar
from micstream.room.connect import connect
from micstream.room.network import Network
from micstream.room.tasks import Changes, Failure, Tasks
from micstream.room.utterance import Utterance
from micstream.room.watch import AvatarWatch
from micstream.settings import Settings

_GOODBYE_S: Final = 0.4
"""How long our good-bye may take; where nothing gets through the SDK waits for 15 s and more."""
LEAVE_S: Final = 1.6
"""How long what we owe the avatars may take where nobody has said when to leave."""


class Emitter(Protocol):
    """Bus, as far as the room needs it."""

    def emit(self, event: events.Event) -> None:
        """Tell everyone."""


@dataclass(slots=True)
class _Attempt:
    """One attempt to join."""

    room: rtc.Room
    joining: asyncio.Task[None] | None = None


class Room:
    """Our place in the room, as an async context manager: join at its start, leave at its end.

    Raises:
        ConnectionFailed: the first connection fails; a later one is tried again for ever.
        UsageError: the settings do not suffice for it.
    """

    def __init__(self, settings: Settings, bus: Emitter) -> None:
        self._settings = settings
        self._bus = bus
        self._changes = Changes()
        self._failure = Failure(self._changes)
        self._tasks = Tasks(self._failure)
        self._connection = Connection(settings.identity, shown(settings.url or ""))
        self._attempts: dict[int, _Attempt] = {}
        self._leaving: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turning = self._looking = False
        self._up: rtc.Room | None = None
        self._known: rtc.Room | None = None
        self._network = Network(self, self._tasks)
        self._warnings = RoomWarnings()
        self._ready_count = 0
        self._has_left = False
        ids = (f"u{number}" for number in itertools.count(1))
        self.avatars = tuple(
            Avatar(
                self,
                self._tasks,
                Link(pattern, settings.room, settings.ready_timeout),
                settings.delivery(),
                ids,
            )
            for pattern in settings.avatar
        )
        """One for each `avatar` of the settings, in their order."""

    # ---- joining and leaving -------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._tasks.start()
        try:
            await joining.until_left(self._name, STRAY_S)
            self._connection.start(_now())
            self._turn()
            while self._up is None:
                self._failure.check()
                await self._changes.after(self._changes.version)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if not self._has_left:
                await self.leave(_now() + LEAVE_S)
        finally:
            await self._close()

    async def leave(self, deadline: float | None) -> None:
        """Leave nothing for the avatars to report: a report to nobody would end them.

        What waits is sent, and what was sent plays, until `deadline` (monotonic seconds; None: as
        long as it takes, within bounds). A nearer one may be given while this is under way. The
        room itself is left at the end of the block.
        """
        leaving = asyncio.gather(*(avatar.leave(deadline) for avatar in self.avatars))
        ended = asyncio.ensure_future(self._tasks.wait_ended())
        try:
            await asyncio.wait({leaving, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            ended.cancel()
        self._has_left = True

    async def _close(self) -> None:
        for avatar in self.avatars:
            avatar.close()
        self._connection.close(_now())
        self._turn()
        if self._leaving is not None:
            # Not broken off: the SDK goes on with it as long as the program runs.
            await asyncio.wait({self._leaving}, timeout=_GOODBYE_S)
        await self._tasks.aclose()

    # ---- facts ---------------------------------------------------------------------------------

    @property
    def adopted(self) -> rtc.Room | None:
        """Room of the SDK that is ours, where it can be reached."""
        return self._up

    @property
    def is_ready(self) -> bool:
        """Whether the next word is heard, by every avatar."""
        return all(avatar.is_listening for avatar in self.avatars)

    @property
    def is_listening(self) -> bool:
        """Whether any of them listens."""
        return any(avatar.is_listening for avatar in self.avatars)

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing comes from the server any more: waiting for a report is in vain."""
        return self._network.is_gone

    @property
    def backlog_s(self) -> float:
        """Estimated seconds of sound sent and not yet played, where most of it is."""
        return max(avatar.backlog_s for avatar in self.avatars)

    def find(self, avatar: str | None = None) -> Avatar:
        """Avatar of this pattern or identity; the first, if None.

        Raises:
            KeyError: there is none.
        """
        if avatar is None:
            return self.avatars[0]
        for each in self.avatars:
            if avatar in (each.pattern, each.identity):
                return each
        raise KeyError(avatar)

    def is_present(self, identity: str) -> bool:
        """Whether this participant is in the room, as far as we can see."""
        return self._up is not None and identity in self._up.remote_participants

    # ---- waiting -------------------------------------------------------------------------------

    async def wait_ready(
        self, timeout: float | None = None, *, at_least: int | None = None
    ) -> None:
        """Wait until every avatar listens; after `timeout` seconds `at_least` of them will do.

        Raises:
            AvatarUnavailable: not within `timeout` seconds.
            ConnectionFailed: we were put out of the room for good.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not self.is_ready and self._failure.error is None:
                    await self._changes.after(self._changes.version)
        self._failure.check()
        absent = [avatar for avatar in self.avatars if not avatar.is_listening]
        enough = len(self.avatars) if at_least is None else at_least
        if absent and len(self.avatars) - len(absent) < enough:
            raise absent[0].absence(timeout)

    async def wait_failed(self) -> NoReturn:
        """Wait for what ends our being here; whoever owns the room has a task for this.

        Raises:
            ConnectionFailed: someone else took our identity, or we were removed.
            Exception: whatever a task of the room has failed with.
        """
        await self._failure.wait()

    async def times_ready(self) -> AsyncIterator[None]:
        """Yield each time an avatar has begun to listen, and all of them do."""
        told = 0
        while True:
            version = self._changes.version
            if self._ready_count != told and self.is_ready:
                told = self._ready_count
                yield
            else:
                await self._changes.after(version)

    def watch(self, identity: str) -> AvatarWatch:
        """Watch over one participant: whether it is here, listens, or was proved silent."""
        return AvatarWatch(self, self._changes, identity)

    def utterance(
        self, *, rate: int = SPEECH.rate, avatar: str | None = None
    ) -> AbstractAsyncContextManager[Utterance]:
        """Open a segment, as `Avatar.utterance`, to the avatar of this pattern or identity.

        Raises:
            ConnectionFailed: we were put out of the room for good.
            KeyError: no such avatar is spoken through.
        """
        self._failure.check()
        return self.find(avatar).utterance(rate=rate)

    # ---- from the avatars and the network ------------------------------------------------------

    def emit(self, event: events.Event) -> None:
        """Tell everyone."""
        self._bus.emit(event)

    def link_changed(self) -> None:
        """Have all avatars look again: one of them has taken, or let go, somebody."""
        self._changes.tell()
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._tasks.guarded, self._look)

    def became_ready(self) -> None:
        """Take note that an avatar listens."""
        self._ready_count += 1
        self._warn_unwatched()

    def playing(self, identity: str) -> None:
        """Unsubscribe: it plays, and needs us no more for that."""
        if self._up is not None:
            subscription.end(self._up.remote_participants.get(identity))

    def network_gone(self, gone: bool) -> None:
        """Take note that nothing comes from the server, or that something does again."""
        for avatar in self.avatars:
            avatar.network(gone)
        self._changes.tell()

    # ---- hand in, drain, act -------------------------------------------------------------------

    def _turn(self) -> None:
        """Act on what the connection wants, and set the timer."""
        if self._turning:
            return
        self._turning = True
        try:
            while actions := self._connection.actions():
                for action in actions:
                    self._act(action)
        finally:
            self._turning = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._connection.next_timer()
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due, self._tasks.guarded, self._on_timer)

    def _on_timer(self) -> None:
        self._connection.handle_timer(_now())
        self._turn()

    def _act(self, action: object) -> None:
        match action:
            case Tell(event):
                self.emit(event)
            case Join(number):
                attempt = self._attempts[number] = _Attempt(self._new_room(number))
                attempt.joining = self._tasks.spawn(self._join(number, attempt.room))
            case Discard(number):
                self._discard(number)
            case Up(number):
                self._adopt(self._attempts[number].room)
            case Down():
                self._up = None
                self._network.stop()
                for avatar in self.avatars:
                    avatar.connection(False)
                self._changes.tell()
            case Failed(error):
                self._failure.set(error)

    async def _join(self, number: int, room: rtc.Room) -> None:
        try:
            await connect(room, self._settings)
        except MicstreamError as error:
            self._connection.join_failed(number, error, _now())
        else:
            # No await between the connection and this: the avatar may call at any moment.
            self._answer(number, room)
            self._connection.joined(number, _now())
        self._turn()

    def _discard(self, number: int) -> None:
        """Leave what this attempt has joined, or will join."""

        def left(_: object) -> None:
            self._connection.discarded(number, _now())
            self._turn()

        attempt = self._attempts.pop(number)
        if attempt.joining is not None:
            attempt.joining.cancel()
        self._leaving = joining.leave(attempt.room, self._name)
        self._leaving.add_done_callback(lambda task: self._tasks.guarded(left, task))

    def _adopt(self, room: rtc.Room) -> None:
        """Take this room, with those who are in it, for ours; or have it back."""
        self._up = room
        self._network.watch(room)
        for avatar in self.avatars:
            avatar.connection(True)
        if self._known is not room:
            self._known = room
            for participant in tuple(room.remote_participants.values()):
                self._on_join(participant)
        self._look()
        self._changes.tell()

    @property
    def _name(self) -> str:
        """Place that only one can have at a time."""
        settings = self._settings
        return f"{settings.identity} in {settings.room} of {settings.url}"

    # ---- from the SDK --------------------------------------------------------------------------

    def _new_room(self, number: int) -> rtc.Room:
        """Room of the SDK, which says what it says as the attempt of this number."""
        room = rtc.Room()
        room.register_byte_stream_handler(wire.SESSION_TOPIC, lambda reader, _: reader.close())
        for name, heard in (
            ("participant_connected", self._on_join),
            ("participant_disconnected", self._on_leave),
            ("track_published", self._on_track),
            ("participant_active", self._on_change),
            ("track_unpublished", self._on_change),
        ):
            room.on(name, self._if_adopted(number, heard))
        connection = self._connection

        def says(said: Callable[..., None]) -> Callable[..., None]:
            def hand_in(*_: object) -> None:
                said(number, _now())
                self._turn()

            return lambda *_: self._tasks.guarded(hand_in)

        def disconnected(reason: int) -> None:
            duplicate = reason == rtc.DisconnectReason.DUPLICATE_IDENTITY
            connection.disconnected(number, duplicate=duplicate, now=_now())
            self._turn()

        room.on("reconnecting", says(connection.reconnecting))
        room.on("reconnected", says(connection.reconnected))
        room.on("disconnected", lambda reason: self._tasks.guarded(disconnected, reason))
        return room

    def _if_adopted(self, number: int, heard: Callable[..., None]) -> Callable[..., None]:
        def hear(*said: Any) -> None:
            if number == self._connection.adopted:
                self._tasks.guarded(heard, *said)
                self._look()

        return hear

    def _on_join(self, participant: rtc.RemoteParticipant) -> None:
        if not self._is_avatar(participant):
            for warning in self._warnings.joined(presence.person(participant)):
                self.emit(warning)
            return
        self.emit(events.AvatarJoined(identity=participant.identity))
        for publication in tuple(participant.track_publications.values()):
            self._on_track(publication, participant)

    def _on_track(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if self._is_avatar(participant):
            subscription.begin(publication)

    def _on_leave(self, participant: rtc.RemoteParticipant) -> None:
        if not presence.person(participant).is_agent:
            self._warn_unwatched()
        if self._is_avatar(participant):
            self.emit(events.AvatarLeft(identity=participant.identity))

    def _on_change(self, *_: object) -> None:
        """Whoever is here has changed: that is looked at."""

    def _is_avatar(self, participant: rtc.RemoteParticipant) -> bool:
        return matches(self._settings.avatar, participant.identity)

    def _warn_unwatched(self) -> None:
        if self._up is not None:
            people = presence.people_in(self._up)
            for warning in self._warnings.unwatched(people, presence.closes_after_s(self._up)):
                self.emit(warning)

    def _look(self) -> None:
        """Hand each avatar who may stand for it; whom one has taken no other gets."""
        self._looking = False
        if self._up is None:
            return
        people = presence.people_in(self._up)
        patterns = [avatar.pattern for avatar in self.avatars]
        for at, avatar in enumerate(self.avatars):
            taken = [each.identity for each in self.avatars]
            avatar.seen(free_for(at, people, patterns, taken))
        self._changes.tell()

    # ---- what they report ----------------------------------------------------------------------

    def _answer(self, number: int, room: rtc.Room) -> None:
        """Answer the avatars' calls: one that cannot report its first segment ends."""

        def started(call: rtc.RpcInvocationData) -> str:
            avatar = self._reporting(number, call)
            if avatar is None:
                return wire.REJECT
            self._tasks.guarded(avatar.playback_started)
            return wire.OK

        def finished(call: rtc.RpcInvocationData) -> str:
            avatar, report = self._reporting(number, call), wire.parse_finished(call.payload)
            if avatar is None or report is None:
                return wire.REJECT
            self._tasks.guarded(avatar.playback_finished, report)
            return wire.OK

        me = room.local_participant
        me.register_rpc_method(wire.PLAYBACK_STARTED, started)
        me.register_rpc_method(wire.PLAYBACK_FINISHED, finished)

    def _reporting(self, number: int, call: rtc.RpcInvocationData) -> Avatar | None:
        """Avatar for which the caller stands; nobody else is answered."""
        if number != self._connection.adopted:
            return None
        callers = (each for each in self.avatars if each.identity == call.caller_identity)
        return next(callers, None)


def _now() -> float:
    """Monotonic seconds, as `time.monotonic` tells them."""
    return asyncio.get_running_loop().time()
