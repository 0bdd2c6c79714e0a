"""The room: who is in it, and who is not."""

from __future__ import annotations

from livekit import rtc

from micstream.doctor.check import Check, failed
from micstream.errors import AvatarUnavailable, ConnectionFailed
from micstream.room import occupied, presence
from micstream.settings import Settings
from micstream.viewer.viewer import viewing


async def check_room(settings: Settings) -> list[Check]:
    """Look into the room without being taken for the sender."""
    try:
        async with viewing(settings.connection(), "micstream-doctor") as viewer:
            found = _judge_room(settings, viewer.room)
    except ConnectionFailed as error:
        return [failed("token", error, "a room that lets us in")]
    return [Check("token", "ok", f"let into the room {settings.room!r}"), *found]


def _judge_room(settings: Settings, room: rtc.Room) -> list[Check]:
    here = list(room.remote_participants.values())
    checks = []
    ours = next((each for each in here if each.identity == settings.identity), None)
    if ours is not None:
        since = ours.joined_at.timestamp() if ours.joined_at is not None else 0.0
        checks.append(
            Check(
                "identity",
                "warning",
                occupied.already(settings.identity, settings.room, since),
                "free: beside it live, play and pipe do not join",
                "end the other sender, or take another --identity, or its place: --take-over",
            )
        )
    else:
        checks.append(Check("identity", "ok", f"{settings.identity!r} is free"))
    avatars = presence.candidates(room, settings.avatar)
    agents = sorted(
        participant.identity
        for participant in here
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        and participant not in avatars
        and participant.identity != settings.identity
    )
    if agents:
        checks.append(
            Check(
                "other agents",
                "warning",
                ", ".join(agents),
                "none: an avatar that is not told its sender binds to the first agent it sees",
                "start the avatar for our identity, or take the other agent out",
            )
        )
    else:
        checks.append(Check("other agents", "ok", "none"))
    for pattern in settings.avatar:
        name = "avatar" if len(settings.avatar) == 1 else f"avatar {pattern}"
        matching = presence.candidates(room, (pattern,))
        checks.append(_judge_avatar(name, settings.room, pattern, matching))
    checks.append(_judge_viewers(room))
    return checks


def _judge_viewers(room: rtc.Room) -> Check:
    left = presence.closes_unwatched_after(room)
    if left is None:
        return Check("viewers", "ok", "somebody watches, or the room stays open without")
    return Check(
        "viewers",
        "warning",
        "nobody watches",
        f"a viewer: without one the server closes this room, after {left:.0f} s at the latest",
        "have a page show the avatar, or raise the room's empty_timeout and departure_timeout",
    )


def _judge_avatar(name: str, room: str, wanted: str, avatars: list[rtc.RemoteParticipant]) -> Check:
    if not avatars:
        return Check(
            name,
            "failed",
            f"no {wanted} in the room {room!r}",
            "the avatar in the room",
            "start the avatar, or name it with --avatar and its room with --room",
            AvatarUnavailable.exit_code,
        )
    # As the sender takes them: one that is joining gives way to one that is there.
    avatars = sorted(avatars, key=lambda avatar: not presence.is_active(avatar))
    first = avatars[0]
    if not presence.is_active(first):
        return Check(
            name,
            "failed",
            f"{first.identity} is joining and not active yet",
            "active",
            "try again in a moment",
            AvatarUnavailable.exit_code,
        )
    also = f"; also here: {', '.join(a.identity for a in avatars[1:])}" if avatars[1:] else ""
    picture = "shows a picture" if presence.has_video(first) else "no picture yet"
    return Check(
        name,
        "warning" if also else "ok",
        f"{first.identity} is active, {picture}{also}",
        "one avatar",
        "choose with --avatar" if also else "",
    )
