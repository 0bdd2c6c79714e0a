"""The meter of `micstream calibrate`: a bar in a terminal, a line a second elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from micstream.audio.levels import FLOOR_DB
from micstream.calibrate import Phase, Progress

_WIDTH = 48
_LOWEST_DB = -80.0
_LOUD_DB, _RED_DB = -12.0, -3.0

ASKED = {
    Phase.ROOM: "be quiet, please: listening to the room",
    Phase.SPEECH: "speak as you will on stage",
}


def bar(progress: Progress) -> Text:
    """Level, the floor as `|`, the highest peak as `!`, and a lamp for clipping."""
    reading = progress.reading
    marks = {}
    if reading.floor_db is not None:
        marks[_place(reading.floor_db)] = ("|", "cyan")
    if reading.peak_db > FLOOR_DB:
        marks[_place(reading.peak_db)] = ("!", "bold")
    reached = _place(reading.level_db)
    line = Text("[")
    for place in range(_WIDTH):
        sign, style = marks.get(place, ("=" if place < reached else " ", _colour(place)))
        line.append(sign, style)
    line.append(f"] {reading.level_db:4.0f} dBFS ")
    line.append("CLIP" if reading.clipped_share else "    ", "bold red")
    line.append(f" {progress.left_s:4.1f} s")
    return line


def _place(level_db: float) -> int:
    share = (level_db - _LOWEST_DB) / -_LOWEST_DB
    return min(_WIDTH - 1, max(0, int(share * _WIDTH)))


def _colour(place: int) -> str:
    if place >= _place(_RED_DB):
        return "red"
    return "yellow" if place >= _place(_LOUD_DB) else "green"


class MovingMeter:
    """One line that moves; what was asked for stands above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._phase: Phase | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show it."""
        if progress.phase is not self._phase:
            self._phase = progress.phase
            self._console.print(ASKED[progress.phase], style="bold")
        self._live.update(bar(progress), refresh=True)


class PlainMeter:
    """What is asked for, and with `levels` a line a second."""

    def __init__(self, write: Callable[[str], object], *, levels: bool = True) -> None:
        self._write = write
        self._levels = levels
        self._phase: Phase | None = None
        self._due_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, progress: Progress) -> None:
        """Write what is due."""
        if progress.phase is not self._phase:
            self._phase = progress.phase
            self._due_s = progress.left_s - 1
            self._write(f"{ASKED[progress.phase]} ({progress.left_s:g} s)\n")
        elif self._levels and progress.left_s <= self._due_s:
            self._due_s -= 1
            reading = progress.reading
            clipped = ", CLIPPED" if reading.clipped_share else ""
            self._write(
                f"  {reading.level_db:4.0f} dBFS, peak {reading.peak_db:.0f}{clipped}, "
                f"{progress.left_s:.1f} s left\n"
            )
