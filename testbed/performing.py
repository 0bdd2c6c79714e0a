"""A participant of a real room who publishes a microphone: a second machine, a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from livekit import rtc

from testbed.rooms import Server, joined
from testbed.speech import RATE, Samples

_FRAME = RATE // 50


class RoomPerformer:
    """His microphone in the room; what he says is sent in its own time."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=200)
        self._publication: rtc.LocalTrackPublication | None = None

    async def publish(self) -> None:
        """Publish the microphone."""
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        self._publication = await self.room.local_participant.publish_track(track, options)

    async def unpublish(self) -> None:
        """Publish it no more."""
        assert self._publication is not None
        await self.room.local_participant.unpublish_track(self._publication.sid)

    async def say(self, sound: Samples) -> None:
        """Say this, as long as it takes."""
        for at in range(0, len(sound), _FRAME):
            piece = np.zeros(_FRAME, np.int16)
            part = sound[at : at + _FRAME]
            piece[: len(part)] = part
            await self._source.capture_frame(rtc.AudioFrame(piece.tobytes(), RATE, 1, _FRAME))

    async def silent(self, seconds: float) -> None:
        """Say nothing for so long."""
        await self.say(np.zeros(round(seconds * RATE), np.int16))


@asynccontextmanager
async def performing(server: Server, room: str, identity: str) -> AsyncIterator[RoomPerformer]:
    """In the room, with a microphone, within the context."""
    async with joined(server, room, identity) as participant:
        performer = RoomPerformer(participant)
        await performer.publish()
        yield performer
