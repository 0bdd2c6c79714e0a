"""Microphone health, told as events while the microphone is listened to."""

from __future__ import annotations

from collections.abc import Callable

from micstream import events, notices
from micstream.audio.health import HUM_HINT, MUTED_HINT, MicrophoneHealth, Trouble
from micstream.sources.source import Block, Source, Suppressed
from micstream.taps import Captured


class HealthReporter:
    """Listens to what a microphone captures, and emits what is wrong with it.

    A listener of the sound path; `opened` for each device, and `lost` for each block.
    """

    active = True

    def __init__(self, emit: Callable[[events.Event], object]) -> None:
        self._emit = emit
        self._device = ""
        self._health = MicrophoneHealth()

    def opened(self, source: Source, *, floor_db: float | None = None) -> None:
        """Another device, or the same one anew: no more is known of it than the floor that was
        calibrated, if any."""
        self._device = source.name
        silent = isinstance(source, Suppressed) and source.silent_at_rest
        self._health = MicrophoneHealth(floor_db, silent_at_rest=silent)

    def captured(self, sound: Captured) -> None:
        """Judge the next piece."""
        for trouble in self._health.push(sound.pcm, speaking=sound.speaking):
            self._emit(self._told(trouble))

    def lost(self, block: Block) -> None:
        """Tell what this machine was too slow for; a device that was away is told of elsewhere."""
        match block.lost_code:
            case "slow":
                self._emit(
                    events.Dropped(
                        seconds=block.lost_s, code="slow", why="this machine is too slow"
                    )
                )
            case "overflow":
                self._emit(notices.overflow())

    def _told(self, trouble: Trouble) -> events.Event:
        device, health = self._device, self._health
        match trouble:
            case Trouble.QUIET:
                return events.Microphone(state="quiet", device=device, level_db=health.speech_db)
            case Trouble.HUM if health.hum is not None:
                hum = health.hum
                return events.Warned(
                    code="hum",
                    message=f"the microphone {device!r} hums: {hum.hertz} Hz at "
                    f"{hum.level_db:.0f} dBFS, {hum.over_db:.0f} dB over its neighbours",
                    hint=HUM_HINT,
                )
            case Trouble.MUTED if health.muted_db is not None:
                return events.Warned(
                    code="microphone_muted",
                    message=f"the microphone {device!r} delivers next to nothing: "
                    f"{health.muted_db:.0f} dBFS, less than an open one would",
                    hint=f"{MUTED_HINT}; where it is so quiet by itself: micstream calibrate",
                )
            case Trouble.CLIPPING:
                return events.Microphone(state="clipping", device=device)
            case Trouble.ZEROS:
                return events.Microphone(state="zeros", device=device)
        return events.Microphone(state="back", device=device)
