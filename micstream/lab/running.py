"""Run of the lip-sync lab: speak a kit through an avatar, and record what a viewer gets of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from micstream.audio.format import SPEECH
from micstream.audio.resample import Resampler
from micstream.errors import AvatarUnavailable
from micstream.events import (
    Event,
    PlaybackFinished,
    PlaybackStarted,
    Playing,
    UtteranceEnded,
    UtteranceStarted,
)
from micstream.lab import reference
from micstream.lab.kit import Item
from micstream.lab.recorder import Recorder
from micstream.lab.take import Samples, Spoken, Take
from micstream.lab.transport import Calibration
from micstream.room.utterance import AvatarGone
from micstream.session import Session
from micstream.settings.pieces import ConnectionSettings
from micstream.sources.files import FileSource
from micstream.viewer.picture import PictureFrame
from micstream.viewer.tap import Sink
from micstream.viewer.viewer import Viewer, viewing

_NAME: Final = "micstream-lab"
_SHOWS_S: Final = 20.0
"""An avatar that listens shows itself within this."""
_REPORTS_S: Final = 12.0
"""After its sound is over, an avatar has reported it within this."""
_REST_S: Final = 0.8
"""Between two utterances, beyond their own silences: for what goes on after the sound."""
_CALIBRATES_S: Final = 20.0
_SPARE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is spoken."""

    items: Sequence[Item]
    repeat: int = 1
    """How often all of it."""
    minutes: float | None = None
    """Over and over again, for so long."""


@dataclass
class Reports:
    """What the session told of one avatar's utterances, as far as it has."""

    avatar: str
    order: list[str] = field(default_factory=list)
    started: dict[str, UtteranceStarted] = field(default_factory=dict)
    ended: dict[str, UtteranceEnded] = field(default_factory=dict)
    playing: dict[str, PlaybackStarted] = field(default_factory=dict)
    finished: dict[str, PlaybackFinished] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: Event) -> None:
        """Learn of an event."""
        if getattr(event, "avatar", self.avatar) != self.avatar:
            return
        match event:
            case UtteranceStarted():
                self.order.append(event.id)
                self.started[event.id] = event
            case UtteranceEnded():
                self.ended[event.id] = event
            case PlaybackStarted():
                self.playing[event.id] = event
            case PlaybackFinished():
                self.finished[event.id] = event
        self.changed.set()

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until it is so; False: not within `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
                return True
        return False


class Lab:
    """One run: what was recorded, and what was spoken so far."""

    def __init__(self, session: Session, recorder: Recorder) -> None:
        self._session = session
        self._recorder = recorder
        self._reports = Reports(recorder.avatar)
        self._spoken: list[Spoken] = []
        self._counts: dict[str, int] = {}

    def also(self, picture: Sink[PictureFrame]) -> None:
        """Hand the avatar's pictures to somebody else too."""
        self._recorder.also(picture)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the avatar's picture."""
        return self._recorder.tape.size

    def take(self) -> Take:
        """All so far."""
        return self._recorder.take(self._spoken)

    async def listen(self) -> None:
        """Follow what the session tells, until cancelled."""
        events = self._session.bus.subscribe("the lab")
        try:
            async for event in events:
                self._reports.take(event)
        finally:
            events.close()

    async def speak(self, plan: Plan) -> None:
        """Say all of the plan, one after the other, each to its end."""
        clock = asyncio.get_running_loop().time
        began, number = clock(), 0
        while True:
            number += 1
            for item in plan.items:
                self._session.bus.emit(Playing(file=item.name, round=number))
                await self._say(item)
                if plan.minutes is not None and clock() - began >= 60 * plan.minutes:
                    return
            if plan.minutes is None and number >= plan.repeat:
                return

    async def _say(self, item: Item) -> None:
        source = FileSource(item.file)
        saying = self._session.speak(source, cut=False, wait_avatar=_SHOWS_S)
        said = await self._said(saying, samples_of(source), _REPORTS_S)
        if said is None:
            return  # dropped, which the session has told
        await asyncio.sleep(_REST_S)
        number = self._counts[item.name] = self._counts.get(item.name, 0) + 1
        self._spoken.append(
            replace(said, name=item.name, number=number, what=item.what, labels=item.labels)
        )

    async def say_aloud(self, pcm: Samples, *, timeout: float, lead_ms: int = 0) -> Spoken | None:
        """Say something that is not of the kit, at real-time pace; None: it was not taken.

        `lead_ms`: gathered, and written at once. Waits for its report, `timeout` seconds at most.
        """

        async def speak() -> None:
            async with self._session.room.utterance(avatar=self._reports.avatar) as utterance:
                await paced(utterance.write, pcm, lead_ms)

        try:
            return await self._said(speak(), pcm, timeout)
        except AvatarGone:
            return None

    async def _said(
        self, saying: Coroutine[Any, Any, None], pcm: Samples, timeout: float
    ) -> Spoken | None:
        """Have something said, and learn what the session tells of it."""
        told, before = self._reports, len(self._reports.order)
        await saying
        await told.until(lambda: len(told.order) > before, 1.0)
        if len(told.order) == before:
            return None
        id_ = told.order[before]
        await told.until(lambda: id_ in told.ended, 1.0)
        await told.until(lambda: id_ in told.finished, pcm.size / SPEECH.rate + timeout)
        playing, finished = told.playing.get(id_), told.finished.get(id_)
        started, ended = told.started[id_], told.ended.get(id_)
        return Spoken(
            name="",
            number=1,
            what="speech",
            pcm=pcm,
            sent_at=started.t,
            ended_at=ended.t if ended is not None else started.t + pcm.size / SPEECH.rate,
            reported_at=playing.t if playing is not None else None,
            reported_s=finished.position_s if finished is not None else None,
        )


async def paced(
    write: Callable[[bytes], Coroutine[Any, Any, None]], pcm: Samples, lead_ms: int
) -> None:
    """Write as a live performer's sound is written: the lead at once, then as it is spoken.

    The lead is gathered first, which takes as long as it is.
    """
    clock = asyncio.get_running_loop().time
    began, at, piece = clock(), 0, SPEECH.rate // 50
    first = max(piece, round(lead_ms / 1000 * SPEECH.rate))
    while at < pcm.size:
        size = first if at == 0 else piece
        await asyncio.sleep(max(0.0, began + (at + size) / SPEECH.rate - clock()))
        await write(pcm[at : at + size].tobytes())
        at += size


def samples_of(source: FileSource) -> Samples:
    """All of a file as it is sent: 16 kHz, mono."""
    resampler = Resampler(source.format, SPEECH.rate, pick=source.pick)
    pcm = b"".join(resampler.push(block) for block in source.read()) + resampler.finish()
    return np.frombuffer(pcm, dtype=np.int16)


@asynccontextmanager
async def lab(session: Session, connection: ConnectionSettings, plan: Plan) -> AsyncIterator[Lab]:
    """A lab around a session whose avatar listens, until the context ends.

    Raises:
        AvatarUnavailable: it shows no picture, or gives no sound.
        ConnectionFailed: the room cannot be joined a second time, to look.
    """
    identity = next((each.identity for each in session.room.avatars if each.identity), None)
    if identity is None:
        raise AvatarUnavailable(
            "no avatar listens", hint="micstream doctor --through looks closer", code="no_avatar"
        )
    async with viewing(connection, _NAME) as viewer:
        recorder = await _recording(viewer, identity, longest_s(plan))
        made = Lab(session, recorder)
        tasks = [asyncio.create_task(each) for each in (made.listen(), recorder.ask())]
        await asyncio.sleep(0)
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _recording(viewer: Viewer, identity: str, longest: float) -> Recorder:
    recorder = Recorder(viewer, identity, max_s=longest)
    if not await recorder.until_both(_SHOWS_S):
        lacks = "sound" if not recorder.sound.is_receiving else "picture"
        raise AvatarUnavailable(
            f"the avatar {identity!r} listens and publishes no {lacks} within {_SHOWS_S:g} s",
            hint="the lab measures what an avatar publishes: both, its sound and its picture",
            code=f"no_{lacks}",
        )
    return recorder


def longest_s(plan: Plan) -> float:
    """Seconds that the run lasts at most, with something to spare."""
    once = sum(item.seconds + _REST_S + 2 for item in plan.items)
    whole = 60 * plan.minutes + once if plan.minutes is not None else plan.repeat * once
    return whole + _SPARE_S


async def calibrate(
    connection: ConnectionSettings, size: tuple[int, int] = reference.SIZE
) -> Calibration:
    """Measure what the path itself puts between sound and picture, with a reference in the room.

    `size`: of the picture that is to be measured; a large one is made smaller, as to encode it here
    would be a load that the avatar's own does not have.

    Raises:
        ConnectionFailed: the room cannot be joined.
    """
    async with (
        reference.publishing(connection, reference.smaller(size)) as made,
        viewing(connection, _NAME) as viewer,
    ):
        recorder = Recorder(viewer, made.identity, max_s=_CALIBRATES_S + _SPARE_S)
        asking = asyncio.create_task(recorder.ask())
        try:
            return await reference.until_pairs(
                lambda: recorder.take([]), made, timeout=_CALIBRATES_S
            )
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
