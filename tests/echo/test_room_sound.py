"""The avatars' sound from the room as a reference: theirs alone, and gone with them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from micstream.echo import room_sound
from micstream.echo.room_sound import Branch, RoomSound
from micstream.viewer.sound import SoundBlock


class Feed:
    """In the place of what reads a track."""

    is_wanted = False

    def __init__(self, _: object) -> None:
        self.begun: list[object] = []
        self.stopped: list[str] = []

    def attach(self, _: object) -> None:
        """Take a sink."""

    def begin(self, track: object) -> None:
        """Read this track."""
        self.begun.append(track)

    def stop(self, sid: str) -> None:
        """Read that one no more."""
        self.stopped.append(sid)


def block(arrived: float, track: str, level: int = 0) -> SoundBlock:
    """Ten milliseconds."""
    return SoundBlock(np.full(160, level, np.int16).tobytes(), 0, arrived, arrived, track)


def room_with(*identities: str) -> Any:
    """A room in which each of these has an audio track that we are subscribed to."""
    track = SimpleNamespace(kind=rtc.TrackKind.KIND_AUDIO)
    people = {
        name: SimpleNamespace(
            identity=name, track_publications={"a": SimpleNamespace(track=track, sid=f"of {name}")}
        )
        for name in identities
    }
    handlers: dict[str, Any] = {}
    return SimpleNamespace(remote_participants=people, handlers=handlers, on=handlers.__setitem__)


@pytest.fixture(autouse=True)
def _feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_sound, "SoundFeed", Feed)


async def test_a_performer_in_the_room_is_no_reference() -> None:
    sound, room = RoomSound(["ben"]), room_with("ben", "avatar-anna")
    sound.watch(room)
    assert list(sound._feeds) == ["avatar-anna"]


async def test_while_an_avatar_is_away_nothing_of_its_is_late() -> None:
    sound, room = RoomSound(), room_with("avatar-anna")
    branch = sound.branch()
    sound.watch(room)
    branch.sink("avatar-anna").push(block(1.0, "of avatar-anna"))
    branch.take(160, 1.0)
    assert branch.late
    who = room.remote_participants["avatar-anna"]
    room.handlers["track_unsubscribed"](None, who.track_publications["a"], who)
    assert not any(branch.take(16_000, 60.0))
    assert (branch.missed, branch.late) == (0, 0)


def test_two_tracks_of_an_avatar_are_both_heard() -> None:
    sink = (branch := Branch()).sink("avatar-anna")
    for number in range(100):
        for track, level in (("voice", 1_000), ("music", 200)):
            sink.push(block(number / 100, track, level))
    played = np.frombuffer(branch.take(1_600, 0.8), np.int16)
    assert set(played) == {1_200}
    sink.gone("music")
    assert set(np.frombuffer(branch.take(160, 0.9), np.int16)) == {1_000}
