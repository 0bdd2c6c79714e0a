"""Listening: a live source's sound on its way to the fan-out, through losses and reopenings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass

from micstream import events, notices
from micstream.audio.advice import Preset
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.errors import MicstreamError
from micstream.fan_out import FanOut
from micstream.settings import calibration
from micstream.settings.pieces import CaptureSettings, DetectionSettings, SoundPathSettings
from micstream.sound_path import SoundPath, make_path
from micstream.sources.health import HealthReporter
from micstream.sources.source import Block, LiveSource, Lost, Opened, Source
from micstream.speech.detectors import make_cutter
from micstream.speech.events import EndReason, Timed
from micstream.taps import Listener


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """Settings of the sources, and of everything between them and the avatars."""

    capture: CaptureSettings
    detection: DetectionSettings
    """How utterances are found."""
    calibrated: dict[Preset, DetectionSettings]
    """The same by the preset that was calibrated for a device; empty where one was given."""
    path: SoundPathSettings

    def tuned(self, calibrated: Preset | None) -> DetectionSettings:
        """Detection with a device's calibrated preset; None: as the settings say."""
        return self.detection if calibrated is None else self.calibrated[calibrated]


class Listening:
    """Speaks what a live source hears, as far as the controls let it through.

    Can be held while something else is heard: see `sources.turns`.
    """

    def __init__(
        self, fan_out: FanOut, controls: Controls, bus: Bus, settings: SoundSettings, tap: Listener
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
        self._held = False
        self._device = ""
        self._cancelling = False  # told: the channels of the device cancel each other

    async def run(self, live: LiveSource) -> None:
        """Listen until cancelled; the source is opened again whenever it was lost.

        Raises:
            AudioDeviceError: it cannot be opened the first time, or delivers nothing.
            UsageError: the detector's package is not installed.
        """
        self._controls.tell_gate()
        with ExitStack() as governed:
            try:
                async with aclosing(live.items()) as items:
                    async for item in items:
                        match item:
                            case Opened(source=source, again=False):
                                self._open(source, governed)
                                self.capturing.set()
                            case Opened(source=source):
                                self._reopen(source)
                            case Block():
                                self._push(item)
                            case Lost():
                                self._lose(item)
            finally:
                if self._path is not None:
                    self._put(self._path.finish(EndReason.SHUTDOWN))

    # ---- in its turn ---------------------------------------------------------------------------

    def hold(self) -> None:
        """Let nothing through while something else is heard; ends the open utterance."""
        self._held = True
        if self._path is not None:
            self._put(self._path.hold())

    def release(self) -> None:
        """Be heard again."""
        self._held = False
        if self._path is not None:
            self._put(self._path.release())

    # ---- what the source says ------------------------------------------------------------------

    def _open(self, source: Source, governed: ExitStack) -> None:
        self._device = source.name
        preset = self._calibrated(source)
        self._bus.emit(
            events.Capturing(
                device=source.name,
                rate=source.format.rate,
                channels=source.format.channels,
                preset=preset,
            )
        )
        # Not before: a detector that is loaded meanwhile would hold up the opening.
        cutter = make_cutter(self._settings.tuned(preset))
        path = make_path(cutter, self._settings.path, (self._health, self._tap))
        if self._held:
            path.hold()
        self._path = path
        governed.enter_context(self._controls.governing(path))
        self._health.opened(source.name)
        self._put(path.open(source))

    def _reopen(self, source: Source) -> None:
        assert self._path is not None
        self._bus.emit(events.Microphone(state="back", device=source.name))
        self._health.opened(source.name)
        self._put(self._path.open(source))

    def _push(self, block: Block) -> None:
        assert self._path is not None
        self._health.lost(block)
        self._put(self._path.push(block))
        if self._path.took and not self._cancelling:
            self._cancelling = True
            self._bus.emit(notices.channels_cancel(self._device, self._path.took))

    def _lose(self, lost: Lost) -> None:
        assert self._path is not None
        self._put(self._path.finish(EndReason.DEVICE))
        self._bus.emit(events.Microphone(state="lost", device=lost.source.name))
        self._bus.emit(notices.trouble(lost.error))

    def _calibrated(self, source: Source) -> Preset | None:
        """Preset that was calibrated for this device, where none is given."""
        if not self._settings.calibrated:
            return None
        try:
            known = calibration.load(source.name, source.pick)
        except MicstreamError as error:
            self._bus.emit(notices.trouble(error))
            return None
        return known.preset if known is not None else None

    def _put(self, happened: Iterable[Timed]) -> None:
        for event, at in happened:
            self._fan_out.put(event, at)
