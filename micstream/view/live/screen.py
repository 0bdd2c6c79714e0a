"""Screen: the picture in a terminal, by textual. Imported only when it is shown.

Drawing may block for as long as nobody takes what is written (Ctrl-S), so all of this runs in a
loop of its own. Keys are not read here: the terminal's one reader hands over what it reads, of
which only clicks are looked at.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.driver import Driver
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from micstream.view.live.mouse import MouseReader
from micstream.view.live.picture import Picture, draw
from micstream.view.live.scene import Scene

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1000h\x1b[?1006h\x1b[2J"
_LEAVE: Final = "\x1b[?1006l\x1b[?1000l\x1b[?7h\x1b[?1049l\x1b[?25h"
"""Another screen, no cursor, no wrapping, clicks; and all of it back."""


class Shown(Widget):
    """The picture: each line is drawn anew only where it has changed."""

    def __init__(self, scene: Callable[[], Scene], press: Callable[[str], None]) -> None:
        super().__init__()
        self._scene = scene
        self._press = press
        self._picture = Picture(())

    def update(self) -> None:
        """Draw what has changed since."""
        fresh = draw(self._scene(), self.size.width, self.size.height)
        before, self._picture = self._picture.lines, fresh
        if len(before) != len(fresh.lines):
            self.refresh()
            return
        for row, (old, new) in enumerate(zip(before, fresh.lines, strict=True)):
            if old != new or old.spans != new.spans:
                self.refresh(Region(0, row, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One line."""
        lines = self._picture.lines
        line = lines[y] if y < len(lines) else Text()
        return Strip(line.render(self.app.console), line.cell_len)

    def on_resize(self) -> None:
        """The terminal has another size."""
        self.update()

    def on_click(self, event: events.Click) -> None:
        """Press the key that stands there."""
        if (key := self._picture.key_at(event.x, event.y)) is not None:
            self._press(key)


class LiveApp(App[None], inherit_bindings=False):
    """The app: one widget, no keys of its own."""

    CSS: ClassVar[str] = "Screen { overflow: hidden; } Shown { width: 100%; height: 100%; }"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    BINDINGS: ClassVar[list[Any]] = []

    def __init__(
        self,
        scene: Callable[[], Scene],
        press: Callable[[str], None],
        driver: type[Driver] | None = None,
    ) -> None:
        kept = os.environ.get("NO_COLOR")
        super().__init__(driver_class=driver, ansi_color=True)
        if kept is not None:  # textual takes it off, and our children would know nothing of it
            os.environ["NO_COLOR"] = kept
        # Standard output is the whole program's: it is none of textual's while it draws.
        self._capture_stdout: Any = sys.stdout
        self._capture_stderr: Any = sys.stderr
        self.shown = Shown(scene, press)

    def compose(self) -> ComposeResult:
        """The picture, and nothing else."""
        yield self.shown

    def on_mount(self) -> None:
        """Draw at least each second: the time goes on."""
        self.set_interval(1.0, self.shown.update)


def driver_for(
    descriptor: int, begun: Callable[[TerminalDriver], None], failed: Callable[[OSError], None]
) -> type[TerminalDriver]:
    """Driver of the terminal at this descriptor; `begun`: it may draw now, if it is to; `failed`:
    it cannot be written."""

    class _Driver(TerminalDriver):
        DESCRIPTOR = descriptor

        def begun(self) -> None:
            begun(self)

        def failed(self, error: OSError) -> None:
            failed(error)

    return _Driver


class TerminalDriver(Driver):
    """Writes to a terminal that somebody else reads, and whose signals are somebody else's."""

    DESCRIPTOR: ClassVar[int] = 1

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._mouse_reader = MouseReader()
        self._is_drawing = False

    def begun(self) -> None:
        """It may draw now."""

    def failed(self, error: OSError) -> None:
        """It cannot be written."""

    def write(self, data: str) -> None:
        """Write it, for as long as that takes."""
        if self._is_drawing:
            self._write(data)

    def enter(self) -> None:
        """Take the terminal; the picture comes with its size."""
        if not self._is_drawing:
            self._is_drawing = True
            self._write(_ENTER)
            self.resized()

    def redraw(self) -> None:
        """Draw all of it: nothing of what was there is there any more."""
        self._app.refresh(layout=True)

    def leave(self) -> None:
        """Give the terminal back as it was."""
        if self._is_drawing:
            self._is_drawing = False
            self._write(_LEAVE)

    def resized(self) -> None:
        """Tell how large it is now."""
        try:
            width, height = os.get_terminal_size(self.DESCRIPTOR)
        except OSError:
            width, height = 80, 24
        size = Size(width or 80, height or 24)
        self.send_message(events.Resize(size, size))

    def feed(self, text: str) -> None:
        """Take what the terminal sent."""
        for click in self._mouse_reader.push(text):
            kind = events.MouseDown if click.pressed else events.MouseUp
            x, y = click.column, click.row
            self.process_message(
                kind(
                    widget=None,
                    x=x,
                    y=y,
                    delta_x=0,
                    delta_y=0,
                    button=1,
                    shift=False,
                    meta=False,
                    ctrl=False,
                    screen_x=x,
                    screen_y=y,
                )
            )

    def start_application_mode(self) -> None:
        """Begin."""
        self.begun()

    def stop_application_mode(self) -> None:
        """End."""
        self.leave()

    def disable_input(self) -> None:
        """None is read here."""

    def _write(self, data: str) -> None:
        left = data.encode(errors="replace")
        try:
            while left:
                try:
                    left = left[os.write(self.DESCRIPTOR, left) :]
                except BlockingIOError:  # another program made it so
                    with contextlib.suppress(ValueError):
                        select.select([], [self.DESCRIPTOR], [])
        except OSError as error:
            self._is_drawing = False
            self.failed(error)
