"""Hearing one participant: the sound of the microphone that he publishes, wherever he is.

He may be away, come back, publish anew, or the room may be joined anew: `frames` reads the track
that is there, and ends with it. Only while it is read is he subscribed to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from livekit import rtc

from micstream.audio.format import SPEECH
from micstream.room.streams import SDK_ERRORS
from micstream.room.tasks import Changes

FRAME_MS: Final = 10
"""What the SDK makes of the packets, 20 ms each as a rule: no sooner, no later."""
_CAPACITY: Final = 10_000 // FRAME_MS
"""Frames held while the loop stands still: ten seconds; then the oldest are lost."""
_LOOK_S: Final = 0.05
"""Between two looks whether the track is there: the SDK's word for it is not awaited elsewhere."""
_SILENT_S: Final = 1.0
"""A track that is read gives frames of silence too: without any for so long it is gone."""
_CLOSE_S: Final = 1.0


class Frame(NamedTuple):
    """Some sound of his."""

    pcm: bytes
    """16 kHz mono 16-bit PCM."""
    arrived: float
    """Monotonic seconds at which it came out of the jitter buffer."""


class Place(Protocol):
    """Room, as far as hearing needs it."""

    @property
    def adopted(self) -> rtc.Room | None:
        """Room of the SDK; None while nobody can be reached."""
        ...


class Hearing:
    """The microphone of one participant, by his identity."""

    def __init__(self, room: Place, changes: Changes, identity: str) -> None:
        self.identity = identity
        self._room = room
        self._changes = changes

    @property
    def is_present(self) -> bool:
        """Whether he is in the room, as far as we can see."""
        room = self._room.adopted
        return room is not None and self.identity in room.remote_participants

    async def wait_published(self) -> None:
        """Wait until he is in the room with a microphone."""
        while self._publication() is None:
            await self._changes.after(self._changes.version)

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """His sound, from when he publishes it until that track is gone, or gives nothing more."""
        await self.wait_published()
        publication = self._publication()
        if publication is None:
            return
        with suppress(*SDK_ERRORS):
            publication.set_subscribed(True)
        try:
            while publication.track is None:
                if self._publication() is not publication:
                    return
                await asyncio.sleep(_LOOK_S)
            try:
                stream = rtc.AudioStream(
                    publication.track,
                    capacity=_CAPACITY,
                    sample_rate=SPEECH.rate,
                    num_channels=1,
                    frame_size_ms=FRAME_MS,
                )
            except SDK_ERRORS:
                await asyncio.sleep(_LOOK_S)  # by then it is heard: it may be asked for again
                return
            try:
                with suppress(TimeoutError, StopAsyncIteration):
                    while True:
                        async with asyncio.timeout(_SILENT_S):
                            event = await anext(stream)
                        yield Frame(bytes(event.frame.data), time.monotonic())
            finally:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):
                        await stream.aclose()
        finally:
            if self._publication() is publication:
                with suppress(*SDK_ERRORS):
                    publication.set_subscribed(False)

    def _publication(self) -> rtc.RemoteTrackPublication | None:
        """What he publishes as his microphone; where nothing is called that, his only sound."""
        room = self._room.adopted
        person = room.remote_participants.get(self.identity) if room is not None else None
        sounds = [
            each
            for each in (person.track_publications.values() if person is not None else ())
            if each.kind == rtc.TrackKind.KIND_AUDIO
        ]
        named = [each for each in sounds if each.source == rtc.TrackSource.SOURCE_MICROPHONE]
        found = named or [each for each in sounds if each.source == rtc.TrackSource.SOURCE_UNKNOWN]
        return found[0] if found else None
