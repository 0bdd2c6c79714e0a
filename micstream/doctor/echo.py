"""The echo of the hall: a sound played through the avatar, and heard to come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import numpy as np

from micstream.audio.format import SPEECH
from micstream.doctor.check import Check, failed
from micstream.doctor.through import as_sender
from micstream.echo.echo_guard import EchoGuard
from micstream.echo.making import KEEP_S, memory_of
from micstream.echo.memory import HallMemory
from micstream.echo.reference import Beside, Reference
from micstream.echo.room_sound import RoomSound
from micstream.echo.watch import LOUDEST_DB
from micstream.errors import AvatarUnavailable, MicstreamError
from micstream.events import Event
from micstream.room.room import Room
from micstream.room.utterance import AvatarGone
from micstream.settings import Settings
from micstream.settings.pieces import SoundPathSettings
from micstream.sound_path import make_path
from micstream.sources import opening
from micstream.sources.source import Away, Block, Lost, Opened
from micstream.speech.whole import Whole
from micstream.tasks import apart, task_group

_EXPECTED: Final = "an echo that the guard takes off, or none"
_HELPS: Final = (
    "turn the loudspeakers down; a mix-minus for the microphone, a closer or directional one, or "
    "in-ear monitors in place of loudspeakers"
)
_SOUND_S: Final = 6.0
_LEARN_S: Final = 3.0
"""Of it the guard learns from; what it takes off is measured after that."""
_SOUND_DB: Final = -20
_PATIENCE_S: Final = 6.0
"""How long the avatar's sound may take after what was sent."""
_ENOUGH: Final = 0.8
"""Of the echo's energy has to be told from speech; the rest begins nothing that lasts."""
_LATE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Echo:
    """What was found of an echo."""

    heard: bool
    """The reference was heard."""
    delay_ms: int | None = None
    """Later than the reference arrives here; None: no echo of it is in the microphone."""
    level_db: float = 0.0
    """Beside the reference."""
    taken_off_db: float = 0.0
    told_apart: float = 1.0
    """Share of its energy that the guard took for an echo, and for nothing else."""
    missed: float = 0.0
    """Share of the reference that came too late."""


def judge(echo: Echo, *, avatar: str, guarded: bool) -> Check:
    """Say whether the echo guard will do, and if not what helps."""
    if not echo.heard:
        return Check(
            "echo",
            "warning",
            f"nothing is heard of {avatar}: the echo guard has no reference",
            _EXPECTED,
            "does the avatar publish a sound? With --echo-guard channel:N: is it on that channel?",
        )
    if echo.delay_ms is None:
        return Check("echo", "ok", f"no echo of {avatar} is in the microphone", _EXPECTED)
    found = (
        f"{echo.delay_ms} ms after {avatar}, {echo.level_db:+.0f} dB; the guard takes off "
        f"{echo.taken_off_db:.0f} dB and knows {echo.told_apart:.0%} of it"
    )
    if echo.missed > _LATE:
        hint = "the reference comes too late: use a cable, or the mixer's aux: "
        return Check("echo", "warning", found, _EXPECTED, f"{hint}--echo-guard channel:N")
    if echo.level_db > LOUDEST_DB or echo.told_apart < _ENOUGH:
        return Check("echo", "warning", f"{found}: that will not do", _EXPECTED, _HELPS)
    if not guarded:
        return Check("echo", "warning", found, _EXPECTED, "micstream live --echo-guard auto")
    return Check("echo", "ok", f"{found}: that will do", _EXPECTED)


class _Measuring(EchoGuard):
    """Echo guard that measures what it takes off."""

    def __init__(self, reference: Reference, memory: HallMemory) -> None:
        super().__init__(reference)
        self._kept_in = memory
        self._before = self._after = 0.0
        self._known = 0.0
        self._raw = b""  # as it was, until its mask comes

    def push(self, pcm: bytes, at: float) -> tuple[bytes, bytes]:
        """As the guard does."""
        heard = self.heard_s
        sound, mask = super().push(pcm, at)
        self._raw += pcm
        raw, self._raw = self._raw[: len(mask)], self._raw[len(mask) :]
        if self.heard_s > max(heard, _LEARN_S) and self.is_loud:
            self._before += _energy(raw)
            self._after += _energy(sound)
            self._known += _energy(raw) - _energy(self.masked(raw, mask))
        return sound, mask

    def keep(self) -> None:
        """What it has learned, and nothing of what was known before; no echo: that too."""
        if self.heard and self.guard.delay is None:
            self._kept_in.forget(self.source)
        else:
            self._kept_in.keep(self.source, self.known)

    def found(self) -> Echo:
        """What was found."""
        if not self.heard:
            return Echo(heard=False)
        if self.guard.delay is None or not self._before:
            return Echo(heard=True)
        return Echo(
            heard=True,
            delay_ms=self.guard.delay * 10 + round(1000 * self.reference.late / SPEECH.rate),
            level_db=self.guard.level_db,
            taken_off_db=10 * float(np.log10((self._before + 1) / (self._after + 1))),
            told_apart=self._known / self._before,
            missed=self.missed_s / self.heard_s,
        )


def _energy(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    return float(samples.dot(samples))


async def check_echo(settings: Settings) -> AsyncIterator[Check]:
    """Play a sound through the avatar, and hear it come back in the microphone."""
    told: list[Event] = []
    try:
        async with as_sender(settings, told) as room:
            await room.wait_ready(2 * settings.ready_timeout + 3, at_least=1)
            avatar = next(each.identity for each in room.avatars if each.is_listening)
            echo = await _measure(settings, room, avatar or "")
    except MicstreamError as error:
        yield failed("echo", error, _EXPECTED)
        return
    yield judge(echo, avatar=avatar or "the avatar", guarded=settings.echo_guard != "off")


async def _measure(settings: Settings, room: Room, avatar: str) -> Echo:
    capture, channel = settings.capture(), settings.sound_path().echo_guard
    ears = RoomSound()
    branch = ears.branch()
    guard = _Measuring(Beside(channel) if channel else branch, memory_of(channel or 0))
    path = make_path(Whole(), SoundPathSettings(clean=False, send_original=False), guard=guard)
    live = opening.live(capture.device, channel=capture.channel, channels=capture.channels)
    room.ears = ears
    if room.adopted is not None:
        ears.watch(room.adopted)
    waited_s = 0.0
    async with task_group() as tasks, aclosing(live.items()) as items:
        playing: asyncio.Task[None] | None = None
        async for item in items:
            if isinstance(item, Opened):
                path.open(item.source)
                playing = playing or tasks.create_task(_play(room, avatar))
            elif isinstance(item, Lost | Away):
                raise item.error
            elif isinstance(item, Block):
                before = guard.taken_s
                for _ in path.push(item):
                    pass
                if playing is None or not playing.done():
                    continue
                waited_s += guard.taken_s - before
                if (guard.heard and not guard.is_loud) or waited_s > _PATIENCE_S + _SOUND_S:
                    break
    await apart(guard.keep, within_s=KEEP_S)
    return guard.found()


async def _play(room: Room, avatar: str) -> None:
    try:
        async with room.utterance(avatar=avatar) as utterance:
            await utterance.write(sound())
    except (AvatarGone, KeyError):
        raise AvatarUnavailable(
            f"{avatar or 'the avatar'} left, or was interrupted, before the sound was over",
            hint="nothing was learned of the hall: once more, while nobody speaks through it",
            code="avatar_lost",
        ) from None


def sound() -> bytes:
    """Noise as loud by turns as speech is, in syllables: mono PCM at 16 kHz."""
    chance = np.random.default_rng(4)
    samples = round(_SOUND_S * SPEECH.rate)
    noise = chance.standard_normal(samples)
    noise[1:] += 0.9 * noise[:-1]  # less of what is high, as in a voice
    syllables = np.repeat(chance.uniform(0.0, 1.0, samples // 1_600 + 1) ** 2, 1_600)[:samples]
    smooth = np.convolve(syllables, np.hanning(800) / np.hanning(800).sum(), "same")
    sound = noise * smooth
    sound *= 32_768 * 10 ** (_SOUND_DB / 20) / np.sqrt((sound**2).mean())
    return bytes(sound.clip(-32_767, 32_767).astype("<i2"))
