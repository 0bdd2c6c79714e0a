"""A participant that looks and listens: who is there, what they publish, and taps on both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from livekit import rtc

from micstream.errors import ConnectionFailed
from micstream.room.connect import visit
from micstream.room.joining import say_goodbye
from micstream.room.participant import participant
from micstream.settings.pieces import ConnectionSettings
from micstream.viewer.changes import Changes
from micstream.viewer.feed import Feed
from micstream.viewer.picture import PictureFeed, PictureFrame
from micstream.viewer.recording import HOUR_S, PictureRecording, SoundRecording
from micstream.viewer.sound import BLOCKS_PER_S, SoundBlock, SoundFeed
from micstream.viewer.tap import Sink, Tap

T = TypeVar("T")

_SOUND: Final = rtc.TrackKind.KIND_AUDIO
_PICTURE: Final = rtc.TrackKind.KIND_VIDEO
_CHANGES: Final = (
    "participant_connected",
    "participant_active",
    "participant_disconnected",
    "track_published",
    "track_unpublished",
    "reconnected",
    "connection_state_changed",
)


class Viewer:
    """Looks and listens in `room`, which somebody joins it to after this, and leaves.

    Nothing is subscribed to until it is asked for. What is asked for of a participant holds for as
    long as the viewer lives: also where that one comes later, leaves and comes back.
    """

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        """The SDK's: who is there, and what is known of them."""
        self._changes = Changes()
        self._subscribed: set[tuple[str, int]] = set()
        self._sounds: dict[str, SoundFeed] = {}
        self._pictures: dict[str, PictureFeed] = {}
        for name in _CHANGES:
            room.on(name, self._look)
        room.on("track_subscribed", self._on_track)
        room.on("track_unsubscribed", self._on_track_gone)
        room.on("track_unpublished", lambda publication, who: self._stop(who, publication.sid))
        room.on("participant_disconnected", self._on_leave)
        room.on("disconnected", self._on_disconnected)

    # ---- who is there --------------------------------------------------------------------------

    def find(self, identity: str) -> rtc.RemoteParticipant | None:
        """The participant of this identity; None: not there."""
        return self.room.remote_participants.get(identity)

    def publishes_sound(self, identity: str) -> bool:
        """Whether it has published a sound, subscribed to or not."""
        return bool(self._publications(identity, _SOUND))

    def publishes_picture(self, identity: str) -> bool:
        """Whether it has published a picture, subscribed to or not."""
        return bool(self._publications(identity, _PICTURE))

    def track(self, identity: str, *, picture: bool = False) -> rtc.Track | None:
        """Its sound, or picture, as the SDK has it; None: not subscribed to.

        For what only the SDK knows, such as the jitter buffer's statistics (`get_stats`).
        """
        tracks = self._tracks(identity, _PICTURE if picture else _SOUND)
        return tracks[0] if tracks else None

    async def until(self, condition: Callable[[], T]) -> T:
        """Wait until `condition()` is true; it is looked at whenever the room has changed.

        Changed: somebody came, went or is active, a track is published or gone, the connection.

        Raises:
            ConnectionFailed: the room was lost for good meanwhile.
        """
        return await self._changes.until(condition)

    # ---- what is seen and heard of them --------------------------------------------------------

    def subscribe(self, identity: str, *, sound: bool = False, picture: bool = False) -> None:
        """Subscribe without taking anything: some avatars show themselves to subscribers only."""
        kinds = ((_SOUND, sound), (_PICTURE, picture))
        self._subscribed |= {(identity, kind) for kind, wanted in kinds if wanted}
        self._look()

    def listen(self, identity: str, *, capacity_s: float = 10.0) -> Tap[SoundBlock]:
        """Its sound from now on, for `async for`; of what is untaken `capacity_s` are kept."""
        tap = Tap[SoundBlock](max(1, round(capacity_s * BLOCKS_PER_S)))
        self.attach_sound(identity, tap)
        return tap

    def watch(self, identity: str, *, capacity: int = 8) -> Tap[PictureFrame]:
        """Its picture from now on, for `async for`; of what is untaken `capacity` are kept."""
        tap = Tap[PictureFrame](capacity)
        self.attach_picture(identity, tap)
        return tap

    def record_sound(self, identity: str, *, max_s: float = HOUR_S) -> SoundRecording:
        """A recording of its sound from now on, of `max_s` seconds at most."""
        recording = SoundRecording(max_s)
        self.attach_sound(identity, recording)
        return recording

    def record_picture(self, identity: str) -> PictureRecording:
        """A recording of when its frames come, from now on."""
        recording = PictureRecording()
        self.attach_picture(identity, recording)
        return recording

    def attach_sound(self, identity: str, sink: Sink[SoundBlock]) -> None:
        """Hand every block of its sound to `sink`, from now on until `detach`."""
        if identity not in self._sounds:
            self._sounds[identity] = SoundFeed(self._changes.fail)
            for track in self._tracks(identity, _SOUND):
                self._sounds[identity].begin(track)
        self._sounds[identity].attach(sink)
        self._look()

    def attach_picture(self, identity: str, sink: Sink[PictureFrame]) -> None:
        """Hand every frame of its picture to `sink`, from now on until `detach`."""
        if identity not in self._pictures:
            self._pictures[identity] = PictureFeed(self._changes.fail)
            for track in self._tracks(identity, _PICTURE):
                self._pictures[identity].begin(track)
        self._pictures[identity].attach(sink)
        self._look()

    def detach(self, sink: Sink[SoundBlock] | Sink[PictureFrame]) -> None:
        """End this tap or recording; unsubscribes where nobody else takes the same."""
        for kind, feeds in ((_SOUND, self._sounds), (_PICTURE, self._pictures)):
            for identity, feed in feeds.items():
                if feed.detach(sink) and (identity, kind) not in self._wanted():
                    for publication in self._publications(identity, kind):
                        publication.set_subscribed(False)

    async def aclose(self) -> None:
        """End all taps and recordings, and close what fed them; the room is left by its owner."""
        await asyncio.gather(*(feed.aclose() for feed in self._feeds()))

    # ---- the room ------------------------------------------------------------------------------

    def joined(self) -> None:
        """Look who is there: to be called once the room has been joined."""
        self._look()

    def _look(self, *_: object) -> None:
        """Subscribe to what is wanted and is not subscribed to; tell whoever waits."""
        for identity, kind in self._wanted():
            for publication in self._publications(identity, kind):
                if not publication.subscribed:
                    publication.set_subscribed(True)
        self._changes.tell()

    def _wanted(self) -> set[tuple[str, int]]:
        taken = {(identity, _SOUND) for identity, feed in self._sounds.items() if feed.is_wanted}
        taken |= {(who, _PICTURE) for who, feed in self._pictures.items() if feed.is_wanted}
        return self._subscribed | taken

    def _publications(self, identity: str, kind: int) -> list[rtc.RemoteTrackPublication]:
        who = self.find(identity)
        published = tuple(who.track_publications.values()) if who is not None else ()
        return [publication for publication in published if publication.kind == kind]

    def _tracks(self, identity: str, kind: int) -> list[rtc.Track]:
        tracks = (publication.track for publication in self._publications(identity, kind))
        return [track for track in tracks if track is not None]

    def _feeds(self) -> list[Feed[Any]]:
        return [*self._sounds.values(), *self._pictures.values()]

    def _feed(self, identity: str, kind: int) -> SoundFeed | PictureFeed | None:
        return (self._sounds if kind == _SOUND else self._pictures).get(identity)

    def _on_track(
        self,
        track: rtc.Track,
        _: rtc.RemoteTrackPublication,
        who: rtc.RemoteParticipant,
    ) -> None:
        if (feed := self._feed(who.identity, track.kind)) is not None:
            feed.begin(track)
        self._changes.tell()

    def _on_track_gone(
        self,
        _: rtc.Track | None,
        publication: rtc.RemoteTrackPublication,
        who: rtc.RemoteParticipant,
    ) -> None:
        self._stop(who, publication.sid)
        self._look()  # it may be wanted again by now

    def _on_leave(self, who: rtc.RemoteParticipant) -> None:
        for sid in tuple(who.track_publications):
            self._stop(who, sid)

    def _stop(self, who: rtc.RemoteParticipant, sid: str) -> None:
        for kind in (_SOUND, _PICTURE):
            if (feed := self._feed(who.identity, kind)) is not None:
                feed.stop(sid)

    def _on_disconnected(self, *_: object) -> None:
        error = ConnectionFailed(
            "the viewer's connection to the room was lost",
            hint="check the network and the server; micstream doctor looks closer",
            code="viewer_lost",
        )
        self._changes.fail(error)
        for feed in self._feeds():
            feed.fail(error)


@asynccontextmanager
async def viewing(connection: ConnectionSettings, name: str) -> AsyncIterator[Viewer]:
    """A viewer in the connection's room, as `name` and a random end, until the context ends.

    Of kind standard: an agent may be taken for the sender. The room takes no notice of it, but the
    others see it: to a hidden participant's subscription an avatar does not show itself.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the server is not reached or does not let us in.
    """
    room = participant()
    viewer = Viewer(room)
    await visit(room, connection, name)
    try:
        viewer.joined()
        yield viewer
    finally:
        try:
            await viewer.aclose()
        finally:
            await say_goodbye(room)
