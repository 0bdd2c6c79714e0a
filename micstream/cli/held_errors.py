"""Standard error while a picture fills the terminal: what is written there waits for its end."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Final, TextIO

_MOST: Final = 64_000
"""Characters that wait; later ones are lost."""


class HeldErrors(io.TextIOBase):
    """Stream that writes to `out`, later where `is_shown` says that a picture is there."""

    def __init__(self, out: TextIO, is_shown: Callable[[], bool]) -> None:
        self._out = out
        self._is_shown = is_shown
        self._held = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Write it, or hold it."""
        with self._lock:
            self._held = (self._held + text)[:_MOST]
        self.flush()
        return len(text)

    def flush(self) -> None:
        """Write what waits, if it can be seen."""
        if self._is_shown():
            return
        with self._lock:
            held, self._held = self._held, ""
        if held:
            self._out.write(held)
            self._out.flush()

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._out.isatty()

    def fileno(self) -> int:
        """Descriptor that is written to in the end."""
        return self._out.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream below."""
        return self._out.encoding


@contextlib.contextmanager
def holding_errors(is_shown: Callable[[], bool]) -> Iterator[None]:
    """Hold what is written to standard error while the picture is shown; then write it."""
    held = HeldErrors(sys.stderr, is_shown)
    try:
        with contextlib.redirect_stderr(held):
            yield
    finally:
        with contextlib.suppress(OSError):
            held.flush()
