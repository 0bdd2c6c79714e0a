"""Which of the room's participants is the avatar, and whether it listens yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Final, Literal

from livekit import rtc

from micstream.audio.format import AudioFormat
from micstream.delivery import wire
from micstream.errors import AvatarUnavailable

How = Literal["probe", "video", "active"]

_PROBE_EVERY_S: Final = 0.1
_PROBE_BOUND_EVERY_S: Final = 2.0
_ANSWER_S: Final = 1.0
"""What reaches an avatar while it is still joining is lost: better ask again than wait."""

_SDK_S: Final = 7.0
"""The SDK's own patience with a call; less of it is a matter of our own clock."""
_LONG_S: Final = 3600.0
_NO_METHOD: Final = "micstream.arrived"
_ANSWERED: Final = (
    rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD,
    rtc.RpcError.ErrorCode.APPLICATION_ERROR,
)
"""Errors that come from the other side, not from a failure to reach it."""


class Answer(Enum):
    """What the avatar said to `lk.clear_buffer`."""

    LISTENS = auto()
    BOUND_TO_ANOTHER = auto()
    ERROR = auto()
    """It answers, and does not have the method, as a rule."""
    NONE = auto()


def matches(patterns: Iterable[str], identity: str) -> bool:
    """Whether an identity is one of these, or begins like one that ends in `*`."""
    return any(
        identity.startswith(pattern[:-1]) if pattern.endswith("*") else identity == pattern
        for pattern in patterns
    )


def candidates(room: rtc.Room, patterns: Iterable[str]) -> list[rtc.RemoteParticipant]:
    """The participants that can be the avatar, the first to have joined first."""
    wanted = tuple(patterns)
    found = [p for p in room.remote_participants.values() if matches(wanted, p.identity)]
    return sorted(found, key=lambda p: (p.joined_at is None, p.joined_at, p.identity))


def is_active(participant: rtc.RemoteParticipant) -> bool:
    """Whether data reaches it: what is sent before is dropped."""
    return participant.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE


def has_video(participant: rtc.RemoteParticipant) -> bool:
    """Whether it shows a picture."""
    return any(
        publication.kind == rtc.TrackKind.KIND_VIDEO
        for publication in participant.track_publications.values()
    )


def is_second_sender(participant: rtc.RemoteParticipant) -> bool:
    """Whether an avatar may take it for its sender: of kind agent, and by no sign an avatar."""
    return (
        participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        and "avatar" not in participant.identity.lower()
        and wire.ON_BEHALF not in participant.attributes
        and not participant.track_publications
    )


def closes_unwatched_after(room: rtc.Room) -> float | None:
    """Seconds after which the server closes this room because nobody watches; None if not soon.

    Agents do not keep a room open (livekit-server, `pkg/rtc/room.go`, CloseIfEmpty): without a
    viewer it is closed after its empty timeout, usually five minutes, and everybody put out.
    """
    agent = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    if any(participant.kind != agent for participant in room.remote_participants.values()):
        return None
    timeout = max(room.empty_timeout, room.departure_timeout)
    return timeout if 0 < timeout < _LONG_S else None


async def ask(
    room: rtc.Room, identity: str, method: str, payload: str = "", *, timeout: float = _ANSWER_S
) -> str | None:
    """Call a participant; None where no answer came in `timeout` s, or the room is gone.

    Raises:
        rtc.RpcError: it answered with an error, or cannot be reached.
    """
    waits = max(timeout, _SDK_S)
    try:
        async with asyncio.timeout(timeout):
            return await room.local_participant.perform_rpc(
                destination_identity=identity,
                method=method,
                payload=payload,
                response_timeout=waits + 1,
                max_round_trip_latency=waits,
            )
    except (TimeoutError, AssertionError):  # the SDK asserts that it still has the room
        return None


def open_stream(
    room: rtc.Room, identity: str, format: AudioFormat
) -> asyncio.Future[rtc.ByteStreamWriter]:
    """Begin a segment to the avatar."""
    return asyncio.ensure_future(
        room.local_participant.stream_bytes(
            name=wire.stream_name(),
            topic=wire.AUDIO_TOPIC,
            destination_identities=[identity],
            attributes=wire.stream_attributes(format.rate, format.channels),
        )
    )


async def answers(room: rtc.Room, identity: str, *, timeout: float) -> bool:
    """Whether a call reaches the participant and its answer, whatever it is, comes in time.

    It queues behind the sound, so the answer also says that what was sent before has arrived.
    """
    try:
        return await ask(room, identity, _NO_METHOD, timeout=timeout) is not None
    except rtc.RpcError as error:
        return error.code in _ANSWERED


async def probe(room: rtc.Room, identity: str, *, timeout: float = _ANSWER_S) -> Answer:
    """Ask the avatar to drop what it plays: only one that listens to us answers `ok`.

    A stock receiver takes this call just before it takes streams; what is sent before is lost
    without an error. Ask only while nothing plays.
    """
    try:
        answer = await ask(room, identity, wire.CLEAR_BUFFER, timeout=timeout)
    except rtc.RpcError as error:
        return Answer.ERROR if error.code in _ANSWERED else Answer.NONE
    if answer is None:
        return Answer.NONE
    return Answer.LISTENS if answer == wire.OK else Answer.BOUND_TO_ANOTHER


async def until_it_listens(
    room: rtc.Room,
    participant: rtc.RemoteParticipant,
    *,
    timeout: float,
    on_bound_to_another: Callable[[], None],
) -> How:
    """Wait until the avatar listens; how that is known.

    One that never has the method is taken by its video after `timeout` seconds, and as it is after
    twice that (never, if that is infinite). One that is bound to another sender is asked for ever:
    it hears nothing of us.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while True:
        answer = await probe(room, participant.identity)
        if answer is Answer.LISTENS:
            return "probe"
        if answer is Answer.BOUND_TO_ANOTHER:
            on_bound_to_another()
            begun = loop.time()
            await asyncio.sleep(_PROBE_BOUND_EVERY_S)
            continue
        waited = loop.time() - begun
        if waited >= timeout and has_video(participant):
            return "video"
        if waited >= 2 * timeout:
            return "active"
        await asyncio.sleep(_PROBE_EVERY_S)


def explain_absence(
    wanted: str, room: str, *, here: bool, waited: float | None
) -> AvatarUnavailable:
    """That no avatar listens, after `waited` seconds: is there one at all, and what to do."""
    within = f" within {waited:g} s" if waited is not None else ""
    hint = "start the avatar, or name it with --avatar and its room with --room"
    if here:
        return AvatarUnavailable(
            f"the avatar {wanted} does not listen{within}", hint=hint, code="avatar_not_listening"
        )
    return AvatarUnavailable(
        f"no avatar: {wanted} is not in the room {room!r}{within}",
        hint=hint,
        code="no_avatar",
    )
