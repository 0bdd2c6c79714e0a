"""Performers: a sound path for each, all through the voice to one fan-out.

    source ──▶ listening ──▶ performer ──▶ voice ──▶ fan-out
                   ▲ held: captured and judged, nothing let through

Who does not have the voice is held as a microphone is while a file is heard: its gate is shut, and
what was heard behind a shut gate is never sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from micstream import events
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.fan_out import FanOut
from micstream.listening import Listening, SoundSettings
from micstream.performers.sources import Running
from micstream.performers.voice import Voice
from micstream.settings.pieces import PerformersSettings
from micstream.sound_path import SoundPath
from micstream.sources.source import LiveSource
from micstream.speech.cutter import Gate
from micstream.speech.events import End, Onset, SegmentEvent
from micstream.taps import Captured, Taps
from micstream.tasks import task_group


class Performers:
    """All performers of a session, and who of them has the voice.

    The controls' desk for the verb `performer`; for `sources.turns` one live source, that can be
    held while something else is heard.
    """

    def __init__(
        self,
        settings: PerformersSettings,
        fan_out: FanOut,
        controls: Controls,
        bus: Bus,
        taps: Taps,
    ) -> None:
        self.names: Final = tuple(each.name for each in settings.performers)
        self.voice = Voice(self.names, hold_s=settings.hold_s)
        self.fan_out, self.controls, self.bus, self.taps = fan_out, controls, bus, taps
        self.sources: tuple[Sequence[LiveSource], Sequence[Running]] = ((), ())
        """A live source for each performer, and what has to run for that."""
        self.capturing = asyncio.Event()
        """Set with the first block of any of them."""
        self._here: list[Performer] = []
        self._holds = 0
        self._timer: asyncio.TimerHandle | None = None
        controls.voice = self

    async def run(self, sound: SoundSettings) -> None:
        """Listen to all of them until cancelled.

        Raises:
            AudioDeviceError: a device cannot be opened the first time, or delivers nothing.
            UsageError: the detector's package is not installed.
        """
        sources, alongside = self.sources
        self._here = [Performer(self, name, sound) for name in self.names]
        for performer in self._here:
            for _ in range(self._holds):
                performer.listening.hold()
        self._tell()
        self._apply()
        try:
            async with task_group() as tasks:
                for work in alongside:
                    tasks.create_task(work())
                for performer, source in zip(self._here, sources, strict=True):
                    tasks.create_task(performer.listening.run(source))
        finally:
            self._here = []
            self._stop_timer()

    # ---- in its turn ---------------------------------------------------------------------------

    def hold(self) -> None:
        """Let nobody through while something else is heard."""
        self._holds += 1
        for performer in self._here:
            performer.listening.hold()

    def release(self) -> None:
        """Undo one `hold`."""
        self._holds -= 1
        for performer in self._here:
            performer.listening.release()

    # ---- the voice -----------------------------------------------------------------------------

    def give(self, name: str, *, by: str) -> None:
        """Give the voice to this one; the utterance of the one who had it ends."""
        before = self.voice.holder
        if before is not None and before != name:
            self._end(before)  # while he still has it, so that his end is let through
        if self.voice.give(name, _now()):
            self._changed(by)
        self._set_timer()

    def give_next(self, *, by: str) -> None:
        """Give it to the one after him who has it, or had it last."""
        self.give(self.voice.after(), by=by)

    def onset(self, name: str) -> bool:
        """Take note that he begins to speak: whether he is let through."""
        before = self.voice.holder
        admitted = self.voice.onset(name)
        if admitted and before != name:
            self._changed("")
        self._set_timer()
        return admitted

    def ended(self, name: str) -> None:
        """Take note that his utterance has ended."""
        self.voice.ended(name, _now())
        self._set_timer()

    def _end(self, name: str) -> None:
        """End the open utterance of this one, and hold him."""
        for performer in self._here:
            if performer.name == name:
                performer.set_held(True)

    def _changed(self, by: str) -> None:
        self._apply()
        self._tell(by)

    def _apply(self) -> None:
        """Hold whoever does not have the voice, and then release who has it."""
        for held in (True, False):
            for performer in self._here:
                if self.voice.admits(performer.name) is not held:
                    performer.set_held(held)

    def _tell(self, by: str = "") -> None:
        holder = self.voice.holder or ""
        self.bus.emit(events.Performer(name=holder, performers=self.names, by=by))

    def _set_timer(self) -> None:
        self._stop_timer()
        if (at := self.voice.next_timer()) is not None:
            self._timer = asyncio.get_running_loop().call_at(at, self._handle_timer)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _handle_timer(self) -> None:
        self._timer = None
        before = self.voice.holder
        self.voice.handle_timer(_now())
        if self.voice.holder != before:
            self._changed("")
        self._set_timer()


class Performer:
    """One of them: stands between his listening and fan-out, controls, bus and taps."""

    def __init__(self, owner: Performers, name: str, sound: SoundSettings) -> None:
        self.name = name
        self._owner = owner
        self._is_held = False
        self._is_let_through = False
        self.listening = Listening(self, self, self, sound, self)

    def set_held(self, held: bool) -> None:
        """Hold him, which ends his utterance; or release him, from his next onset on."""
        if held is not self._is_held:
            self._is_held = held
            if held:
                self.listening.hold()
            else:
                self.listening.release(afresh=True)

    # ---- for the fan-out -----------------------------------------------------------------------

    def put(self, event: SegmentEvent, captured_at: float) -> None:
        """Hand it on, where he has the voice."""
        if isinstance(event, Onset):
            self._is_let_through = self._owner.onset(self.name)
            event = replace(event, source=self.name)  # two may have channels of one device
        if self._is_let_through:
            self._owner.fan_out.put(event, captured_at)
        if isinstance(event, End) and self._is_let_through:
            self._is_let_through = False
            self._owner.ended(self.name)

    # ---- for the controls ----------------------------------------------------------------------

    @property
    def muted(self) -> bool:
        """Muted, as all are."""
        return self._owner.controls.muted

    def tell_gate(self) -> None:
        """Say how the gate stands, unless it was said."""
        self._owner.controls.tell_gate()

    @contextmanager
    def governing(self, path: SoundPath) -> Iterator[None]:
        """Have the gate decide, and what comes of it go this way too."""
        with self._owner.controls.governing(_Governed(path, self)):
            yield

    @property
    def by_first(self) -> bool:
        """Who speaks first has the voice: then that is asked of the detector, whatever the gate."""
        return self._owner.voice.by_first

    # ---- for the bus and the taps --------------------------------------------------------------

    def emit(self, event: events.Event) -> None:
        """Tell it, with his name where it is about his microphone."""
        if isinstance(event, events.Capturing | events.Microphone):
            event = replace(event, performer=self.name)
        elif isinstance(event, events.Warned):
            event = replace(event, message=f"{self.name}: {event.message}")
        elif isinstance(event, events.Dropped):
            event = replace(event, why=f"{self.name}: {event.why}")
        self._owner.bus.emit(event)
        if isinstance(event, events.Capturing):
            self._owner.capturing.set()

    @property
    def active(self) -> bool:
        """Somebody taps."""
        return self._owner.taps.active

    def captured(self, sound: Captured) -> None:
        """Copy his sound to those who want it, with his name and whether he is held."""
        held = self.name != self._owner.voice.shown
        self._owner.taps.captured(replace(sound, performer=self.name, held=held))


class _Governed:
    """A performer's sound path for the controls: what their verbs make of it goes by the voice."""

    def __init__(self, path: SoundPath, performer: Performer) -> None:
        self._path = path
        self._performer = performer

    def set_gate(self, gate: Gate) -> tuple[()]:
        """Set the gate; where who speaks first has the voice an open one is the detector's."""
        first = self._performer.by_first and gate is Gate.OPEN
        for event, at in self._path.set_gate(Gate.DETECTOR if first else gate):
            self._performer.put(event, at)
        return ()

    def end(self, reason: Any) -> tuple[()]:
        """End the open utterance."""
        for event, at in self._path.end(reason):
            self._performer.put(event, at)
        return ()


def _now() -> float:
    return asyncio.get_running_loop().time()
