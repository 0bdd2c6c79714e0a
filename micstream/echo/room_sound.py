"""The avatars' sound from the room, as an echo guard's reference."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Final

import numpy as np
from livekit import rtc

from micstream.audio.format import SAMPLE_WIDTH
from micstream.echo.reference import Arriving
from micstream.sources.source import Source
from micstream.viewer.sound import SoundBlock, SoundFeed

_AVATARS: Final = 8
"""More than anybody plays in one hall: who was heard first of all is forgotten then."""
_TRACKS: Final = 4
"""Of one avatar, heard at once; what came first of all is forgotten then."""


class _Sink:
    """One avatar's sound on its way into a reference: of each track, as each has its own clock."""

    def __init__(self) -> None:
        self.tracks: dict[str, Arriving] = {}

    def push(self, block: SoundBlock) -> None:
        """Take the next block."""
        if block.track not in self.tracks:
            if len(self.tracks) == _TRACKS:
                del self.tracks[next(iter(self.tracks))]
            self.tracks[block.track] = Arriving()
        self.tracks[block.track].push(block.pcm, block.arrived)

    def end(self, error: Exception | None) -> None:
        """Nothing comes any more; without a reference the guard guards nothing, and says so."""
        del error
        self.tracks.clear()

    def gone(self, track: str) -> None:
        """Nothing comes of this one any more: what is not there is not late."""
        self.tracks.pop(track, None)


class RoomSound:
    """Sound of the avatars that we are subscribed to, laid beside the microphone and mixed.

    `watch` each room that is ours; `take` it as a `Reference`. For one guard each there is a
    `branch`: it reads at its own place. `performers`: identities of who is heard there as a
    microphone, which no loudspeaker plays.
    """

    def __init__(self, performers: Collection[str] = ()) -> None:
        self._performers = frozenset(performers)
        self._room: rtc.Room | None = None
        self._feeds: dict[str, SoundFeed] = {}
        self._branches: list[Branch] = []
        self._closing: set[asyncio.Task[None]] = set()

    def branch(self) -> Branch:
        """The sound for one more guard, for as long as the room lasts."""
        branch = Branch()
        for identity, feed in self._feeds.items():
            feed.attach(branch.sink(identity))
        self._branches.append(branch)
        return branch

    def watch(self, room: rtc.Room) -> None:
        """Take note that this room is ours, with whoever is subscribed to in it."""
        if room is self._room:
            return
        self._drop()
        self._room = room
        room.on("track_subscribed", partial(self._on_track, room))
        room.on("track_unsubscribed", partial(self._on_gone, room))
        for who in room.remote_participants.values():
            for publication in who.track_publications.values():
                if publication.track is not None:
                    self._on_track(room, publication.track, publication, who)

    async def aclose(self) -> None:
        """Close every stream: the room is left."""
        self._drop()
        if self._closing:
            await asyncio.wait(self._closing)

    def _on_track(
        self,
        room: rtc.Room,
        track: rtc.Track,
        _: rtc.RemoteTrackPublication,
        who: rtc.RemoteParticipant,
    ) -> None:
        if room is not self._room or track.kind != rtc.TrackKind.KIND_AUDIO:
            return
        if who.identity in self._performers:
            return
        if who.identity not in self._feeds:
            if len(self._feeds) == _AVATARS:
                self._close(next(iter(self._feeds)))
            self._feeds[who.identity] = SoundFeed(lambda _: None)
        feed = self._feeds[who.identity]
        if not feed.is_wanted:  # reading its last track has failed
            for branch in self._branches:
                feed.attach(branch.sink(who.identity))
        feed.begin(track)

    def _on_gone(
        self,
        room: rtc.Room,
        _: rtc.Track | None,
        publication: rtc.RemoteTrackPublication,
        who: rtc.RemoteParticipant,
    ) -> None:
        if room is self._room and who.identity in self._feeds:
            self._feeds[who.identity].stop(publication.sid)
            for branch in self._branches:
                branch.sink(who.identity).gone(publication.sid)

    def _drop(self) -> None:
        self._room = None
        for identity in tuple(self._feeds):
            self._close(identity)

    def _close(self, identity: str) -> None:
        feed = self._feeds.pop(identity)
        task = asyncio.create_task(feed.aclose(), name=f"echo reference {identity}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class Branch:
    """Reference of one guard: the avatars' sound, mixed."""

    def __init__(self) -> None:
        self._sinks: dict[str, _Sink] = {}

    def sink(self, identity: str) -> _Sink:
        """What takes this avatar's sound."""
        return self._sinks.setdefault(identity, _Sink())

    @property
    def missed(self) -> int:
        """Samples that were not there when they were wanted."""
        return sum(each.missed for each in self._tracks())

    @property
    def late(self) -> int:
        """Samples by which the sound is laid later than it comes at the earliest."""
        return max((each.late for each in self._tracks()), default=0)

    def open(self, source: Source) -> None:
        """Another opening of the microphone."""
        for each in self._tracks():
            each.open(source)

    def hear(self, block: bytes) -> None:
        """Nothing: it does not come with the microphone."""

    def finish(self) -> None:
        """Nothing: it does not end with the microphone."""

    def take(self, samples: int, at: float) -> bytes:
        """The sound beside the microphone's next `samples`, captured at monotonic `at`."""
        taken = [each.take(samples, at) for each in self._tracks()]
        if not taken:
            return bytes(samples * SAMPLE_WIDTH)
        if len(taken) == 1:
            return taken[0]
        mixed = np.sum([np.frombuffer(each, np.int16) for each in taken], axis=0, dtype=np.int32)
        return mixed.clip(-32_768, 32_767).astype(np.int16).tobytes()

    def _tracks(self) -> list[Arriving]:
        return [track for sink in self._sinks.values() for track in sink.tracks.values()]
