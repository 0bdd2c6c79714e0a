"""Administration of the room: the server's list of avatars, and their removal. Needs the secret.

Source: LiveKit's RoomService (livekit-api).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api

from micstream.delivery import wire
from micstream.room import presence, web
from micstream.room.address import server_url
from micstream.room.connect import explain
from micstream.room.token import mint_question
from micstream.settings.pieces import ConnectionSettings

_ANSWER: Final = aiohttp.ClientTimeout(total=5)
_QUESTION_LIFE: Final = datetime.timedelta(minutes=1)
_CALLS: Final = "/twirp/"
_PROTOBUF: Final = "application/protobuf"
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
    """Kinds of track that it publishes: audio, video."""

    @property
    def is_active(self) -> bool:
        """It is active: data reaches it."""
        return self.state == "active"

    def as_dict(self) -> dict[str, Any]:
        """Fields as JSON's types."""
        return {
            "identity": self.identity,
            "state": self.state,
            "since": round(self.since, 3),
            "speaks_for": self.speaks_for,
            "tracks": list(self.tracks),
        }


async def find(connection: ConnectionSettings, patterns: Sequence[str]) -> list[Standing]:
    """Avatars in the room that fit one of `patterns`, in the order in which they joined.

    Of kind agent only: nobody else is an avatar, whatever the name.

    Raises:
        UsageError: address, key or secret is missing, or the way is open to all the internet.
        ConnectionFailed: the server is not reached or does not accept the key.
    """
    try:
        async with _service(connection) as rooms:
            there = await rooms.list_participants(api.ListParticipantsRequest(room=connection.room))
    except _Gone:
        return []
    found = [_standing(each) for each in there.participants if _is_meant(each, patterns)]
    return sorted(found, key=lambda each: (each.since, each.identity))


async def remove(connection: ConnectionSettings, identity: str) -> bool:
    """Remove an avatar from the room; whether it was there.

    Raises:
        As `find`.
    """
    if not await find(connection, (identity,)):
        return False
    try:
        async with _service(connection) as rooms:
            who = api.RoomParticipantIdentity(room=connection.room, identity=identity)
            await rooms.remove_participant(who)
    except _Gone:
        return False
    return True


class _Gone(Exception):
    """Nobody of that name, or no such room."""


@asynccontextmanager
async def _service(connection: ConnectionSettings) -> AsyncIterator[Any]:
    url = server_url(connection)
    api_key, api_secret = connection.keys()
    token = mint_question(
        api_key=api_key, api_secret=api_secret, room=connection.room, ttl=_QUESTION_LIFE
    )
    try:
        async with (
            web.session(url, _ANSWER, _judge) as session,
            api.LiveKitAPI(url, token=token, session=session) as client,
        ):
            yield client.room
    except api.TwirpError as error:
        if error.code == api.TwirpErrorCode.NOT_FOUND:
            raise _Gone from None
        raise explain(url, f"{error.status} {_word(error.code)}".rstrip()) from None
    except (DecodeError, *web.ODD) as error:
        raise explain(url, web.why(error, url)) from None


async def _judge(answer: aiohttp.ClientResponse) -> None:
    """Raise for what LiveKit's server would not answer; its errors are judged by its client."""
    if answer.history:
        raise web.OddAnswer(f"what answers there sends us elsewhere ({answer.history[0].status})")
    if answer.status == 200 and _CALLS in answer.url.path and answer.content_type != _PROTOBUF:
        raise web.OddAnswer("what answers there is no LiveKit server")


def _word(code: object) -> str:
    """The server's word for its error, if it is one."""
    return code if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""


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
        tracks=tuple(sorted(_KINDS.get(each.type, "data") for each in participant.tracks)),
    )
