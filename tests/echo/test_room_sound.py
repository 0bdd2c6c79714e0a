"""The avatars' sound from the room as a reference: theirs alone, and gone with them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from livekit import rtc

from micstream.echo import room_sound
from micstream.echo.room_sound import RoomSound


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
    reference = branch.sink("avatar-anna").reference
    reference.push(bytes(3_200), 1.0)
    who = room.remote_participants["avatar-anna"]
    room.handlers["track_unsubscribed"](None, who.track_publications["a"], who)
    branch.take(16_000, 60.0)
    assert branch.missed == 0
