"""The way through to the avatar, as its sender: it answers, and it is heard.

An avatar can answer every call and play nothing any more: an answer proves that its calls are
answered. What proves that it plays is sound on its track, once there is something to play.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from micstream.audio.format import SPEECH
from micstream.doctor.check import Check, failed
from micstream.errors import AvatarUnavailable, ConnectionFailed
from micstream.events import AvatarJoined, AvatarReady, Event, Warned
from micstream.link.people import Person, candidates, matches
from micstream.room import presence
from micstream.room.room import Room
from micstream.room.utterance import AvatarGone
from micstream.settings import Settings
from micstream.viewer.viewer import Viewer, viewing

_EXPECTED: Final = "the avatar answers the sender"
_MAKER: Final = "its maker's documentation tells whether it has the call lk.clear_buffer"
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
async def as_sender(settings: Settings, told: list[Event]) -> AsyncIterator[Room]:
    """In the room under the sender's identity; leaves nothing for an avatar to report."""
    quiet = settings.model_copy(update={"avatar_state": "off"})  # nobody performs
    async with Room.of(quiet, _Record(told)) as room:
        try:
            yield room
        finally:
            await room.leave(asyncio.get_running_loop().time() + _LEAVE_S)


async def check_through(settings: Settings) -> list[Check]:
    """Ask as its sender every avatar that may be meant, and have it be heard if it has a sound."""
    told: list[Event] = []
    try:
        present = await _present(settings)
        asked = settings.model_copy(update={"avatar": _named(settings.avatar, present)})
        async with as_sender(asked, told) as room:
            await room.wait_ready(_patience_s(settings), at_least=0)
            absent = {each.pattern: each for each in room.avatars if not each.is_listening}
            errors = {name: each.absence(_patience_s(settings)) for name, each in absent.items()}
            listening = sorted(each.identity for each in room.avatars if each.identity)
            listening = [name for name in listening if name not in absent]
            silent = await _silent(asked, room, listening) if present is not None else []
    except ConnectionFailed as error:
        if reasons := _messages(told):
            error = type(error)(reasons[-1], hint=error.hint, code=error.code)
        return [failed("through", error, _EXPECTED)]
    report = _Report(settings, told, errors, silent)
    checks = [report.judge(each.pattern, each.identity) for each in room.avatars]
    return checks + _not_asked(settings, present, told)


def _patience_s(settings: Settings) -> float:
    return 2 * settings.ready_timeout + 3


async def _present(settings: Settings) -> list[Person] | None:
    """Who is in the room; None where a token alone is given: nobody but the sender can look."""
    if not settings.connection().has_keys:
        return None
    async with viewing(settings.connection(), "micstream-doctor") as viewer:
        return presence.people_in(viewer.room, settings.identity)


def _named(patterns: Sequence[str], present: Sequence[Person] | None) -> list[str]:
    """Each avatar that may be meant by its own name; a pattern that nobody fits as it is."""
    names: list[str] = []
    for pattern in patterns:
        fit = [each.identity for each in candidates(present or (), (pattern,))]
        names += fit or [pattern]
    return list(dict.fromkeys(names))


def _not_asked(
    settings: Settings, present: Sequence[Person] | None, told: Iterable[Event]
) -> list[Check]:
    """Say which avatars were not asked, and why: with a token alone only the first can be."""
    if present is not None:
        return []
    taken = {each.identity for each in told if isinstance(each, AvatarReady)}
    others = {each.identity for each in told if isinstance(each, AvatarJoined)} - taken
    return [
        Check(
            f"through {identity}",
            "left out",
            "not asked: with a token alone only one avatar for each --avatar can be",
            _EXPECTED,
            f"name it: --avatar {identity}; or give a key and its secret",
        )
        for identity in sorted(others)
        if not matches([each for each in settings.avatar if not each.endswith("*")], identity)
    ]


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found of every avatar that was asked."""

    settings: Settings
    told: list[Event]
    errors: dict[str, AvatarUnavailable]
    silent: list[str]

    def judge(self, pattern: str, identity: str | None) -> Check:
        """Say what was found of one, asked for as `pattern`."""
        check = self._check(pattern, identity or pattern)
        spoken = self._spoken_through(pattern)
        if check.state == "failed" and spoken is not None:
            found = f"{check.found}; live speaks through {spoken}"
            return replace(check, state="warning", found=found)
        return check

    def _check(self, pattern: str, identity: str) -> Check:
        name = "through" if self._is_alone else f"through {identity}"
        said = [each for each in self._warnings() if each.avatar in (pattern, identity, None)]
        if error := self.errors.get(pattern):
            about = [each for each in said if each.avatar is not None]
            if about:
                error = type(error)(about[-1].message, hint=about[-1].hint, code=error.code)
            return failed(name, error, _EXPECTED)
        if identity in self.silent:
            return Check(
                name,
                "failed",
                f"{identity} answers, and nothing is heard of it",
                f"{_EXPECTED}, and is heard",
                "start the avatar anew: it is there and plays nothing",
                AvatarUnavailable.exit_code,
            )
        if said:
            last = said[-1]
            hint = _MAKER if last.code == "avatar_unproven" else last.hint
            return Check(name, "warning", last.message, _EXPECTED, hint)
        who = "the avatar" if self._is_alone else identity
        return Check(name, "ok", f"{who} listens to {self.settings.identity!r}", _EXPECTED)

    @property
    def _is_alone(self) -> bool:
        asked = {each.identity for each in self.told if isinstance(each, AvatarReady)}
        return len(asked | set(self.errors)) <= 1

    def _warnings(self) -> list[Warned]:
        return [each for each in self.told if isinstance(each, Warned)]

    def _spoken_through(self, name: str) -> str | None:
        """Another that listens and that the same pattern means: one of them will do."""
        for pattern in self.settings.avatar:
            if not (pattern.endswith("*") and matches((pattern,), name)):
                continue
            for each in self.told:
                if not isinstance(each, AvatarReady) or each.identity == name:
                    continue
                if each.identity not in self.silent and matches((pattern,), each.identity):
                    return each.identity
        return None


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
