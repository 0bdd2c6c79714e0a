"""Byte streams to one avatar: opened, written, closed; each operation says whether it succeeded."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from livekit import rtc

from micstream.delivery import wire
from micstream.room.network import send_to_ourselves
from micstream.room.tasks import Tasks

_PIECE: Final = 3_200
"""Bytes: the frame of a stock receiver, 100 ms at 16 kHz."""
_CLOSE_S: Final = 0.5
"""Timeout of a close that nobody waits for."""
_NUDGE_EVERY_S: Final = 0.006
"""All of them between two writes."""
SDK_ERRORS: Final = (ConnectionError, RuntimeError, AssertionError)
"""What the SDK raises once the room is gone; a failed assertion for a handle it has let go."""


class Streams:
    """Streams by the numbers that the delivery gives them; one operation at a time."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._opening: dict[int, asyncio.Task[rtc.ByteStreamWriter | None]] = {}
        self._room: rtc.Room | None = None
        """The one in which a stream was opened last."""
        self._nudging: asyncio.Task[None] | None = None
        self._nudges = 0
        """So many are still to go."""

    async def open(self, stream: int, room: rtc.Room, identity: str, rate: int) -> bool:
        """Begin a segment to the avatar: mono PCM at `rate` Hz.

        Not broken off where its caller is: the header may be out already, and then the stream has
        to be known, to be closed.
        """
        self._room = room
        opening = self._tasks.spawn(_open(room, identity, rate))
        if opening is None:
            return False
        self._opening[stream] = opening
        if await asyncio.shield(opening) is not None:
            return True
        self._opening.pop(stream, None)
        return False

    async def write(self, stream: int, pcm: bytes, nudges: int = 0) -> bool:
        """Write sound, and nudge; it may block for seconds while the room reconnects.

        Where it nudges, in pieces: what does not fit into the first flight of packets (SCTP's
        congestion window: four of them) comes a round trip later, and holds up what does.
        """
        writer = self._opening[stream].result()
        try:
            assert writer is not None
            size = _PIECE if nudges else max(1, len(pcm))
            for at in range(0, len(pcm), size):
                await writer.write(pcm[at : at + size])
        except SDK_ERRORS:
            return False
        self._nudge(nudges)
        return True

    async def close(self, stream: int, nudges: int = 0) -> bool:
        """End the segment, and nudge: the avatar plays what it has of it."""
        writer = self._opening[stream].result()
        try:
            assert writer is not None
            await writer.aclose()
        except SDK_ERRORS:
            return False
        finally:
            self._opening.pop(stream, None)
        self._nudge(nudges)
        return True

    def _nudge(self, count: int) -> None:
        """Have so many packets follow; nobody waits for them, and they never pile up."""
        self._nudges = count
        if count and (self._nudging is None or self._nudging.done()):
            self._nudging = self._tasks.spawn(self._send_nudges())

    async def _send_nudges(self) -> None:
        while self._nudges and self._room is not None:
            self._nudges -= 1
            await send_to_ourselves(self._room)
            await asyncio.sleep(_NUDGE_EVERY_S)

    async def abandon(self, stream: int) -> None:
        """Close it if and as soon as that is possible; nobody waits for it."""
        opening = self._opening.pop(stream, None)
        writer = await opening if opening is not None else None
        if writer is not None:
            with contextlib.suppress(*SDK_ERRORS, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await writer.aclose()


async def _open(room: rtc.Room, identity: str, rate: int) -> rtc.ByteStreamWriter | None:
    try:
        return await room.local_participant.stream_bytes(
            name=wire.stream_name(),
            topic=wire.AUDIO_TOPIC,
            destination_identities=[identity],
            attributes=wire.stream_attributes(rate),
        )
    except SDK_ERRORS:
        return None
