"""Shell of the connection: attempts to join, each with a room of the SDK that speaks for it.

Every callback of the SDK carries the number of its attempt. What concerns the connection is handed
to the pure core, which knows whom to believe; all else counts from the adopted attempt alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from livekit import rtc

from micstream.delivery import wire
from micstream.errors import MicstreamError
from micstream.events import Event
from micstream.link.actions import Discard, Down, Failed, Join, Tell, Up
from micstream.link.connection import STRAY_S, Cause, Connection
from micstream.room import joining, occupied
from micstream.room.address import shown
from micstream.room.connect import connect
from micstream.room.participant import participant
from micstream.room.tasks import Tasks
from micstream.settings.pieces import ConnectionSettings

GOODBYE_S: Final = 0.4
"""How long our good-bye may take; where nothing gets through the SDK waits for 15 s and more."""

_CAUSES: Final[dict[int, Cause]] = {
    rtc.DisconnectReason.DUPLICATE_IDENTITY: Cause.TAKEN,
    rtc.DisconnectReason.PARTICIPANT_REMOVED: Cause.REMOVED,
    rtc.DisconnectReason.ROOM_DELETED: Cause.DELETED,
}
"""All others, the room that the server closes because it is empty among them, are losses."""


class Owner(Protocol):
    """Room, as far as its connection needs it."""

    def emit(self, event: Event) -> None:
        """Tell everyone."""

    def up(self, room: rtc.Room) -> None:
        """Take this room for ours; or have it back."""

    def down(self) -> None:
        """Take note that nobody can be reached."""

    def failed(self, error: MicstreamError) -> None:
        """Take note that the room is closed to us for good."""

    def on_join(self, participant: rtc.RemoteParticipant) -> None:
        """Take note of somebody who has joined."""

    def on_leave(self, participant: rtc.RemoteParticipant) -> None:
        """Take note of somebody who has left."""

    def on_track(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        """Take note of something published."""

    def look(self) -> None:
        """Look at who is here, and as what: that has changed."""

    def on_started(self, identity: str) -> str:
        """Answer a report that playback has started."""
        ...

    def on_finished(self, identity: str, payload: str) -> str:
        """Answer a report that playback has ended."""
        ...


@dataclass(slots=True)
class _Attempt:
    """One attempt to join."""

    room: rtc.Room
    joining: asyncio.Task[None] | None = None


class Connector:
    """Keeps us in the room: joins, joins again, leaves."""

    def __init__(self, owner: Owner, tasks: Tasks, settings: ConnectionSettings) -> None:
        self._owner = owner
        self._tasks = tasks
        self._settings = settings
        server = shown(settings.url or "")
        self._connection = Connection(settings.identity, server, settings.room, stay=settings.stay)
        self._place = f"{settings.identity} in {settings.room} of {settings.url}"
        """What only one can have at a time."""
        self._attempts: dict[int, _Attempt] = {}
        self._leaving: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turning = False

    async def start(self) -> None:
        """Begin to join, once whoever had this place before us in this program has left it.

        Raises:
            ConnectionFailed: another sender is in the room under our identity.
        """
        await joining.until_left(self._place, STRAY_S)
        await occupied.refuse_second(self._settings, self._owner)
        self._connection.start(_now())
        self._turn()

    async def aclose(self) -> None:
        """Leave; whatever is under way is gone through with, but not waited for."""
        self._connection.close(_now())
        self._turn()
        if self._leaving is not None:
            await asyncio.wait({self._leaving}, timeout=GOODBYE_S)

    # ---- hand in, drain, act -------------------------------------------------------------------

    def _turn(self) -> None:
        """Act on what the connection wants, and set the timer."""
        if self._turning:  # what acting has caused comes in the same turn
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
                self._owner.emit(event)
            case Join(number):
                attempt = _Attempt(self._new_room(number))
                self._attempts = {number: attempt}
                attempt.joining = self._tasks.spawn(self._join(number, attempt.room))
            case Discard(number):
                self._discard(number)
            case Up(number):
                self._owner.up(self._attempts[number].room)
            case Down():
                self._owner.down()
            case Failed(error):
                self._owner.failed(error)

    # ---- attempts ------------------------------------------------------------------------------

    async def _join(self, number: int, room: rtc.Room) -> None:
        try:
            await connect(room, self._settings)
        except MicstreamError as error:
            self._connection.join_failed(number, error, _now())
        else:
            # Nothing is awaited before this: the avatar may call at any moment.
            self._answer(number, room)
            self._connection.joined(number, _now())
        self._turn()

    def _discard(self, number: int) -> None:
        """Leave what this attempt has joined, or will join."""

        def left() -> None:
            self._connection.discarded(number, _now())
            self._turn()

        attempt = self._attempts.pop(number, None)
        if attempt is None:
            return  # another one has left it already
        if attempt.joining is not None:
            attempt.joining.cancel()
        self._leaving = joining.leave(attempt.room, self._place)
        self._leaving.add_done_callback(lambda _: self._tasks.guarded(left))

    def _new_room(self, number: int) -> rtc.Room:
        """Room of the SDK; what it says, it says as the attempt of this number."""
        owner, room = self._owner, participant()
        room.register_byte_stream_handler(wire.SESSION_TOPIC, lambda reader, _: reader.close())
        room.on("participant_connected", self._heard(number, owner.on_join))
        room.on("participant_disconnected", self._heard(number, owner.on_leave))
        room.on("track_published", self._heard(number, owner.on_track))
        room.on("participant_active", self._heard(number, _nothing))
        room.on("track_unpublished", self._heard(number, _nothing))
        room.on("reconnecting", self._said(number, self._connection.reconnecting))
        room.on("reconnected", self._said(number, self._connection.reconnected))
        room.on("disconnected", self._said(number, self._disconnected))
        return room

    def _heard(self, number: int, callback: Callable[..., None]) -> Callable[..., None]:
        """Callback for what is heard of others; they may stand for the avatar now, or no more."""

        def hear(*arguments: Any) -> None:
            if number == self._connection.adopted:
                self._tasks.guarded(callback, *arguments)
                self._tasks.guarded(self._owner.look)

        return hear

    def _said(self, number: int, callback: Callable[..., None]) -> Callable[..., None]:
        """Callback for what the SDK says of the connection."""

        def hand_in(*arguments: Any) -> None:
            callback(number, *arguments, now=_now())
            self._turn()

        return lambda *arguments: self._tasks.guarded(hand_in, *arguments)

    def _disconnected(self, number: int, reason: int, *, now: float) -> None:
        self._connection.disconnected(number, _CAUSES.get(reason, Cause.LOST), now=now)

    def _answer(self, number: int, room: rtc.Room) -> None:
        """Answer the avatars' calls: one that cannot report its first segment ends."""

        def started(call: rtc.RpcInvocationData) -> str:
            return self._report(number, self._owner.on_started, call.caller_identity)

        def finished(call: rtc.RpcInvocationData) -> str:
            on_finished = self._owner.on_finished
            return self._report(number, on_finished, call.caller_identity, call.payload)

        me = room.local_participant
        me.register_rpc_method(wire.PLAYBACK_STARTED, started)
        me.register_rpc_method(wire.PLAYBACK_FINISHED, finished)

    def _report(self, number: int, callback: Callable[..., str], *said: str) -> str:
        if number != self._connection.adopted:
            return wire.REJECT
        return self._tasks.guarded(callback, *said) or wire.REJECT


def _nothing(*_: object) -> None:
    """Take note of nothing else than that somebody has changed."""


def _now() -> float:
    """Monotonic seconds, as `time.monotonic` tells them."""
    return asyncio.get_running_loop().time()
