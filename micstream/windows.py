"""Windows' console, by its own calls: the one place where they are made.

`getwch` reads a key at once, and takes Ctrl-C for one: while it waits, the console raises no signal
for it. A console that is closed ends each of its programs as soon as their handlers have returned,
and after five seconds at the latest (`SetConsoleCtrlHandler`, `HandlerRoutine`); so does the end of
the session. The C runtime's own handler returns at once.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

NO_KEY: Final = "\uffff"
"""What is read where there is no console: `WEOF`, again and again."""
_CLOSED: Final = (2, 5, 6)
"""CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT."""
_STD_INPUT: Final = -10


class WindowsConsole:
    """The calls. Tests hand in another of the same methods."""

    def read_key(self) -> str:
        """Wait for a key; one of two parts comes as two."""
        import msvcrt

        return str(msvcrt.getwch())  # type: ignore[attr-defined]

    def mode(self) -> int | None:
        """How the console handles its input; None where standard input is none."""
        import ctypes

        mode = ctypes.c_ulong()
        return (
            mode.value if self._kernel().GetConsoleMode(self._input(), ctypes.byref(mode)) else None
        )

    def set_mode(self, mode: int) -> None:
        """Handle it like this."""
        self._kernel().SetConsoleMode(self._input(), mode)

    def add_handler(self, handle: Callable[[int], bool]) -> Callable[[], object]:
        """Call `handle` with each event of the console, in a thread of its own; how to end that."""
        import ctypes

        routine = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)(handle)  # type: ignore[attr-defined]
        self._kernel().SetConsoleCtrlHandler(routine, 1)
        return lambda: self._kernel().SetConsoleCtrlHandler(routine, 0)

    def _kernel(self) -> Any:
        import ctypes

        return ctypes.windll.kernel32  # type: ignore[attr-defined]

    def _input(self) -> Any:
        import ctypes

        self._kernel().GetStdHandle.restype = ctypes.c_void_p
        return ctypes.c_void_p(self._kernel().GetStdHandle(_STD_INPUT))


@contextlib.contextmanager
def told_of_closing(
    closing: Callable[[], object], console: WindowsConsole | None = None
) -> Iterator[None]:
    """Call `closing` in another thread when the console is closed or the session ends.

    The console is answered only by our end: whoever returns from its handler is ended at once.
    """

    is_closing = False

    def handle(event: int) -> bool:
        nonlocal is_closing
        if event not in _CLOSED:
            return False  # Ctrl-C and Ctrl-Break are Python's
        is_closing = True
        closing()
        threading.Event().wait()
        return True

    if console is None:
        if sys.platform != "win32":
            yield
            return
        console = WindowsConsole()
    remove = console.add_handler(handle)
    try:
        yield
    finally:
        if not is_closing:  # else the list of handlers may be locked for as long as ours runs
            remove()
