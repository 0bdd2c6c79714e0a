"""Watch a room beside its avatar: what the server shows to somebody who is not spoken to.

Streams and calls go from the sender to the avatar alone, and are shown to nobody else. What is to
be seen is who is there, with which attributes and tracks, and when the avatar is heard.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Literal

from livekit import rtc

from micstream.lab.receiver import Tell, kind_of, seen
from micstream.lab.seen import Heard, TrackSeen
from micstream.tasks import task_group
from micstream.viewer.recording import LOUD
from micstream.viewer.viewer import Viewer

_SILENCE_S: Final = 0.4


async def watch(viewer: Viewer, tell: Tell) -> None:
    """Tell what is to be seen, until the room is lost.

    Raises:
        ConnectionFailed: it is.
    """
    room = viewer.room
    heard: dict[str, asyncio.Task[None]] = {}
    async with task_group() as tasks:

        def listen(who: rtc.RemoteParticipant) -> None:
            if kind_of(who) == "agent" and who.identity not in heard:
                heard[who.identity] = tasks.create_task(_listen(viewer, who.identity, tell))

        def joined(who: rtc.RemoteParticipant) -> None:
            tell(seen(who, "joined"))
            listen(who)

        room.on("participant_connected", joined)
        room.on("participant_disconnected", lambda who: tell(seen(who, "left")))
        room.on("participant_attributes_changed", lambda _, who: tell(seen(who, "changed")))
        room.on("track_published", lambda track, who: tell(_track(track, who, "published")))
        room.on("track_unpublished", lambda track, who: tell(_track(track, who, "unpublished")))
        room.on("track_muted", lambda who, track: tell(_track(track, who, "muted")))
        room.on("track_unmuted", lambda who, track: tell(_track(track, who, "unmuted")))
        for who in list(room.remote_participants.values()):
            joined(who)
            for track in who.track_publications.values():
                tell(_track(track, who, "published"))
        await viewer.until(lambda: False)


def _track(
    track: rtc.TrackPublication,
    who: rtc.Participant,
    state: Literal["published", "unpublished", "muted", "unmuted"],
) -> TrackSeen:
    sound = track.kind == rtc.TrackKind.KIND_AUDIO
    return TrackSeen(
        identity=who.identity,
        track="sound" if sound else "picture",
        state=state,
    )


async def _listen(viewer: Viewer, identity: str, tell: Tell) -> None:
    """Tell when it begins to be heard, and when it has fallen silent."""
    began: float | None = None
    last = 0.0
    async for block in viewer.listen(identity):
        loud = bool(block.samples.size) and int(abs(block.samples.astype(int)).max()) > LOUD
        if loud:
            if began is None:
                began = block.arrived
                tell(Heard(t=time.time(), identity=identity, state="sound"))
            last = block.arrived
        elif began is not None and block.arrived - last > _SILENCE_S:
            tell(Heard(identity=identity, state="silence", seconds=last - began))
            began = None
