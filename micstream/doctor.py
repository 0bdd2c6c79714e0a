"""Can we go on stage? A check after the other, from the microphone to the avatar.

The room is joined as kind *standard* under a name of its own: an avatar binds to the first agent
it sees, and a diagnosis must not be that one.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import aiohttp
from livekit import rtc

from micstream.audio.format import SPEECH
from micstream.audio.health import HUM_HINT, HUM_LEVEL_DB, HUM_OVER_DB
from micstream.audio.levels import FLOOR_DB, rms_db
from micstream.audio.meter import Meter, Reading
from micstream.audio.resample import Resampler
from micstream.errors import (
    AudioDeviceError,
    AvatarUnavailable,
    ConnectionFailed,
    MicstreamError,
    UsageError,
)
from micstream.monitor import Monitor
from micstream.room import address, presence
from micstream.room.connect import credentials, visit
from micstream.room.room import AvatarRoom
from micstream.settings import Settings
from micstream.sources import portaudio
from micstream.sources.microphone import Microphone

State = Literal["ok", "warning", "failed", "left out"]

_LISTEN_S: Final = 1.3
"""A whole second for the hum, and what a resampler holds back."""
_HTTP_S: Final = 5.0
_SKEW_WARN_S: Final = 5.0
_SKEW_FAIL_S: Final = 60.0
"""LiveKit accepts tokens whose start lies a minute in the future."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the diagnosis."""

    name: str
    state: State
    found: str
    expected: str = ""
    do: str = ""
    exit_code: int = 0
    """What the program ends with where this check failed."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {key: value for key, value in asdict(self).items() if key != "exit_code"}


def _failed(name: str, error: MicstreamError, expected: str) -> Check:
    return Check(name, "failed", error.message, expected, error.hint, error.exit_code)


async def diagnose(settings: Settings, *, through: bool) -> AsyncIterator[Check]:
    """Every check as it is done. `through`: also ask the avatar, under the sender's own identity.

    That ends what the avatar plays, and throws a sender out that is in the room under the same
    identity.
    """
    async for check in _check_microphone(settings):
        yield check
    try:
        url, _ = credentials(settings)
    except UsageError as error:
        yield _failed("credentials", error, "LIVEKIT_URL with a key and secret, or a token")
        return
    how = "a token of kind agent" if settings.token else "a key and its secret"
    yield Check("credentials", "ok", f"an address and {how}")
    for check in _judge_way(settings, url):
        yield check
    reachable = await _check_server(url)
    for check in reachable:
        yield check
    if any(check.state == "failed" for check in reachable):
        return
    if settings.api_key and settings.api_secret:
        async for check in _check_room(settings):
            yield check
    else:
        yield Check(
            "room",
            "left out",
            "only a token is given",
            "a key and secret, to look at the room without being taken for the sender",
            "use --through",
        )
    if through:
        yield await _check_through(settings)


async def _check_microphone(settings: Settings) -> AsyncIterator[Check]:
    try:
        library = portaudio.load()
    except AudioDeviceError as error:
        yield _failed("PortAudio", error, "the library installed")
        return
    yield Check("PortAudio", "ok", str(library.get_portaudio_version()[1]).split(",")[0])
    try:
        microphone = Microphone(settings.device, channel=settings.channel)
    except AudioDeviceError as error:
        yield _failed("device", error, "a microphone that can be opened")
        return
    sort = microphone.format
    yield Check("device", "ok", f"{microphone.name}, {sort.rate} Hz, {sort.channels} channel(s)")
    heard, pcm = 0.0, b""
    meter, resampler = Meter(), Resampler(sort, SPEECH.rate, pick=microphone.pick)
    try:
        async for block in microphone.blocks():
            pcm += block.pcm
            meter.push(resampler.push(block.pcm))
            heard = sort.seconds(len(pcm))
            if heard >= _LISTEN_S:
                break
    except AudioDeviceError as error:
        yield _failed("sound", error, "sound from the microphone")
        return
    if not any(pcm):
        yield Check(
            "sound",
            "failed",
            f"{heard:.0f} s of exact zeros from {microphone.name}",
            "the noise of a room at least",
            "unmute it; allow the terminal to use the microphone (macOS: Privacy & Security)",
            AudioDeviceError.exit_code,
        )
        return
    yield _judge_sound(rms_db(pcm), meter.reading())
    hum = meter.hum()
    if hum is not None and hum.over_db >= HUM_OVER_DB and hum.level_db >= HUM_LEVEL_DB:
        yield Check(
            "hum",
            "warning",
            f"{hum.hertz} Hz at {hum.level_db:.0f} dBFS, {hum.over_db:.0f} dB over its neighbours",
            "none",
            HUM_HINT,
        )


def _judge_sound(level: float, reading: Reading) -> Check:
    found = f"{level:.0f} dBFS" if level > FLOOR_DB else "next to nothing"
    expected = "-60 to -20 dBFS"
    if reading.clipped_share:
        return Check("sound", "warning", f"{found}, and it clips", expected, "turn its gain down")
    if level < -75:
        return Check("sound", "warning", found, expected, "raise the microphone's gain")
    return Check("sound", "ok", found, expected)


def _judge_way(settings: Settings, url: str) -> list[Check]:
    """Whether the way to the server keeps our token to itself, and its key is its own."""
    expected = {"plain_ws": "wss://, or a network of our own", "dev_key": "a key of its own"}
    names = {"plain_ws": "encryption", "dev_key": "key"}
    checks = [
        Check(names[doubt.code], "warning", doubt.message, expected[doubt.code], doubt.hint)
        for doubt in address.doubts(settings)
    ]
    if not any(check.name == "encryption" for check in checks):
        plain = address.is_plain(url)
        how = "not needed: it stays on this machine" if plain else "the server is spoken to by TLS"
        checks.insert(0, Check("encryption", "ok", how))
    return checks


async def _check_server(url: str) -> list[Check]:
    page = "http" + url.removeprefix("ws") if url.startswith("ws") else url
    try:
        begun = time.time()
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_HTTP_S)) as session,
            session.get(page) as answer,
        ):
            date = answer.headers.get("Date")
            took = time.time() - begun
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        what = "no answer" if isinstance(error, TimeoutError) else str(error) or "no answer"
        return [
            Check(
                "server",
                "failed",
                f"{address.shown(url)}: {what}",
                "a LiveKit server that answers",
                "check LIVEKIT_URL, the network and the firewall",
                ConnectionFailed.exit_code,
            )
        ]
    checks = [Check("server", "ok", f"{address.shown(url)} answers in {took * 1000:.0f} ms")]
    if date is not None:
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
        checks.append(_judge_skew(begun + took / 2 - theirs - 0.5))  # a Date is whole seconds
    return checks


def _judge_skew(skew_s: float) -> Check:
    away = abs(skew_s)
    state: State = "ok"
    if away > _SKEW_WARN_S:
        state = "failed" if away > _SKEW_FAIL_S else "warning"
    side = "ahead of" if skew_s > 0 else "behind"
    return Check(
        "clock",
        state,
        "agrees with the server's" if away < 1.5 else f"{away:.0f} s {side} the server's",
        "within 5 s: tokens are good for a while only",
        "set this machine's clock (NTP)" if state != "ok" else "",
        ConnectionFailed.exit_code,
    )


async def _check_room(settings: Settings) -> AsyncIterator[Check]:
    room = rtc.Room()
    try:
        await visit(room, settings, "micstream-doctor")
    except ConnectionFailed as error:
        yield _failed("token", error, "a room that lets us in")
        return
    try:
        yield Check("token", "ok", f"let into the room {settings.room!r}")
        for check in _judge_room(settings, room):
            yield check
    finally:
        await room.disconnect()


def _judge_room(settings: Settings, room: rtc.Room) -> list[Check]:
    here = list(room.remote_participants.values())
    checks = []
    if any(participant.identity == settings.identity for participant in here):
        checks.append(
            Check(
                "identity",
                "warning",
                f"{settings.identity!r} is in the room already",
                "free: whoever joins under it throws the other one out",
                "end the other sender, or take another --identity",
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


async def _check_through(settings: Settings) -> Check:
    expected = "the avatar answers the sender"
    monitor = Monitor()
    told: list[str] = []
    monitor.listen(lambda event: told.append(getattr(event, "message", "")))
    try:
        async with AvatarRoom(settings, monitor) as room:
            await room.wait_ready(2 * settings.ready_timeout + 3)
    except (AvatarUnavailable, ConnectionFailed) as error:
        reasons = [message for message in told if message]
        if reasons:
            error = type(error)(reasons[-1], hint=error.hint, code=error.code)
        return _failed("through", error, expected)
    doubts = [message for message in told if message]
    return Check(
        "through",
        "warning" if doubts else "ok",
        doubts[-1] if doubts else f"the avatar listens to {settings.identity!r}",
        expected,
        "its maker's documentation tells whether it has the call lk.clear_buffer" if doubts else "",
    )
