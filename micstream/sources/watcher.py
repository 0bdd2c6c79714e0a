"""A microphone's troubles, told as events while it is heard."""

from __future__ import annotations

from collections.abc import Callable

from micstream import events
from micstream.audio.watch import HUM_HINT, Trouble, Watch


class Watcher:
    """Hears what one open microphone delivers, at 16 kHz mono, and tells what is wrong with it."""

    def __init__(self, device: str, emit: Callable[[events.Event], None]) -> None:
        self._device = device
        self._emit = emit
        self._watch = Watch()

    def push(self, pcm: bytes, *, speaking: bool) -> None:
        """Some sound; `speaking`: whether an utterance is open."""
        for trouble in self._watch.push(pcm, speaking=speaking):
            self._emit(self._told(trouble))

    def _told(self, trouble: Trouble) -> events.Event:
        device, watch = self._device, self._watch
        match trouble:
            case Trouble.QUIET:
                return events.Microphone(state="quiet", device=device, level_db=watch.speech_db)
            case Trouble.HUM if watch.hum is not None:
                hum = watch.hum
                return events.Warned(
                    code="hum",
                    message=f"the microphone {device!r} hums: {hum.hertz} Hz at "
                    f"{hum.level_db:.0f} dBFS, {hum.over_db:.0f} dB over its neighbours",
                    hint=HUM_HINT,
                )
            case Trouble.CLIPPING:
                return events.Microphone(state="clipping", device=device)
            case Trouble.ZEROS:
                return events.Microphone(state="zeros", device=device)
        return events.Microphone(state="back", device=device)
