"""Session: the one place where the parts meet.

    source ──block──▶ sound path ──segment event──▶ fan-out ──▶ avatars in the room
                          ▲ gate                       ▲ route
                          └───────── controls ─────────┘          every part ──event──▶ bus

One task owns the session from joining to leaving. Whoever begins it waits for that task's end, so
that no failure within is lost. Leaving has one deadline, which is handed down: None, as long as
what was sent plays; or two seconds from the moment at which somebody is in a hurry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Self

from micstream import events, notices
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.errors import MicstreamError
from micstream.fan_out import FanOut
from micstream.listening import Listening, SoundSettings
from micstream.performers.performers import Performers
from micstream.record.keeping import Keeping
from micstream.room.redact import redact
from micstream.room.room import Room
from micstream.show.cue import Show
from micstream.show.player import CuePlayer
from micstream.sound_path import make_path
from micstream.sources import opening
from micstream.sources.live import Reopening
from micstream.sources.source import Opener, Source
from micstream.sources.turns import Turns
from micstream.spare_model import SpareModel
from micstream.speech.detectors import make_cutter
from micstream.speech.events import EndReason
from micstream.speech.whole import Whole
from micstream.taps import Taps
from micstream.tasks import run_guarded, task_group

HURRY_S: Final = 1.7
"""Seconds that leaving may take once a person or a signal ends the program, so that it is gone
within two; more only where an avatar has answered, and has still to report."""
_WORK_ENDS_S: Final = 0.2
"""In a hurry leaving begins so late at most, also where the work takes longer to end."""


class Session:
    """A place in a room, and everything that speaks through the avatars in it.

    Either an async context manager, which has joined when it is entered and leaves at its end; or
    `run` with some work. Leaving waits until the avatars have played what they have (bounded), and
    is done in a way that they survive, in whatever way it comes to it.

    Raises:
        ConnectionFailed: the room cannot be joined.
    """

    def __init__(
        self,
        room: Room,
        fan_out: FanOut,
        controls: Controls,
        bus: Bus,
        sound: SoundSettings,
        taps: Taps,
        *,
        cues: CuePlayer | None = None,
    ) -> None:
        self.room = room
        self.controls = controls
        self.bus = bus
        self.taps = taps
        self.performers: Performers | None = None
        """Several performers, of whom one has the voice; None: there is one, and a microphone."""
        self.microphone: Opener | None = None
        """Opener of what `listen` hears; None: the device that the settings name."""
        self._fan_out = fan_out
        self._sound = sound
        self.keeping: Keeping | None = None
        """What writes the session down."""
        self.warnings: Sequence[events.Event] = ()
        """What is told first of all."""
        self._cues = cues
        self._turns = cues.turns if cues is not None else Turns()
        self._listening: Listening | Performers | None = None
        self._life: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()
        self._leaving = asyncio.Event()
        self._hurry = asyncio.Event()
        self._deadline = 0.0

    @property
    def show(self) -> Show:
        """Cues and keys of the show."""
        return self._cues.show if self._cues is not None else Show()

    # ---- its life ------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        life = self._begin()
        joining = asyncio.create_task(self._joined.wait())
        try:
            await asyncio.wait({joining, life}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._end(hurry=True)
            raise
        finally:
            joining.cancel()
        if (error := _failure(life)) is not None:
            raise error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        failure = await self._end(hurry=kind is not None)
        if failure is not None and error is None:
            raise failure

    async def run(self, work: Coroutine[Any, Any, None], *, stop: asyncio.Event) -> None:
        """Join, and do `work` until it ends or `stop` is set; then leave.

        The work begins at once, so that a microphone is open by the time the room is; and where it
        fails, or `stop` is set, joining is not waited for.

        Raises:
            ConnectionFailed: the room cannot be joined, or is closed to us for good.
            What `work` raises.
        """
        self._begin()
        await run_guarded(self._do_and_leave(work), self._hurry_after(stop))

    async def _do_and_leave(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self._do(work)
        except BaseException:
            await self._end(hurry=True)
            raise
        if (failure := await self._end(hurry=False)) is not None:
            raise failure

    def hurry(self) -> None:
        """Leave within two seconds, whatever still plays; where we have not joined, at once."""
        if not self._hurry.is_set():
            self._deadline = asyncio.get_running_loop().time() + HURRY_S
            self._hurry.set()
            if self._life is not None and not self._joined.is_set():
                self._life.cancel()

    async def wait_failed(self) -> None:
        """Wait until the session cannot go on, and raise why; return where it is left.

        Raises:
            ConnectionFailed: the room is closed to us for good.
        """
        if self._life is None:
            raise RuntimeError("the session has not begun")
        await asyncio.wait({self._life})
        if (error := _failure(self._life)) is not None:
            raise error

    def _begin(self) -> asyncio.Task[None]:
        if self._life is not None:
            raise RuntimeError("a session begins once")
        self._life = asyncio.create_task(self._live(), name="session")
        return self._life

    async def _live(self) -> None:
        """Live as `_stay` does; what that fails with, whoever reads the events hears too."""
        try:
            await self._stay()
        except Exception as error:
            if (failed := untold(error)) is not None:
                self.bus.emit(failed)
            raise

    async def _stay(self) -> None:
        """Join, stay until somebody wants to leave or something fails, leave."""
        for warning in self.warnings:
            self.bus.emit(warning)
        async with task_group() as tasks, self.room:
            self._joined.set()
            staying = [
                tasks.create_task(self.room.wait_failed()),
                tasks.create_task(self._tell_ready()),
            ]
            if self._cues is not None:
                staying.append(tasks.create_task(self._cues.run(self.controls)))
            self.controls.tell_route()
            # Cancelled where something has failed. The avatars have to survive that too.
            with suppress(asyncio.CancelledError):
                await self._leaving.wait()
            if not self._leaving.is_set():
                self.hurry()
            for task in staying:
                task.cancel()
            await self._leave()

    async def _leave(self) -> None:
        """Leave by one deadline, which comes nearer as soon as somebody is in a hurry."""
        async with task_group() as tasks:
            hurrying = tasks.create_task(self._hurry.wait())
            if not self._hurry.is_set():
                leaving = tasks.create_task(self.room.leave(None))
                await asyncio.wait({leaving, hurrying}, return_when=asyncio.FIRST_COMPLETED)
            if self._hurry.is_set():
                await self.room.leave(self._deadline)
            hurrying.cancel()

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work, until somebody is in a hurry or the session cannot go on."""
        async with task_group() as tasks:
            working = tasks.create_task(work)
            others = [tasks.create_task(self._hurry.wait()), tasks.create_task(self.wait_failed())]
            await asyncio.wait({working, others[0]}, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, *others):
                task.cancel()
            if self._hurry.is_set():
                # What is slow to end takes nothing of the avatars' time.
                await asyncio.wait({working}, timeout=_WORK_ENDS_S)
                self._leaving.set()

    async def _end(self, *, hurry: bool) -> Exception | None:
        """Leave, and wait for it, however often we are cancelled; the error that it ended with."""
        life, cancelled = self._life, False
        assert life is not None
        if hurry:
            self.hurry()
        self._leaving.set()
        while not life.done():
            try:
                await asyncio.wait({life})
            except asyncio.CancelledError:
                cancelled = True
                self.hurry()
        if cancelled:
            raise asyncio.CancelledError
        return _failure(life)

    async def _hurry_after(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.hurry()

    async def _tell_ready(self) -> None:
        """Say so, each time an avatar has begun to listen, and all is there."""
        async for _ in self.room.times_ready():
            if self._listening is None or self._listening.capturing.is_set():
                self.bus.emit(events.Ready())

    async def _tell_ready_once(self, capturing: asyncio.Event) -> None:
        """Say so, where it is the microphone that was waited for."""
        await capturing.wait()
        if self.room.is_ready:
            self.bus.emit(events.Ready())

    # ---- sources -------------------------------------------------------------------------------

    async def speak(self, source: Source, *, cut: bool, wait_avatar: float = 0.0) -> None:
        """Speak a file or a stream to its end; it is read no faster than it is sent.

        `cut`: let the segmenter find the utterances; else all of it is one. `wait_avatar`: so many
        seconds an utterance waits for an avatar that listens; then it is dropped, and counted.
        One source at a time: this waits for the one before.

        Raises:
            UsageError: the microphone is listened to, which has no end.
        """
        self._turns.refuse_while_live()
        async with self._turns.take():
            cutter = make_cutter(self._sound.detection, spare=SpareModel()) if cut else Whole()
            path, reason = make_path(cutter, self._sound.path), EndReason.SHUTDOWN
            path.open(source)
            told = False
            try:
                async for block in source.blocks():
                    for event, at in path.push(block):
                        await self._fan_out.put_in_turn(event, at, wait_avatar=wait_avatar)
                    if path.took and not told:
                        told = True
                        self.bus.emit(notices.channels_cancel(source.name, path.took))
                reason = EndReason.SOURCE_ENDED
            finally:
                for event, at in path.finish(reason):
                    self._fan_out.put(event, at, ages=False)
            await self._fan_out.join()

    async def listen(self) -> None:
        """Speak what the microphone hears, until cancelled; reopen it whenever it was lost.

        May begin before the room is joined.

        Raises:
            AudioDeviceError: it cannot be opened the first time.
            UsageError: it is listened to already.
        """
        capture = self._sound.capture
        listening: Listening | Performers
        if self.performers is not None:
            listening = self.performers
            run = partial(listening.run, self._sound)
        else:
            listening = Listening(self._fan_out, self.controls, self.bus, self._sound, self.taps)
            if self.microphone is not None:
                live = Reopening(self.microphone)
            else:
                live = opening.live(
                    capture.device, channel=capture.channel, channels=capture.channels
                )
            run = partial(listening.run, live)
        async with self._turns.live(listening):
            self._listening = listening
            try:
                await run_guarded(run(), self._tell_ready_once(listening.capturing))
            finally:
                self._listening = None


def untold(error: Exception) -> events.Failed | None:
    """Event for an error that ends the program; None where it was told before."""
    if getattr(error, "told", False):
        return None
    error.told = True  # type: ignore[attr-defined]
    if isinstance(error, MicstreamError):
        return events.Failed(code=error.code, message=error.message, hint=error.hint)
    return events.Failed(
        code="unexpected",
        message=f"an error that nobody has foreseen: {redact(repr(error))}",
        hint="start it again; what it wrote to standard error is worth a report",
    )


def _failure(life: asyncio.Task[None]) -> Exception | None:
    """Error that the session ended with, if it did."""
    if not life.done() or life.cancelled():
        return None
    error = life.exception()
    return error if isinstance(error, Exception) else None
