"""Watching an avatar come into the room, without being its sender.

We join as kind standard: an agent may be taken for the sender. And we are seen: livekit-agents'
avatar publishes its sound, waits until somebody is subscribed to it, and only then shows itself.
A hidden participant's subscription is kept from it, and the next one is then no news any more: it
waits for ever (measured with livekit-server 1.13.5).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from livekit import rtc

from micstream.avatars.start import Order, Progress
from micstream.errors import AvatarUnavailable
from micstream.events import Warned
from micstream.room import presence
from micstream.room import subscription as hearing
from micstream.room.connect import visit
from micstream.settings import Settings


class Arrival:
    """An avatar's way into the room, as a viewer sees it."""

    def __init__(self, room: rtc.Room, wanted: Order, seen: asyncio.Event) -> None:
        self._room = room
        self._wanted = wanted
        self._seen = seen

    async def until_ready(
        self,
        progress: Progress,
        *,
        within: float,
        patience: float,
        on_doubt: Callable[[Warned], None],
    ) -> None:
        """Until it is active and its sound and picture are published.

        One that waits for its sender to join is there, and said to be so after `patience` seconds.

        Raises:
            AvatarUnavailable: not within `within` seconds, or it has left again.
        """
        try:
            async with asyncio.timeout(within):
                await self._until(lambda: self._avatar is not None)
                progress.done("joined")
                await self._until(self._is_active)
                progress.done("active")
                if await self._shows_itself(patience):
                    progress.done("picture")
                else:
                    on_doubt(self._waits_for_sender())
        except TimeoutError:
            raise self._missing(within) from None
        progress.done("ready")

    @property
    def _avatar(self) -> rtc.RemoteParticipant | None:
        return self._room.remote_participants.get(self._wanted.identity)

    def _is_active(self) -> bool:
        return presence.is_active(self._present())

    def _has_picture(self) -> bool:
        return presence.has_video(self._present())

    def _present(self) -> rtc.RemoteParticipant:
        if self._avatar is None:
            raise AvatarUnavailable(
                f"the avatar {self._wanted.identity!r} joined and has left again",
                hint="look at its server; micstream avatar start asks it again",
                code="avatar_left",
            )
        return self._avatar

    async def _shows_itself(self, patience: float) -> bool:
        """Whether it does; waits for ever where its sender is there, else for `patience` s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._until(self._has_picture)
                return True
        if self._wanted.speaks_for in self._room.remote_participants:
            await self._until(self._has_picture)
            return True
        return False

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._seen.clear()
            await self._seen.wait()

    def _waits_for_sender(self) -> Warned:
        return Warned(
            code="no_picture_yet",
            message=f"the avatar {self._wanted.identity!r} is there and shows no picture: it may "
            f"wait for its sender {self._wanted.speaks_for!r}, who is not in the room",
            hint="start speaking: micstream live",
        )

    def _missing(self, within: float) -> AvatarUnavailable:
        avatar = self._avatar
        lacks = "has not joined"
        if avatar is not None:
            lacks = "shows no picture" if presence.is_active(avatar) else "is not active"
        return AvatarUnavailable(
            f"the avatar {self._wanted.identity!r} {lacks} within {within:g} s",
            hint="look at its server: can it reach LIVEKIT_URL? Where it needs longer: "
            "--wait-avatar",
            code="avatar_not_ready" if avatar is not None else "no_avatar",
        )


@asynccontextmanager
async def watching(settings: Settings, wanted: Order) -> AsyncIterator[Arrival]:
    """In the room, and subscribed to the sound of the avatar as soon as there is some.

    Raises:
        ConnectionFailed: the room cannot be joined.
    """
    room, seen = rtc.Room(), asyncio.Event()

    def look(*_: object) -> None:
        avatar = room.remote_participants.get(wanted.identity)
        for publication in tuple(avatar.track_publications.values()) if avatar else ():
            hearing.begin(publication)
        seen.set()

    for name in (
        "participant_connected",
        "participant_active",
        "participant_disconnected",
        "track_published",
    ):
        room.on(name, look)
    await visit(room, settings, "micstream")
    try:
        look()
        yield Arrival(room, wanted, seen)
    finally:
        await room.disconnect()
