"""The way through to the avatar, as its sender: it answers, and it is heard.

An avatar can answer every call and play nothing any more: an answer proves that its calls are
answered. What proves that it plays is sound on its track, once there is something to play.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import numpy as np

from micstream.audio.format import SPEECH
from micstream.doctor.check import Check, failed
from micstream.errors import AvatarUnavailable, ConnectionFailed
from micstream.events import AvatarReady, Event
from micstream.room.room import Room
from micstream.room.utterance import AvatarGone
from micstream.settings import Settings
from micstream.viewer.viewer import Viewer, viewing

_EXPECTED: Final = "the avatar answers the sender"
_PUBLISH_S: Final = 2.0
"""How long after its answer an avatar may take to publish a sound; none: nothing to prove it by."""
_HEARD_S: Final = 8.0
"""How long it may take from what is sent to what is heard, with an avatar far away."""
_HUM_S, _HUM_HZ, _HUM_DB = 0.6, 220, -20
_ENOUGH_S: Final = 0.2
"""Of sound: less may be anything."""
_LEAVE_S: Final = 4.0


class _Record:
    """In place of the bus: keeps what was told."""

    def __init__(self, told: list[Event]) -> None:
        self._told = told

    def emit(self, event: Event) -> None:
        """Keep it."""
        self._told.append(event)


@asynccontextmanager
async def _as_sender(settings: Settings, told: list[Event]) -> AsyncIterator[Room]:
    """In the room under the sender's identity; leaves nothing for an avatar to report."""
    quiet = settings.model_copy(update={"avatar_state": "off"})  # nobody performs
    async with Room.of(quiet, _Record(told)) as room:
        try:
            yield room
        finally:
            await room.leave(asyncio.get_running_loop().time() + _LEAVE_S)


async def check_through(settings: Settings) -> Check:
    """Ask the avatar as its sender, and have it be heard where it publishes a sound."""
    told: list[Event] = []
    silent: list[str] = []
    try:
        async with _as_sender(settings, told) as room:
            await room.wait_ready(2 * settings.ready_timeout + 3)
            warnings = _messages(told)
            if settings.api_key and settings.api_secret:  # with a token alone nobody else can look
                listening = {event.identity for event in told if isinstance(event, AvatarReady)}
                silent = await _silent(settings, room, sorted(listening))
    except (AvatarUnavailable, ConnectionFailed) as error:
        if reasons := _messages(told):
            error = type(error)(reasons[-1], hint=error.hint, code=error.code)
        return failed("through", error, _EXPECTED)
    if silent:
        return Check(
            "through",
            "failed",
            f"{' and '.join(silent)} answers, and nothing is heard of it",
            f"{_EXPECTED}, and is heard",
            "start the avatar anew: it is there and plays nothing",
            AvatarUnavailable.exit_code,
        )
    return Check(
        "through",
        "warning" if warnings else "ok",
        warnings[-1] if warnings else f"the avatar listens to {settings.identity!r}",
        _EXPECTED,
        "its maker's documentation tells whether it has the call lk.clear_buffer"
        if warnings
        else "",
    )


def _messages(told: list[Event]) -> list[str]:
    """What was told for people."""
    found = (getattr(event, "message", "") for event in told)
    return [message for message in found if message]


async def _silent(settings: Settings, room: Room, avatars: list[str]) -> list[str]:
    """Which of the avatars publish a sound, and are not heard when they should speak."""
    async with viewing(settings.connection(), "micstream-doctor") as viewer:
        heard = await asyncio.gather(*(_is_heard(viewer, room, avatar) for avatar in avatars))
    return [avatar for avatar, is_heard in zip(avatars, heard, strict=True) if not is_heard]


async def _is_heard(viewer: Viewer, room: Room, identity: str) -> bool:
    """Have an avatar hum, and listen; true as well where it publishes no sound."""
    recording = viewer.record_sound(identity)
    try:
        async with asyncio.timeout(_PUBLISH_S):
            await viewer.until(lambda: viewer.publishes_sound(identity))
    except TimeoutError:
        return True
    try:
        async with asyncio.timeout(_HEARD_S):
            await recording.until_receiving()
            since = time.time()
            async with room.utterance(avatar=identity) as utterance:
                await utterance.write(_hum())
            await recording.until_loud(_ENOUGH_S, since=since)
    except (TimeoutError, AvatarGone):
        return False
    return True


def _hum() -> bytes:
    """A soft tone that fades in and out: mono PCM at 16 kHz."""
    seconds = np.arange(round(_HUM_S * SPEECH.rate)) / SPEECH.rate
    level = np.sqrt(2) * 10 ** (_HUM_DB / 20) * np.sin(np.pi * seconds / _HUM_S) ** 0.5
    tone = level * np.sin(2 * np.pi * _HUM_HZ * seconds)
    return bytes((tone * 32_767).astype("<i2"))
