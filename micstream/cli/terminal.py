"""The terminal that keys are read from: as long as it is ours, and put back as it was.

On Unix a terminal belongs to the job in its foreground. One in the background that reads it, or
changes how it works, is stopped; so a job that is there leaves it alone. `fg` hands it over: a job
that was stopped gets SIGCONT, but one that was running is told nothing by its shell (bash), so it
looks, twice a second, for as long as it is in the background (`tcgetpgrp`).
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from micstream.windows import NO_KEY, WindowsConsole

_LOOK_S: Final = 0.5

Take = Callable[[str, float], None]
"""Takes what was read, and the monotonic second of it."""


class Reader(Protocol):
    """Reader of a terminal."""

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Read it for as long as this lasts."""
        ...


class Screen(Protocol):
    """What fills the terminal while it is ours."""

    def show(self) -> None:
        """Take it."""
        ...

    def hide(self) -> None:
        """Give it back; returns soon, come what may."""
        ...

    def resized(self) -> None:
        """It has another size."""
        ...


def terminal(take: Take, closed: Callable[[], None], screen: Screen | None = None) -> Reader:
    """Reader of standard input. `closed` is called where there is nothing more to be read."""
    if os.name == "nt":
        return ConsoleReader(take, WindowsConsole())
    return TerminalReader(take, closed, sys.stdin.fileno(), screen)


class TerminalReader:
    """Terminal on Unix, read in the loop while this process is in its foreground."""

    def __init__(
        self,
        take: Take,
        closed: Callable[[], None],
        descriptor: int,
        screen: Screen | None = None,
    ) -> None:
        self._screen = screen
        self._take = take
        self._closed = closed
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        # Bytes that are no text must not vanish: in a terminal of 8 bits they begin a run.
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._before: list[Any] | None = None
        """How the terminal worked before; None while it is not ours."""
        self._looking: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read it for as long as this lasts; to be used in the main thread."""
        with self._told_of_jobs():
            self._look()
            try:
                yield
            finally:
                self._leave()

    @contextlib.contextmanager
    def _told_of_jobs(self) -> Iterator[None]:
        wanted: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTSTP: self._stand_still,
            signal.SIGCONT: self._look,
        }
        if self._screen is not None:
            wanted[signal.SIGWINCH] = self._screen.resized
        before = {number: signal.getsignal(number) for number in wanted}
        ours = [number for number in wanted if before[number] is not signal.SIG_IGN]
        for number in ours:
            self._loop.add_signal_handler(number, wanted[number])
        try:
            yield
        finally:
            for number in ours:
                self._loop.remove_signal_handler(number)
                if before[number] is not None:
                    signal.signal(number, before[number])

    def _look(self) -> None:
        """Take the terminal where it is ours now; else look again later."""
        self._look_no_more()
        if self._is_ours():
            self._enter()
        else:
            self._leave()
            self._looking = self._loop.call_later(_LOOK_S, self._look)

    def _is_ours(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # it controls no jobs of this session, or was closed: reading tells
            return True

    def _enter(self) -> None:
        import termios
        import tty

        try:
            before = termios.tcgetattr(self._descriptor)
            # At once, not after what is still to be written: where it is stopped that is for ever.
            tty.setcbreak(self._descriptor, termios.TCSANOW)
            if self._before is None:
                self._before = before
                termios.tcflush(self._descriptor, termios.TCIFLUSH)  # typed for somebody else
        except termios.error:  # it was closed: reading tells
            pass
        self._loop.add_reader(self._descriptor, self._read)
        if self._screen is not None:
            self._screen.show()

    def _leave(self) -> None:
        import termios

        self._look_no_more()
        self._loop.remove_reader(self._descriptor)
        if self._screen is not None:
            self._screen.hide()
        if self._before is not None and self._is_ours():
            with contextlib.suppress(termios.error):  # it was closed
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        self._before = None

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _stand_still(self) -> None:
        """Ctrl-Z: stop as everybody does, with the terminal as it was; goes on behind SIGCONT."""
        self._leave()
        # As the system does it: where no shell could let us go on, nothing is stopped.
        self._loop.remove_signal_handler(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        self._loop.add_signal_handler(signal.SIGTSTP, self._stand_still)
        self._look()

    def _read(self) -> None:
        if not self._is_ours():
            self._look()
            return
        try:
            read = os.read(self._descriptor, 4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            if not self._is_ours():  # it was taken from us just now
                self._look()
                return
            read = b""
        if not read:
            self._loop.remove_reader(self._descriptor)
            self._before = None
            self._closed()
        self._take(self._decode(read), time.monotonic())


class ConsoleReader:
    """Windows' console, read in a thread; Ctrl-C comes as a key there."""

    def __init__(self, take: Take, console: WindowsConsole) -> None:
        self._take = take
        self._console = console
        self._loop = asyncio.get_running_loop()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read it for as long as this lasts, where it is a console: `NUL` says it is one too."""
        before = self._console.mode()
        if before is None:
            yield
            return
        threading.Thread(target=self._read, daemon=True, name="keys").start()
        try:
            yield
        finally:
            self._console.set_mode(before)  # while a key is waited for there is no Ctrl-C in it

    def _read(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed
            while (key := self._console.read_key()) != NO_KEY:
                self._loop.call_soon_threadsafe(self._take, key, time.monotonic())
