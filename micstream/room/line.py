"""One segment at a time to an avatar, and the next only once the last has been read."""

from __future__ import annotations

import asyncio
from typing import Final

from livekit import rtc

from micstream.room import presence

_ARRIVED_S: Final = 0.5
"""Longest wait for a segment to have arrived; on a slower way the receiver is late anyway."""
_READ_S: Final = 0.02
"""And for the receiver to have read it: without, 9 bursts of 84 were damaged, with 20 ms none."""


class Line:
    """Held by whoever has a segment open; freed a moment after it was closed.

    A stock receiver that sees the next header too early drops what it has not read of the segment
    before. A call queues behind the sound, so its answer, whatever it is, says that all of it has
    arrived.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._freeing: set[asyncio.Task[None]] = set()

    async def take(self) -> None:
        """Wait for one's turn."""
        await self._lock.acquire()

    def give_back(self) -> None:
        """Let the next one have it at once: nothing was sent."""
        self._lock.release()

    def give_back_read(self, room: rtc.Room, identity: str) -> None:
        """Let the next one have it once the avatar `identity` has read what was sent."""
        task = asyncio.create_task(self._until_read(room, identity))
        self._freeing.add(task)
        task.add_done_callback(self._freeing.discard)

    async def aclose(self) -> None:
        """Wait for nothing any more."""
        for task in tuple(self._freeing):
            task.cancel()
        await asyncio.gather(*self._freeing, return_exceptions=True)

    async def _until_read(self, room: rtc.Room, identity: str) -> None:
        try:
            if await presence.answers(room, identity, timeout=_ARRIVED_S):
                await asyncio.sleep(_READ_S)
        finally:
            self._lock.release()
