"""Scene: all that the live view is drawn from. Pure: data, and what happened lately."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from micstream import events
from micstream.events import Event
from micstream.state import State
from micstream.view.live.meter import Levels

_RECENT_S: Final = 300.0
_LOGGED: Final = 100


@dataclass(frozen=True, slots=True)
class KeyWords:
    """What there is to press: keys and their words."""

    verbs: tuple[tuple[str, str], ...] = ()
    cues: tuple[tuple[str, str], ...] = ()
    avatars: int = 1
    """Number that a digit can lead to; with cues behind `r`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the keyboard waits for, or has asked for."""

    help: bool = False
    quitting: bool = False
    """Quit, though the avatar speaks?"""
    routing: bool = False
    """Which avatar?"""


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays of the last minutes, in ms."""

    median_ms: int | None = None
    worst_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What is seen."""

    state: State
    room: str = ""
    keys: KeyWords = field(default_factory=KeyWords)
    asked: Asked = field(default_factory=Asked)
    levels: Levels | None = None
    """None: the microphone delivers nothing."""
    delays: Delays = field(default_factory=Delays)
    log: tuple[tuple[str, str], ...] = ()
    """What happened: lines and their style, the newest last."""
    page: str = ""
    """Link of the operator's page, where there is one."""
    now: float = 0.0
    """Unix seconds."""
    clock: str = ""
    """The time of day."""
    unicode: bool = True
    """Blocks can be drawn."""


class Recent:
    """What happened lately, folded from events: delays, lines, the link of the page."""

    def __init__(self) -> None:
        self._delays: deque[tuple[float, int]] = deque(maxlen=10_000)
        self.log: deque[tuple[str, str]] = deque(maxlen=_LOGGED)
        self.page = ""

    def push(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, events.PlaybackStarted):
            self._delays.append((event.t, event.delay_ms))
        elif isinstance(event, events.ControlOpen):
            self.page = event.link

    def delays(self, now: float) -> Delays:
        """Of the last five minutes."""
        while self._delays and self._delays[0][0] < now - _RECENT_S:
            self._delays.popleft()
        last = [delay for _, delay in self._delays]
        return Delays(round(statistics.median(last)), max(last)) if last else Delays()
