"""An avatar's way into the room, as a viewer sees it.

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
from typing import Literal, Protocol

from livekit import rtc

from micstream.errors import AvatarUnavailable
from micstream.events import Warned
from micstream.room import presence
from micstream.settings.pieces import ConnectionSettings
from micstream.viewer.viewer import Viewer, viewing


class Wanted(Protocol):
    """The avatar that is waited for."""

    @property
    def identity(self) -> str:
        """Its identity in the room."""

    @property
    def speaks_for(self) -> str:
        """Identity of its sender."""


class Progress(Protocol):
    """Whoever is told of each step."""

    def done(self, step: Literal["joined", "active", "picture", "ready"]) -> None:
        """Learn that this step is done."""


class Arrival:
    """Waits until an avatar is there; the viewer is subscribed to its sound."""

    def __init__(self, viewer: Viewer, wanted: Wanted) -> None:
        self._viewer = viewer
        self._wanted = wanted

    async def until_ready(
        self,
        progress: Progress,
        *,
        timeout: float,
        picture_timeout: float,
        on_warning: Callable[[Warned], None],
    ) -> None:
        """Wait until it is active and its sound and picture are published.

        One that shows no picture within `picture_timeout` seconds, and whose sender is not in the
        room, waits for that: it is there, with a warning.

        Raises:
            AvatarUnavailable: not within `timeout` seconds, or it has left again.
            ConnectionFailed: the room was lost for good meanwhile.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._viewer.until(lambda: self._avatar is not None)
                progress.done("joined")
                await self._viewer.until(self._is_active)
                progress.done("active")
                if await self._shows_itself(picture_timeout):
                    progress.done("picture")
                else:
                    on_warning(self._waits_for_sender())
        except TimeoutError:
            raise self._missing(timeout) from None
        progress.done("ready")

    @property
    def _avatar(self) -> rtc.RemoteParticipant | None:
        return self._viewer.find(self._wanted.identity)

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

    async def _shows_itself(self, timeout: float) -> bool:
        """Wait for its picture: for ever where its sender is there, else for `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._viewer.until(self._has_picture)
                return True
        if self._viewer.find(self._wanted.speaks_for) is not None:
            await self._viewer.until(self._has_picture)
            return True
        return False

    def _waits_for_sender(self) -> Warned:
        return Warned(
            code="no_picture_yet",
            message=f"the avatar {self._wanted.identity!r} is there and shows no picture: it may "
            f"wait for its sender {self._wanted.speaks_for!r}, who is not in the room",
            hint="start speaking: micstream live",
        )

    def _missing(self, timeout: float) -> AvatarUnavailable:
        avatar = self._avatar
        lacks = "has not joined"
        if avatar is not None:
            lacks = "shows no picture" if presence.is_active(avatar) else "is not active"
        return AvatarUnavailable(
            f"the avatar {self._wanted.identity!r} {lacks} within {timeout:g} s",
            hint="look at its server: can it reach LIVEKIT_URL? Where it needs longer: "
            "--wait-avatar",
            code="avatar_not_ready" if avatar is not None else "no_avatar",
        )


@asynccontextmanager
async def arriving(connection: ConnectionSettings, wanted: Wanted) -> AsyncIterator[Arrival]:
    """A viewer in the room, subscribed to the sound of the avatar as soon as there is some.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the room cannot be joined.
    """
    async with viewing(connection, "micstream") as viewer:
        viewer.subscribe(wanted.identity, sound=True)
        yield Arrival(viewer, wanted)
