"""The one place where all meet.

source -> resampler -> cutter -> speaker -> avatar
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable, Iterator
from functools import partial
from typing import Any, Final, Self

from micstream import events
from micstream.audio.clock import CaptureClock
from micstream.audio.format import SPEECH
from micstream.audio.levels import Zeros
from micstream.audio.resample import Resampler
from micstream.avatar.room import AvatarRoom
from micstream.avatar.speaker import Speaker
from micstream.errors import AudioDeviceError, AvatarUnavailable, MicstreamError
from micstream.monitor import Monitor
from micstream.settings import Settings
from micstream.sources import portaudio
from micstream.sources.microphone import Microphone
from micstream.sources.source import Block, Source
from micstream.speech.cutter import Cutter, Gate
from micstream.speech.detector import Detector
from micstream.speech.events import EndReason, Onset, SegmentEvent
from micstream.speech.webrtc import WebRtcDetector
from micstream.speech.whole import Whole

_STOP_S: Final = 0.8
"""How long what was said may still play once a person or a signal ends the program."""
_REPORT_LATE_S: Final = 5.0
"""How much later than its sound a report may come at the natural end."""
_HAND_OVER_S: Final = 0.5
"""How long the speaker may take to send what it still holds, once in a hurry."""
_BACKLOG_STEP_S: Final = 0.5
_TICK_S: Final = 0.25
_ABSENT_S: Final = 10.0
_REOPEN_S: Final = 1.0
_ZEROS_S: Final = 10.0

Timed = tuple[SegmentEvent, float]
"""An event, and for an onset the monotonic second at which its first sample was captured."""


def make_detector(settings: Settings) -> Detector:
    """The detector that the settings name."""
    return WebRtcDetector(settings.vad_mode, settings.frame_ms)


def make_cutter(settings: Settings) -> Cutter:
    """Detector and segmenter as the settings say."""
    return Cutter(make_detector(settings), settings.segmenter)


class SoundPath:
    """From one source's blocks to events: resampled, cut, and dated."""

    def __init__(self, source: Source, cutter: Cutter | Whole) -> None:
        self.cutter = cutter
        self._resampler = Resampler(source.format, SPEECH.rate, pick=source.pick)
        # Counted before the resampler, which holds some sound back.
        self._format = source.format
        self._clock = CaptureClock(source.format.rate)
        self._bytes = 0

    def push(self, block: Block) -> Iterator[Timed]:
        """What the block makes certain."""
        self._bytes += len(block.pcm)
        self._clock.observe(self._bytes // self._format.frame_bytes, block.ends_at)
        return self.dated(self.cutter.push(self._resampler.push(block.pcm)))

    def finish(self, reason: EndReason) -> Iterator[Timed]:
        """The source has ended: what filter and framer still hold, and the open utterance's end."""
        yield from self.dated(self.cutter.push(self._resampler.finish()))
        yield from self.dated(self.cutter.finish(reason))

    def dated(self, happened: Iterable[SegmentEvent]) -> Iterator[Timed]:
        """The events, onsets with the moment they were captured."""
        for event in happened:
            if isinstance(event, Onset):
                yield event, self._clock.at(event.start * self._format.rate // SPEECH.rate)
            else:
                yield event, 0.0


class Performance:
    """A room, and a speaker in it that speaks what sources say.

    An async context manager: joins at its start; at its end it waits until the avatar has played
    what it has (bounded), and leaves in a way that the avatar survives.

    Raises:
        ConnectionFailed: the room cannot be joined.
        UsageError: the settings do not suffice for it.
    """

    def __init__(self, settings: Settings, monitor: Monitor) -> None:
        self._settings = settings
        self._monitor = monitor
        self.room = AvatarRoom(settings, monitor)
        self.room.on_ready = self._tell_ready
        self.gate = Gate.SHUT if settings.talk == "push" else Gate.VOICE
        """Who decides what is sent: see `set_gate`."""
        self.hurry = False
        """Set it to leave soon, as a rule in two seconds; else what was sent is played first."""
        self._speaker = Speaker(self.room, monitor, settings.mode)
        self._path: SoundPath | None = None
        self._awaits_microphone = False
        self._connected = False
        monitor.listen(self._note_connection)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.room.__aenter__()
        self._tasks = [
            asyncio.create_task(self._speaker.run()),
            asyncio.create_task(self._watch_backlog()),
            asyncio.create_task(self._tell_absence()),
        ]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        hurry = self.hurry or kind is not None
        try:
            handing_over = asyncio.create_task(self._speaker.join())
            await asyncio.wait(
                {handing_over, self._tasks[0]},
                timeout=_HAND_OVER_S if hurry else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            handing_over.cancel()
            for task in self._tasks:
                task.cancel()
            ended = await asyncio.gather(*self._tasks, return_exceptions=True)
            await self.room.drain(_STOP_S if hurry else self.room.backlog + _REPORT_LATE_S)
            await self.room.settle()
        finally:
            await self.room.__aexit__()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def wait_failed(self) -> None:
        """Return never, but raise where it cannot go on.

        Raises:
            ConnectionFailed: the room is closed to us for good.
        """
        failing = asyncio.create_task(self.room.wait_failed())
        try:
            await asyncio.gather(failing, *map(asyncio.shield, self._tasks))
        finally:
            failing.cancel()

    # ---- sources -------------------------------------------------------------------------------

    async def speak(self, source: Source, *, cut: bool) -> None:
        """Speak a file or a stream to its end; it is read no faster than it is sent.

        `cut`: let the segmenter find the utterances; else all of it is one.
        """
        path = SoundPath(source, make_cutter(self._settings) if cut else Whole())
        reason = EndReason.SHUTDOWN
        try:
            async for block in source.blocks():
                for event, at in path.push(block):
                    await self._speaker.put_in_turn(event, at)
            reason = EndReason.SOURCE_ENDED
        finally:
            for event, at in path.finish(reason):
                self._speaker.put(event, at)
        await self._speaker.join()

    async def listen(self) -> None:
        """Speak what the microphone hears, until cancelled; reopen it whenever it was lost.

        May begin before the room is joined.

        Raises:
            AudioDeviceError: it cannot be opened the first time.
        """
        self._awaits_microphone = True
        settings = self._settings
        source = await portaudio.aside(
            partial(Microphone, settings.device, channel=settings.channel)
        )
        while True:
            try:
                await self._hear(source)
            except AudioDeviceError as error:
                if self._awaits_microphone:
                    raise
                self._monitor.emit(events.Microphone(state="lost", device=source.name))
                self._warn(error)
            source = await self._reopen(source.name)
            self._monitor.emit(events.Microphone(state="back", device=source.name))

    async def _hear(self, source: Microphone) -> None:
        cutter = make_cutter(self._settings)
        cutter.set_gate(self.gate)
        path, reason = SoundPath(source, cutter), EndReason.SHUTDOWN
        zeros = Zeros(source.format, _ZEROS_S)
        self._path = path
        try:
            async for block in source.blocks():
                if self._awaits_microphone:
                    self._tell_capturing(source)
                self._tell_lost(source)
                if zeros.push(block.pcm):
                    self._monitor.emit(events.Microphone(state="zeros", device=source.name))
                for event, at in path.push(block):
                    self._speaker.put(event, at)
        except AudioDeviceError:
            reason = EndReason.DEVICE
            raise
        finally:
            self._path = None
            for event, at in path.finish(reason):
                self._speaker.put(event, at)

    async def _reopen(self, name: str) -> Microphone:
        """The same device, by its name: another one is never taken unasked."""

        def look() -> Microphone:
            portaudio.look_again()
            return Microphone(name, channel=self._settings.channel)

        while True:
            await asyncio.sleep(_REOPEN_S)
            with contextlib.suppress(AudioDeviceError):
                return await portaudio.aside(look)

    # ---- controls ------------------------------------------------------------------------------

    def set_gate(self, gate: Gate) -> None:
        """Mute (SHUT), hold the line open (OPEN), or leave it to the detector (VOICE)."""
        self.gate = gate
        path = self._path
        if path is not None and isinstance(path.cutter, Cutter):
            for event, at in path.dated(path.cutter.set_gate(gate)):
                self._speaker.put(event, at)

    async def interrupt(self) -> None:
        """Stop sending, close the segment, and have the avatar drop what it holds.

        Nothing is sent until the next onset, and that needs a silence before it. A line that is
        held open is closed.
        """
        if self.gate is Gate.OPEN:
            self.set_gate(Gate.SHUT)
        if self._path is not None:
            self._path.cutter.end(EndReason.INTERRUPT)
        await self._speaker.interrupt()

    # ---- telling -------------------------------------------------------------------------------

    def _tell_capturing(self, source: Source) -> None:
        self._awaits_microphone = False
        self._monitor.emit(
            events.Capturing(
                device=source.name, rate=source.format.rate, channels=source.format.channels
            )
        )
        if self.room.is_ready:
            self._tell_ready()

    def _tell_lost(self, source: Microphone) -> None:
        if source.dropped_s:
            lost, source.dropped_s = source.dropped_s, 0.0
            self._monitor.emit(events.Dropped(seconds=lost, why="this machine is too slow"))
        if source.overflows:
            source.overflows = 0
            self._monitor.emit(
                events.Warned(
                    code="overflow",
                    message="PortAudio lost sound: this machine is too slow",
                    hint="end other programs",
                )
            )

    def _tell_ready(self) -> None:
        if not self._awaits_microphone:
            self._monitor.emit(events.Ready())

    def _warn(self, error: MicstreamError) -> None:
        self._monitor.emit(events.Warned(code=error.code, message=error.message, hint=error.hint))

    async def _watch_backlog(self) -> None:
        told = 0.0
        while True:
            await asyncio.sleep(_TICK_S)
            backlog = self.room.backlog
            if abs(backlog - told) > _BACKLOG_STEP_S:
                told = backlog
                self._monitor.emit(events.Backlog(seconds=backlog))

    async def _tell_absence(self) -> None:
        """Say so, once each time, where we are in the room and no avatar listens for a while."""
        while True:
            await asyncio.sleep(_TICK_S)
            if not self._connected or self.room.is_ready:
                continue
            try:
                await self.room.wait_ready(_ABSENT_S)
            except AvatarUnavailable as absent:
                if self._connected:
                    self._warn(absent)
                    await self.room.wait_ready()

    def _note_connection(self, event: events.Event) -> None:
        if isinstance(event, events.Connection):
            self._connected = event.state == "connected"


async def conduct(
    performance: Performance,
    work: Coroutine[Any, Any, None],
    *,
    stop: asyncio.Event,
) -> None:
    """Join, and do `work` until it ends or `stop` is set; then leave.

    The work begins at once, so that a microphone is open by the time the room is.
    """
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        async with performance:
            failing = asyncio.create_task(performance.wait_failed())
            tasks: set[asyncio.Task[Any]] = {working, stopping, failing}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                performance.hurry = not working.done()
                await _cancel(tasks)
            for task in (working, failing):
                if not task.cancelled():
                    task.result()
    finally:
        await _cancel({working, stopping})


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
