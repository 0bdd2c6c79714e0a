"""Status line: drawn below all other lines, and taken off before the next one is written."""

from __future__ import annotations

import contextlib
import os

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from micstream.events import Bye, Event
from micstream.state import State
from micstream.view.status import Tick, status

_TO_ITS_START = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))


def can_draw(console: Console) -> bool:
    """Whether what is written there can be taken off again."""
    dumb = console.is_dumb_terminal or console.legacy_windows
    return console.is_terminal and not dumb


class StatusLine:
    """The status of a terminal. `avatars`: how many keys lead to one of them."""

    def __init__(self, console: Console, *, avatars: int = 1) -> None:
        self._console = console
        self._avatars = avatars
        self._shown: Text | None = None
        self._level_db: float | None = None
        self._ended = False

    def erase(self) -> None:
        """Take it off: something is written where it stands."""
        if self._shown is not None:
            self._console.control(_TO_ITS_START)
            self._shown = None

    def draw(self, state: State, event: Event) -> None:
        """Draw it, unless it stands there as it is; after the summary there is none."""
        if isinstance(event, Tick):
            self._level_db = event.level_db
        self._ended = self._ended or isinstance(event, Bye)
        if self._ended or not self._in_foreground():
            return
        fresh = status(state, self._level_db, self._width(), avatars=self._avatars)
        if self._shown is not None and self._shown == fresh:
            return
        self.erase()
        if fresh:
            self._console.print(fresh, end="", soft_wrap=True)
            self._shown = fresh

    def _width(self) -> int:
        """Columns that there are, whatever the console takes for enough: a line that is broken
        cannot be taken off again."""
        width = self._console.width
        with contextlib.suppress(OSError, ValueError, AttributeError):
            width = min(width, os.get_terminal_size(self._console.file.fileno()).columns or width)
        return width

    def _in_foreground(self) -> bool:
        """Whether the terminal is ours: behind another program's lines we draw nothing."""
        if os.name == "nt":
            return True
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return os.tcgetpgrp(self._console.file.fileno()) == os.getpgrp()
        return True
