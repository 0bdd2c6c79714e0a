"""The one place where all meet.

source -> resampler -> cleaner, if wanted -> cutter -> speaker -> avatar
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import aclosing
from typing import Any, Final, Self

from micstream import events, notices
from micstream.errors import MicstreamError
from micstream.monitor import Monitor
from micstream.room import address
from micstream.room.cast import Cast
from micstream.room.role import LEAVE_S
from micstream.room.room import AvatarRoom
from micstream.settings import Settings, calibration
from micstream.sound_path import SoundPath, Timed, make_path
from micstream.sources import opening
from micstream.sources.health import HealthReporter
from micstream.sources.source import Block, Item, Lost, Opened, Source
from micstream.sources.turns import Turns
from micstream.speech.cutter import Gate
from micstream.speech.detectors import make_cutter
from micstream.speech.events import EndReason
from micstream.speech.whole import Whole

_STOP_S: Final = 0.7
"""How long what was said may still play once a person or a signal ends the program."""
_REPORT_LATE_S: Final = 5.0
"""How much later than its sound a report may come at the natural end."""
_HAND_OVER_S: Final = 0.3
"""How long the speaker may take to send what it still holds, once in a hurry."""
_REST_S: Final = 2.0
_REST_HURRY_S: Final = 0.2
"""How long the avatars may take to hear that nobody speaks any more."""
_ANSWER_HURRY_S: Final = 1.1
_ANSWER_LEAST_S: Final = 0.5


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
        self.gate = Gate.CLOSED if settings.talk == "push" else Gate.DETECTOR
        """Who decides what is sent: see `set_gate`."""
        self.hurry = asyncio.Event()
        """Set it to leave within two seconds; else what was sent is played first."""
        self.cast = Cast(self.room, monitor, settings)
        for role in self.room.roles:
            role.on_ready = self._tell_ready
        self._path: SoundPath | None = None
        self._awaits_microphone = False
        self._turns = Turns()  # of the sources: two at once would be one utterance
        self._speaking: list[asyncio.Task[None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for doubt in address.doubts(self._settings):
            self._monitor.emit(doubt)
        await self.room.__aenter__()
        self.cast.tell_voice()
        self._speaking = [asyncio.create_task(work) for work in self.cast.work()]
        self._tasks = [*self._speaking, *map(asyncio.create_task, self.cast.beside())]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.hurry.set()
        leaving = asyncio.create_task(self._leave())
        try:
            await asyncio.shield(leaving)
        except asyncio.CancelledError:
            # Whoever has no patience gets a hurried end, but an orderly one.
            self.hurry.set()
            await asyncio.wait({leaving})
            raise

    async def _leave(self) -> None:
        try:
            patience = _HAND_OVER_S
            if self.room.is_heard:
                patience = self.cast.held_s + self.room.backlog + _REPORT_LATE_S
            await self._wait(self._handed_over(), patience, _HAND_OVER_S)
            for task in self._tasks:
                task.cancel()
            ended = await asyncio.gather(*self._tasks, return_exceptions=True)
            backlog_s = self.room.backlog
            # In a hurry, what cannot be played in time is not waited for.
            in_time = backlog_s < _STOP_S and not self.room.is_cut_off
            stop_s = _STOP_S if in_time else 0.0
            await self._wait(self.room.drain(), backlog_s + _REPORT_LATE_S, stop_s)
            await self.room.settle(self._answer_s(stop_s))
            await self._wait(self.cast.rest(), _REST_S, _REST_HURRY_S)
        finally:
            await self.room.__aexit__()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def _answer_s(self, waited_s: float) -> float:
        """How long an avatar may take to answer that it was told to clear.

        In a hurry what two seconds leave for it; where nothing gets through it will not answer.
        """
        if not self.hurry.is_set():
            return LEAVE_S
        left_s = 0.0 if self.room.is_cut_off else _ANSWER_HURRY_S - waited_s
        return max(_ANSWER_LEAST_S, left_s)

    async def _wait(self, work: Coroutine[Any, Any, None], most_s: float, hurry_s: float) -> None:
        """Wait for `work` at most so long; less as soon as somebody is in a hurry."""
        working = asyncio.create_task(work)
        hurrying = asyncio.create_task(self.hurry.wait())
        try:
            if not self.hurry.is_set():
                await asyncio.wait(
                    {working, hurrying}, timeout=most_s, return_when=asyncio.FIRST_COMPLETED
                )
            if self.hurry.is_set():
                await asyncio.wait({working}, timeout=hurry_s)
        finally:
            working.cancel()
            hurrying.cancel()

    async def _handed_over(self) -> None:
        """Until all is sent or dropped, or a speaker has failed."""
        joining = asyncio.create_task(self.cast.join())
        try:
            await asyncio.wait({joining, *self._speaking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            joining.cancel()

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

    async def speak(self, source: Source, *, cut: bool, patience: float = 0.0) -> None:
        """Speak a file or a stream to its end; it is read no faster than it is sent.

        `cut`: let the segmenter find the utterances; else all of it is one. `patience`: so many
        seconds an utterance waits for an avatar that listens; then it is dropped, and counted.
        One source at a time: this waits for the one before.

        Raises:
            UsageError: the microphone is listened to, which has no end.
        """
        self._turns.refuse_while_live()
        async with self._turns.take():
            await self._speak(source, cut=cut, patience=patience)

    async def _speak(self, source: Source, *, cut: bool, patience: float) -> None:
        cutter = make_cutter(self._settings) if cut else Whole()
        path, reason = make_path(cutter, self._settings), EndReason.SHUTDOWN
        path.open(source)
        try:
            async for block in source.blocks():
                for event, at in path.push(block):
                    await self.cast.put_in_turn(event, at, patience=patience)
            reason = EndReason.SOURCE_ENDED
        finally:
            for event, at in path.finish(reason):
                self.cast.put(event, at, ages=False)
        await self.cast.join()

    async def listen(self) -> None:
        """Speak what the microphone hears, until cancelled; reopen it whenever it was lost.

        May begin before the room is joined.

        Raises:
            AudioDeviceError: it cannot be opened the first time.
            UsageError: it is listened to already.
        """
        async with self._turns.live(self):
            self._awaits_microphone = True
            source = opening.live(self._settings.device, channel=self._settings.channel)
            health = HealthReporter(self._monitor.emit)
            async with aclosing(source.items()) as items:
                try:
                    async for item in items:
                        self._hear(item, health)
                finally:
                    path, self._path = self._path, None
                    self._put(path.finish(EndReason.SHUTDOWN) if path else [])

    def _hear(self, item: Item, health: HealthReporter) -> None:
        match item:
            case Opened(source, again):
                health.opened(source.name)
                if self._path is None:
                    settings = self._for_device(source)
                    self._path = make_path(make_cutter(settings), settings, [health])
                    self._path.set_gate(self.gate)
                    if self._turns.is_taken:
                        self._path.hold()
                    self._tell_capturing(source, settings)
                if again:
                    self._monitor.emit(events.Microphone(state="back", device=source.name))
                self._put(self._path.open(source))
            case Block() if self._path is not None:
                health.lost(item)
                self._put(self._path.push(item))
            case Lost(source, error) if self._path is not None:
                self._put(self._path.finish(EndReason.DEVICE))
                self._monitor.emit(events.Microphone(state="lost", device=source.name))
                self._warn(error)

    def _put(self, happened: Iterable[Timed]) -> None:
        for event, at in happened:
            self.cast.put(event, at)

    def hold(self) -> None:
        """Let nothing of the microphone through while something else is heard."""
        self._put(self._path.hold() if self._path is not None else [])

    def release(self) -> None:
        """Hear the microphone again."""
        self._put(self._path.release() if self._path is not None else [])

    def _for_device(self, source: Source) -> Settings:
        """The settings, with the preset calibrated for this device where none is given."""
        if self._settings.preset is None:
            try:
                known = calibration.load(source.name, source.pick)
            except MicstreamError as error:
                self._warn(error)
            else:
                if known is not None:
                    return self._settings.model_copy(update={"preset": known.preset})
        return self._settings

    # ---- controls ------------------------------------------------------------------------------

    def set_gate(self, gate: Gate) -> None:
        """Mute (SHUT), hold the line open (OPEN), or leave it to the detector (VOICE)."""
        self.gate = gate
        self.cast.mute(gate is Gate.CLOSED and self._settings.talk == "voice")
        if self._path is not None:
            for event, at in self._path.set_gate(gate):
                self.cast.put(event, at)

    def give_voice(self, number: int) -> None:
        """Have one of several avatars speak, by its place from 1 up, or all of them (0).

        The utterance that is being spoken ends here, and goes on as another where the voice is now.

        Raises:
            ValueError: there are not so many.
        """
        if not self.cast.would_change(number):
            return
        path, gate = self._path, self.gate
        if path is not None:
            for event, at in path.set_gate(Gate.CLOSED):
                self.cast.put(event, at)
        self.cast.give_voice(number)
        if path is not None:
            for event, at in path.set_gate(gate):
                self.cast.put(event, at)

    async def interrupt(self) -> None:
        """Stop sending, close the segment, and have the avatar drop what it holds.

        Nothing is sent until the next onset, and that needs a silence before it. A line that is
        held open is closed.
        """
        if self.gate is Gate.OPEN:
            self.set_gate(Gate.CLOSED)
        if self._path is not None:
            self._path.end(EndReason.INTERRUPT)  # the cast tells of it
        await self.cast.interrupt()

    # ---- telling -------------------------------------------------------------------------------

    def _tell_capturing(self, source: Source, settings: Settings) -> None:
        self._awaits_microphone = False
        self._monitor.emit(
            events.Capturing(
                device=source.name,
                rate=source.format.rate,
                channels=source.format.channels,
                preset=settings.preset if self._settings.preset is None else None,
            )
        )
        self._tell_ready()

    def _tell_ready(self) -> None:
        if self.room.is_ready and not self._awaits_microphone:
            self._monitor.emit(events.Ready())

    def _warn(self, error: MicstreamError) -> None:
        self._monitor.emit(notices.trouble(error))
