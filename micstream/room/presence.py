"""Participants of the SDK's room, read as the facts that the link decides by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from livekit import rtc

from micstream.delivery import wire
from micstream.link import people, warnings
from micstream.link.people import Person, matches

__all__ = [
    "candidates",
    "closes_after_s",
    "closes_unwatched_after",
    "has_video",
    "is_active",
    "matches",
    "people_in",
    "person",
]

_AGENT: Final = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


def person(participant: rtc.RemoteParticipant, me: str | None = None) -> Person:
    """Facts of a participant, as they are now; `me`: for whom an avatar may speak."""
    joined = participant.joined_at
    speaks_for = participant.attributes.get(wire.ON_BEHALF)
    return Person(
        identity=participant.identity,
        sid=participant.sid,
        joined_at=joined.timestamp() if joined is not None else None,
        active=is_active(participant),
        has_video=has_video(participant),
        has_tracks=bool(participant.track_publications),
        is_agent=participant.kind == _AGENT,
        for_another=speaks_for is not None,
        for_us=speaks_for == me if me is not None and speaks_for else None,
    )


def people_in(room: rtc.Room, me: str | None = None) -> list[Person]:
    """Facts of everybody else in the room; `me`: for whom an avatar may speak."""
    return [person(participant, me) for participant in tuple(room.remote_participants.values())]


def candidates(room: rtc.Room, patterns: Iterable[str]) -> list[rtc.RemoteParticipant]:
    """Participants that can be the avatar, in the order in which they are asked."""
    found = people.candidates(people_in(room), patterns)
    return [room.remote_participants[each.identity] for each in found]


def is_active(participant: rtc.RemoteParticipant) -> bool:
    """Whether data reaches it: what is sent before is dropped."""
    return participant.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE


def has_video(participant: rtc.RemoteParticipant) -> bool:
    """Whether it shows a picture."""
    return any(
        publication.kind == rtc.TrackKind.KIND_VIDEO
        for publication in participant.track_publications.values()
    )


def closes_after_s(room: rtc.Room) -> float:
    """Seconds for which the server keeps a room open that nobody but agents is in."""
    return max(room.empty_timeout, room.departure_timeout)


def closes_unwatched_after(room: rtc.Room) -> float | None:
    """Seconds after which the server closes this room because nobody watches; None if not soon."""
    return warnings.closes_unwatched_after(people_in(room), closes_after_s(room))
