"""Live view: consumer of events that fills the terminal while it is shown, and writes lines before
and after. What of it a person wants to know later (trouble, links) is left on the screen as lines.

Two threads: the consumer's, which folds events, and one with a loop for the screen, which draws. A
terminal that takes nothing more (Ctrl-S) stops the second; the first goes on, and neither is the
sound's. `show`, `hide`, `feed`, `resized` and `ask` are called in the main thread, and wait at most
for a fifth of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from micstream import events
from micstream.events import Event
from micstream.state import State, fold
from micstream.view.lines import TOLD_ANYWAY, Lines, style_of
from micstream.view.live.meter import Levels
from micstream.view.live.scene import Asked, KeyWords, Recent, Scene
from micstream.view.status import Tick

if TYPE_CHECKING:
    from micstream.view.live.screen import LiveApp, TerminalDriver

_KEPT: Final = 40
"""Lines left on the screen from one showing."""
_LEFT_S: Final = 0.2
_ENDED_S: Final = 0.5
_STALE_S: Final = 1.5
"""Levels that are older are none: the microphone delivers nothing."""


class LiveView:
    """View of a terminal; `lines` are what is written while it is not shown."""

    def __init__(
        self, lines: Lines, descriptor: int, *, room: str = "", unicode: bool = True
    ) -> None:
        self.lines = lines
        self._descriptor = descriptor
        self._room = room
        self._unicode = unicode
        self._state = State()
        self._recent = Recent()
        self._levels: Levels | None = None
        self._levels_at = float("-inf")
        self._asked = Asked()
        self._keys = KeyWords()
        self._press: Callable[[str], None] = lambda _: None
        self._kept: deque[tuple[Event, list[str]]] = deque(maxlen=_KEPT)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: LiveApp | None = None
        self._driver: TerminalDriver | None = None
        self._thread: threading.Thread | None = None
        self._wanted = False
        self._hidden = threading.Event()
        self._hidden.set()
        self._due = threading.Event()
        """Drawing is due already: at most one waits in the screen's loop."""
        self._error: OSError | None = None
        self._over = False
        """The screen has ended: it is not shown again."""

    @property
    def is_shown(self) -> bool:
        """It has the terminal."""
        return not self._hidden.is_set()

    # ---- events, in the consumer's thread ------------------------------------------------------

    def __call__(self, event: Event) -> None:
        """Take an event.

        Raises:
            OSError: the terminal cannot be written.
        """
        if self._error is not None:
            raise self._error
        if isinstance(event, Tick):
            if isinstance(event, Levels):
                self._levels, self._levels_at = event, time.monotonic()
        else:
            self._take(event)
        self._draw_soon()

    def _take(self, event: Event) -> None:
        self._state = fold(self._state, event)
        self._recent.push(event)
        if isinstance(event, events.Bye):
            self._end()
        lines = self.lines.take(event)
        rows = [row for said in lines for row in said.splitlines()]
        self._recent.log.extend((f"{_clock(event.t)}  {row}", style_of(event)) for row in rows)
        if self.is_shown and self._wanted:
            if event.EVENT in TOLD_ANYWAY or isinstance(event, events.Failed):
                self._kept.append((event, lines))
            return
        self._hidden.wait()  # the screen gives the terminal back
        while self._kept:
            self.lines.show(*self._kept.popleft())
        self.lines.show(event, lines)

    def _end(self) -> None:
        self.hide()
        loop, app = self._loop, self._app
        if loop is not None and app is not None and self._thread is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(app.exit)
            self._thread.join(_ENDED_S)

    def load_early(self) -> None:
        """Load what draws, in a thread: while there is a show it would take from the sound."""
        threading.Thread(target=_load, name="loading the live view", daemon=True).start()

    # ---- from the main thread ------------------------------------------------------------------

    def use(self, keys: KeyWords, press: Callable[[str], None]) -> None:
        """Tell these keys; `press` is called, in the screen's thread, for what is clicked."""
        self._keys, self._press = keys, press

    def show(self) -> None:
        """Take the terminal: it is ours now."""
        if self._wanted or self._over:
            return
        self._wanted = True
        self._hidden.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="live view", daemon=True)
            self._thread.start()
        else:
            self._in_loop(self._enter)

    def hide(self) -> None:
        """Give the terminal back; waits for it for a moment."""
        if not self._wanted:
            return
        self._wanted = False
        self._in_loop(self._leave)  # one that has only just begun sees it for itself
        self._hidden.wait(_LEFT_S)

    def ask(self, asked: Asked) -> None:
        """Show what the keyboard waits for."""
        self._asked = asked
        self._draw_soon()

    def feed(self, text: str) -> None:
        """Take what the terminal sent: clicks."""
        if "\x1b" in text or "[" in text or "<" in text or text[-1:] in "Mm":
            self._in_loop(lambda driver: driver.feed(text))

    def resized(self) -> None:
        """The terminal has another size."""
        self._in_loop(lambda driver: driver.resized())

    # ---- the screen, in its own thread ---------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._drawn())
        except OSError as error:
            self._error = self._error or error
        finally:
            self._over = True
            self._loop = None
            self._hidden.set()

    async def _drawn(self) -> None:
        from micstream.view.live.screen import LiveApp, driver_for

        self._loop = asyncio.get_running_loop()
        driver = driver_for(self._descriptor, self._begun, self._failed)
        self._app = LiveApp(self.scene, self._click, driver)
        await self._app.run_async()

    def _click(self, key: str) -> None:
        self._press(key)

    def scene(self) -> Scene:
        """What is seen now."""
        now = time.time()
        fresh = time.monotonic() - self._levels_at < _STALE_S
        return Scene(
            self._state,
            room=self._room,
            keys=self._keys,
            asked=self._asked,
            levels=self._levels if fresh else None,
            delays=self._recent.delays(now),
            log=tuple(self._recent.log),
            page=self._recent.page,
            now=now,
            clock=_clock(now),
            unicode=self._unicode,
        )

    def _begun(self, driver: TerminalDriver) -> None:
        self._driver = driver
        if self._wanted:
            driver.enter()
        else:
            self._hidden.set()

    def _enter(self, driver: TerminalDriver) -> None:
        if self._wanted:
            driver.enter()
            driver.redraw()

    def _leave(self, driver: TerminalDriver) -> None:
        if not self._wanted:
            driver.leave()
            self._hidden.set()

    def _failed(self, error: OSError) -> None:
        self._error = error
        self._hidden.set()

    def _draw_soon(self) -> None:
        loop = self._loop
        if loop is not None and self.is_shown and not self._due.is_set():
            self._due.set()
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._draw)

    def _draw(self) -> None:
        self._due.clear()
        if self._app is not None and self._app.is_running and self._app.shown.is_attached:
            self._app.shown.update()

    def _in_loop(self, work: Callable[[TerminalDriver], None]) -> None:
        """Have the screen's loop do it, where there is one."""
        loop, driver = self._loop, self._driver
        if loop is not None and driver is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(work, driver)


def can_show(descriptor: int) -> bool:
    """Whether such a terminal can be filled: on Windows lines and status stand in."""
    return os.name != "nt" and os.isatty(descriptor)


def _load() -> None:
    from micstream.view.live import screen

    del screen


def _clock(t: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(t))
