"""Listening: a live source's sound on its way to the fan-out, through losses and reopenings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, aclosing
from dataclasses import dataclass
from typing import Protocol

from micstream import events, notices
from micstream.audio.advice import Preset
from micstream.audio.device_name import is_same
from micstream.echo.making import KEEP_S, MakeGuard
from micstream.errors import MicstreamError
from micstream.settings import calibration
from micstream.settings.pieces import CaptureSettings, DetectionSettings, SoundPathSettings
from micstream.sound_path import SoundPath, make_path
from micstream.sources.health import HealthReporter
from micstream.sources.sound_server import SourceWatch, is_behind
from micstream.sources.source import Away, Block, Hurried, LiveSource, Lost, Opened, Source
from micstream.spare_model import SpareModel
from micstream.speech.detectors import make_cutter
from micstream.speech.events import EndReason, SegmentEvent, Timed
from micstream.taps import Listener
from micstream.tasks import apart, finish, task_group


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """Settings of the sources, and of everything between them and the avatars."""

    capture: CaptureSettings
    detection: DetectionSettings
    """How utterances are found."""
    calibrated: dict[Preset, DetectionSettings]
    """The same by the preset that was calibrated for a device; empty where one was given."""
    path: SoundPathSettings
    make_guard: MakeGuard | None = None
    """Makes an echo guard for each sound path; None: there is none."""

    def tuned(self, calibrated: Preset | None) -> DetectionSettings:
        """Detection with a device's calibrated preset; None: as the settings say."""
        return self.detection if calibrated is None else self.calibrated[calibrated]


class Taker(Protocol):
    """Taker of what is said: the fan-out."""

    def put(self, event: SegmentEvent, captured_at: float) -> None:
        """Take an event, now."""
        ...


class Governor(Protocol):
    """Who decides what of the sound is sent: the controls."""

    @property
    def muted(self) -> bool:
        """Muted; else a gate that is closed is so by hand."""
        ...

    def tell_gate(self) -> None:
        """Say how the gate stands, unless it was said."""
        ...

    def governing(self, path: SoundPath) -> AbstractContextManager[None]:
        """Have the gate decide what of this sound is sent."""
        ...


class Listening:
    """Speaks what a live source hears, as far as the controls let it through.

    Can be held while something else is heard: see `sources.turns`.
    """

    def __init__(
        self,
        fan_out: Taker,
        controls: Governor,
        bus: events.Emitter,
        settings: SoundSettings,
        tap: Listener,
    ) -> None:
        self._fan_out = fan_out
        self._controls = controls
        self._bus = bus
        self._settings = settings
        self._tap = tap
        self._health = HealthReporter(bus.emit)
        self.capturing = asyncio.Event()
        """Set with the first block."""
        self._path: SoundPath | None = None
        self._device = ""
        self._server = SourceWatch(bus.emit)
        self._watching: asyncio.Task[None] | None = None
        self._holds = 0
        self._hurried: Hurried | None = None
        self._cancelling = False  # told: the channels of the device cancel each other
        self._told_unheard = False
        self._floor_db: float | None = None
        """Noise floor that was calibrated for the device, in dBFS."""

    async def run(self, live: LiveSource) -> None:
        """Listen until cancelled; the source is opened again whenever it was lost.

        Raises:
            AudioDeviceError: it cannot be opened the first time, or delivers nothing.
            UsageError: the detector's package is not installed.
        """
        self._controls.tell_gate()
        async with task_group() as tasks:
            try:
                await self._listen(live, tasks)
            finally:
                self._unwatch()
                if self._path is not None and self._path.guard is not None:
                    # Apart: a disk that is slow holds up nobody's last words.
                    await finish(apart(self._path.guard.keep, within_s=KEEP_S))

    async def _listen(self, live: LiveSource, tasks: asyncio.TaskGroup) -> None:
        with ExitStack() as governed:
            try:
                async with aclosing(live.items()) as items:
                    async for item in items:
                        match item:
                            case Opened(source=source, again=False):
                                self._open(source, governed)
                                self._watch(source, tasks)
                                self.capturing.set()
                            case Opened(source=source):
                                self._reopen(source)
                                self._watch(source, tasks)
                            case Block():
                                self._push(item)
                            case Lost():
                                self._lose(item)
                            case Away():
                                self._bus.emit(notices.trouble(item.error))
            finally:
                if self._path is not None:
                    self._put(self._path.finish(EndReason.SHUTDOWN))

    # ---- in its turn ---------------------------------------------------------------------------

    def hold(self) -> None:
        """Let nothing through while something else is heard; ends the open utterance; nests."""
        self._holds += 1
        if self._path is not None:
            self._put(self._path.hold())

    def release(self, *, afresh: bool = False) -> None:
        """Undo one `hold`; after the last he is heard again. `afresh`: see `SoundPath.release`."""
        self._holds -= 1
        if self._path is not None:
            self._put(self._path.release(afresh=afresh))

    # ---- what the source says ------------------------------------------------------------------

    def _open(self, source: Source, governed: ExitStack) -> None:
        self._device = source.name
        known = self._calibrated(source)
        preset = known.preset if known is not None and self._settings.calibrated else None
        self._bus.emit(
            events.Capturing(
                device=source.name,
                rate=source.format.rate,
                channels=source.format.channels,
                preset=preset,
            )
        )
        # Not before: a detector that is loaded meanwhile would hold up the opening.
        cutter = make_cutter(self._settings.tuned(preset), spare=SpareModel())
        listeners, guard = [self._health, self._tap], None
        if self._settings.make_guard is not None:
            guard, watch = self._settings.make_guard(self._bus.emit)
            listeners.append(watch)
        path = make_path(cutter, self._settings.path, listeners, guard)
        for _ in range(self._holds):
            path.hold()
        self._path = path
        governed.enter_context(self._controls.governing(path))
        self._hurried = source if isinstance(source, Hurried) else None
        self._floor_db = known.floor_db if known is not None else None
        self._health.opened(source, floor_db=self._floor_db)
        self._put(path.open(source))

    def _reopen(self, source: Source) -> None:
        assert self._path is not None
        self._bus.emit(events.Microphone(state="back", device=source.name))
        if not is_same(self._device, source.name):
            self._bus.emit(notices.other_microphone(self._device, source.name))
        self._device = source.name
        self._hurried = source if isinstance(source, Hurried) else None
        self._health.opened(source, floor_db=self._floor_db)
        self._put(self._path.open(source))

    def _push(self, block: Block) -> None:
        assert self._path is not None
        self._health.lost(block)
        self._put(self._path.push(block))
        if self._hurried is not None:
            self._hurried.hurry(self._path.is_due(self._hurried.block_ms))
        if self._path.took and not self._cancelling:
            self._cancelling = True
            self._bus.emit(notices.channels_cancel(self._device, self._path.took))
        self._tell_unheard(self._path.spoken_to_nobody)

    def _tell_unheard(self, spoken: bool) -> None:
        """Say so where somebody speaks behind a closed gate: once each time that it is closed."""
        if spoken and not self._told_unheard:
            self._bus.emit(notices.unheard(muted=self._controls.muted))
        self._told_unheard = spoken

    def _lose(self, lost: Lost) -> None:
        assert self._path is not None
        self._unwatch()
        self._put(self._path.finish(EndReason.DEVICE))
        self._bus.emit(events.Microphone(state="lost", device=lost.source.name))
        self._bus.emit(notices.trouble(lost.error))

    def _watch(self, source: Source, tasks: asyncio.TaskGroup) -> None:
        """Watch what a sound server records for us, where one may stand behind the device."""
        self._unwatch()
        if is_behind(source.name):
            self._watching = tasks.create_task(self._watch_server())

    async def _watch_server(self) -> None:
        try:
            await self._server.run()
        except Exception as error:  # no reason to end a show
            self._bus.emit(notices.unwatched_source(error))

    def _unwatch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    def _calibrated(self, source: Source) -> calibration.Calibration | None:
        """What was calibrated for this device; a file that cannot be used is told of."""
        try:
            return calibration.load(source.name, source.pick)
        except MicstreamError as error:
            if self._settings.calibrated:  # else its preset would not be used either
                self._bus.emit(notices.trouble(error))
            return None

    def _put(self, happened: Iterable[Timed]) -> None:
        for event, at in happened:
            self._fan_out.put(event, at)
