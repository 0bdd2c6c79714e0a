"""Our place in the room with the avatars in it: join, hand each avatar whom it may take, leave.

For the avatars' sake (see ARCHITECTURE, "What keeps an avatar alive") their calls are answered from
the first moment, and leaving waits until nothing is left to report.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final, NoReturn, Protocol, Self

from livekit import rtc

from micstream import events
from micstream.audio.format import SPEECH
from micstream.delivery import wire
from micstream.delivery.options import DeliveryOptions
from micstream.errors import MicstreamError
from micstream.link.avatar import Link
from micstream.link.people import free_for, matches
from micstream.link.warnings import RoomWarnings
from micstream.room import presence, subscription
from micstream.room.avatar import Avatar
from micstream.room.connector import GOODBYE_S, Connector
from micstream.room.hearing import Hearing
from micstream.room.network import Network
from micstream.room.tasks import Changes, Failure, Tasks
from micstream.room.utterance import Utterance
from micstream.room.watch import AvatarWatch
from micstream.settings import Settings
from micstream.settings.pieces import ConnectionSettings, LinkSettings
from micstream.taps import Taps
from micstream.tasks import finish

LEAVE_S: Final = 2.0
"""How long leaving may take where nobody has said when to be gone."""


class Emitter(Protocol):
    """Bus, as far as the room needs it."""

    def emit(self, event: events.Event) -> None:
        """Tell everyone."""


class Ears(Protocol):
    """Whoever listens to the avatars all the time."""

    def watch(self, room: rtc.Room) -> None:
        """Take note that this room is ours."""

    async def aclose(self) -> None:
        """Close what was opened: the room is left."""


class Room:
    """Our place in the room, as an async context manager: join at its start, leave at its end.

    Its tasks are its own; what one fails with comes out of `wait_failed`, for which its owner has a
    task, and of whatever waits for something.

    Raises:
        ConnectionFailed: the first connection fails; a later one is tried again for ever.
        UsageError: the settings do not suffice for it.
    """

    def __init__(
        self,
        connection: ConnectionSettings,
        links: LinkSettings,
        delivery: DeliveryOptions,
        bus: Emitter,
        taps: Taps | None = None,
    ) -> None:
        self.taps = taps or Taps()
        """Where the sound that is sent can be tapped."""
        self.ears: Ears | None = None
        """With them we stay subscribed to the avatars' sound, also once they play."""
        self._patterns = links.patterns
        self._identity = connection.identity
        self._bus = bus
        self._changes = Changes()
        self._failure = Failure(self._changes)
        self._tasks = Tasks(self._failure)
        self._connector = Connector(self, self._tasks, connection)
        self._network = Network(self, self._tasks)
        self._warnings = RoomWarnings(links.patterns)
        self._up: rtc.Room | None = None
        self._known: rtc.Room | None = None
        """Room of which everybody has been noted."""
        self._looks_again = False
        self._ready_count = 0
        self._has_left = self._hurries = False
        ids = (f"u{number}" for number in itertools.count(1))
        self.avatars = tuple(
            Avatar(
                self,
                self._tasks,
                Link(pattern, connection.room, links.ready_timeout_s),
                delivery,
                ids,
            )
            for pattern in links.patterns
        )
        """One for each pattern, in their order."""

    @classmethod
    def of(cls, settings: Settings, bus: Emitter, taps: Taps | None = None) -> Self:
        """Room that all of the settings describe."""
        return cls(settings.connection(), settings.links(), settings.delivery(), bus, taps)

    # ---- joining and leaving -------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._tasks.start()
        try:
            self.down()  # what is said before we have joined waits
            await self._connector.start()
            while self._up is None:
                self._failure.check()
                await self._changes.after(self._changes.version)
        except BaseException:
            for avatar in self.avatars:
                avatar.leave(_now())  # what was said meanwhile is dropped, and counted
            await finish(self._close())
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await finish(self._end())  # whoever is cancelled meanwhile leaves all the same
        if kind is None and not self._failure.was_raised:
            self._failure.check()

    async def _end(self) -> None:
        try:
            if not self._has_left:
                await self.leave(_now() + LEAVE_S)
        finally:
            await self._close()

    async def leave(self, deadline: float | None) -> None:
        """Leave nothing for the avatars to report: a report to nobody would end them.

        What waits is sent, and what was sent plays, until `deadline` (monotonic seconds, our
        good-bye included; None: as long as it takes, within bounds). A nearer one may be given
        while this is under way. The room itself is left at the end of the block.
        """
        until = None if deadline is None else deadline - GOODBYE_S
        self._hurries = deadline is not None
        for avatar in self.avatars:
            avatar.leave(until)
        with contextlib.suppress(TimeoutError):
            while not all(each.has_left for each in self.avatars):
                # One that has failed may never come to its end.
                async with asyncio.timeout(None if self._failure.error is None else LEAVE_S):
                    await self._changes.after(self._changes.version)
        self._has_left = True

    async def _close(self) -> None:
        await self._connector.aclose()
        if self.ears is not None:
            await self.ears.aclose()
        for avatar in self.avatars:
            avatar.close()
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
            ConnectionFailed: someone else took our identity.
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

    def hear(self, identity: str) -> Hearing:
        """The microphone of a participant: a performer who is elsewhere."""
        return Hearing(self, self._changes, identity)

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
        if not self._looks_again:
            self._looks_again = True
            asyncio.get_running_loop().call_soon(self._tasks.guarded, self.look)

    def left(self) -> None:
        """Take note that nothing more is owed to an avatar."""
        self._changes.tell()

    def became_ready(self) -> None:
        """Take note that an avatar listens."""
        self._ready_count += 1
        self._warn_unwatched()

    def playing(self, identity: str) -> None:
        """Unsubscribe: it plays, and needs us no more for that."""
        if self._up is not None and self.ears is None:
            subscription.end(self._up.remote_participants.get(identity))

    def network_gone(self, gone: bool) -> None:
        """Take note that nothing comes from the server, or that something does again."""
        for avatar in self.avatars:
            avatar.network(gone)
        self._changes.tell()

    # ---- from the connection -------------------------------------------------------------------

    def up(self, room: rtc.Room) -> None:
        """Take this room, with those who are in it, for ours; or have it back."""
        self._up = room
        self._network.watch(room)
        if self.ears is not None:
            self.ears.watch(room)
        for avatar in self.avatars:
            avatar.connection(True)
        if self._known is not room:
            self._known = room
            for participant in tuple(room.remote_participants.values()):
                self.on_join(participant)
        self.look()

    def down(self) -> None:
        """Take note that nobody can be reached."""
        self._up = None
        self._network.stop()
        for avatar in self.avatars:
            avatar.connection(False)
        self._changes.tell()

    def failed(self, error: MicstreamError) -> None:
        """Take note that the room is closed to us for good; who is leaving anyway does not mind."""
        if self._hurries:
            self._changes.tell()
        else:
            self._failure.set(error)

    def on_join(self, participant: rtc.RemoteParticipant) -> None:
        """Tell of an avatar, and subscribe to its sound; or look whether it is in the way."""
        if not self._is_avatar(participant):
            for warning in self._warnings.joined(presence.person(participant)):
                self.emit(warning)
            return
        self.emit(events.AvatarJoined(identity=participant.identity))
        for publication in tuple(participant.track_publications.values()):
            self.on_track(publication, participant)

    def on_track(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        """Subscribe to the sound of an avatar: without a subscriber a stock one plays nothing."""
        if self._is_avatar(participant):
            subscription.begin(publication)

    def on_leave(self, participant: rtc.RemoteParticipant) -> None:
        """Tell of an avatar that has left; or of a room that nobody watches any more."""
        if not presence.person(participant).is_agent:
            self._warn_unwatched()
        if self._is_avatar(participant):
            self.emit(events.AvatarLeft(identity=participant.identity))

    def look(self) -> None:
        """Hand each avatar who may stand for it; whom one has taken no other gets."""
        self._looks_again = False
        if self._up is None:
            return
        people = presence.people_in(self._up, self._identity)
        for at, avatar in enumerate(self.avatars):
            taken = [each.identity for each in self.avatars]
            avatar.seen(free_for(at, people, self._patterns, taken))
        self._changes.tell()

    def on_started(self, identity: str) -> str:
        """Take a report that playback has started, from whoever stands for an avatar."""
        for avatar in self.avatars:
            if avatar.identity == identity:
                avatar.playback_started()
                return wire.OK
        return wire.REJECT

    def on_finished(self, identity: str, payload: str) -> str:
        """Take a report that playback has ended, from whoever stands for an avatar."""
        report = wire.parse_finished(payload)
        for avatar in self.avatars:
            if avatar.identity == identity and report is not None:
                avatar.playback_finished(report)
                return wire.OK
        return wire.REJECT

    def _is_avatar(self, participant: rtc.RemoteParticipant) -> bool:
        person = presence.person(participant)
        return person.is_agent and matches(self._patterns, person.identity)

    def _warn_unwatched(self) -> None:
        if self._up is not None:
            people = presence.people_in(self._up)
            for warning in self._warnings.unwatched(people, presence.closes_after_s(self._up)):
                self.emit(warning)


def _now() -> float:
    """Monotonic seconds, as `time.monotonic` tells them."""
    return asyncio.get_running_loop().time()
