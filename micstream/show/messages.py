"""Messages of cues, to the avatars that are spoken through."""

from __future__ import annotations

import asyncio

from micstream.errors import AvatarUnavailable
from micstream.fan_out import FanOut
from micstream.messages import Message
from micstream.room.messages import send
from micstream.room.room import Room


class Messages:
    """Sends messages to each avatar of the route."""

    def __init__(self, room: Room, fan_out: FanOut) -> None:
        self._room = room
        self._fan_out = fan_out

    async def send(self, message: Message) -> None:
        """Send it to each of them, at the same time.

        Raises:
            MicstreamError: to one of them it did not get; the others have it.
            AvatarUnavailable: one of them is not there.
        """
        routed = self._fan_out.routed
        avatars = [avatar for avatar in self._room.avatars if avatar.pattern in routed]
        sent = await asyncio.gather(
            *(self._send(avatar.identity, avatar.pattern, message) for avatar in avatars),
            return_exceptions=True,
        )
        for failure in sent:
            if isinstance(failure, BaseException):
                raise failure

    async def _send(self, identity: str | None, pattern: str, message: Message) -> None:
        if identity is None:
            raise AvatarUnavailable(
                f"{message.kind} {message.name!r}: the avatar {pattern!r} is not here",
                code="no_avatar",
            )
        await send(self._room.adopted, identity, message)
