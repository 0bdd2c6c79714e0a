"""What the server itself says of the avatar, and takes out of the room: for holders of its secret.

Source: LiveKit's RoomService (livekit-api).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api

from micstream.delivery import wire
from micstream.errors import ConnectionFailed
from micstream.room import presence
from micstream.room.connect import explain, key_and_secret, server_url
from micstream.settings import Settings

_ANSWER: Final = aiohttp.ClientTimeout(total=5)
_STATES: Final = {
    api.ParticipantInfo.JOINING: "joining",
    api.ParticipantInfo.JOINED: "joined",
    api.ParticipantInfo.ACTIVE: "active",
}
_KINDS: Final = {api.TrackType.AUDIO: "audio", api.TrackType.VIDEO: "video"}


@dataclass(frozen=True, slots=True)
class Standing:
    """An avatar in the room, as the server sees it."""

    identity: str
    state: str
    """joining, joined, active."""
    since: float
    """Unix seconds at which it joined."""
    speaks_for: str | None
    """The identity to which it listens; None where it does not say."""
    tracks: tuple[str, ...]
    """Those it publishes: audio, video."""

    @property
    def is_active(self) -> bool:
        """Whether data reaches it."""
        return self.state == "active"

    def as_dict(self) -> dict[str, Any]:
        """As JSON's types."""
        return {
            "identity": self.identity,
            "state": self.state,
            "since": round(self.since, 3),
            "speaks_for": self.speaks_for,
            "tracks": list(self.tracks),
        }


async def find(settings: Settings, identity: str | None = None) -> list[Standing]:
    """The avatars that are in the room, the first to come first: this one, or all that are meant.

    Of kind agent only: nobody else is an avatar, whatever the name.

    Raises:
        UsageError: the settings do not suffice.
        ConnectionFailed: the server is not reached or does not accept the key.
    """
    try:
        async with _service(settings) as rooms:
            there = await rooms.list_participants(api.ListParticipantsRequest(room=settings.room))
    except _Gone:
        return []
    wanted = settings.avatar if identity is None else (identity,)
    found = [_standing(each) for each in there.participants if _is_meant(each, wanted)]
    return sorted(found, key=lambda each: (each.since, each.identity))


async def remove(settings: Settings, identity: str) -> bool:
    """Take an avatar out of the room; whether it was there.

    Raises:
        As `find`.
    """
    if not await find(settings, identity):
        return False
    try:
        async with _service(settings) as rooms:
            who = api.RoomParticipantIdentity(room=settings.room, identity=identity)
            await rooms.remove_participant(who)
    except _Gone:
        return False
    return True


class _Gone(Exception):
    """Nobody of that name, or no such room."""


@asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[Any]:
    url = server_url(settings)
    api_key, api_secret = key_and_secret(settings)
    try:
        async with api.LiveKitAPI(url, api_key, api_secret, timeout=_ANSWER) as client:
            yield client.room
    except api.TwirpError as error:
        if error.code == api.TwirpErrorCode.NOT_FOUND:
            raise _Gone from None
        raise explain(url, f"{error.status} {error.code}") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise explain(url, str(error) or "no answer") from None
    except DecodeError:
        raise ConnectionFailed(
            "what answers is no LiveKit server", hint="check LIVEKIT_URL", code="server_unreachable"
        ) from None


def _is_meant(participant: api.ParticipantInfo, patterns: Sequence[str]) -> bool:
    return (
        participant.kind == api.ParticipantInfo.Kind.AGENT
        and participant.state in _STATES
        and presence.matches(patterns, participant.identity)
    )


def _standing(participant: api.ParticipantInfo) -> Standing:
    return Standing(
        identity=participant.identity,
        state=_STATES[participant.state],
        since=participant.joined_at_ms / 1000 or float(participant.joined_at),
        speaks_for=participant.attributes.get(wire.ON_BEHALF),
        tracks=tuple(_KINDS.get(track.type, "data") for track in participant.tracks),
    )
