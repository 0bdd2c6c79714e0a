"""Writing that nobody waits for: to standard error, which a stopped terminal never takes."""

from __future__ import annotations

import contextlib
import io
import os
import select
import threading
from collections import deque
from typing import Any, Final

_AT_ONCE: Final = 4_096
"""Bytes that a pipe takes whole where it takes any (`PIPE_BUF` on Linux)."""
_KEPT: Final = 256 * 1024
"""Bytes that wait to be written; what comes on top of them is lost."""


class RawOutput(io.RawIOBase):
    """Raw stream around another one, to be written to in a way of its own."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def fileno(self) -> int:
        """Descriptor that is written to."""
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return bool(self._raw.isatty())

    def writable(self) -> bool:
        """It is."""
        return True


class UnhurriedRaw(RawOutput):
    """Raw stream that never blocks and never fails.

    What would block is written by a thread, in order; what cannot be written is lost.
    """

    def __init__(self, raw: Any) -> None:
        super().__init__(raw)
        self._waiting: deque[bytes] = deque()
        self._kept = 0
        self._lock = threading.Lock()
        self._more = threading.Semaphore(0)
        self._empty = threading.Event()
        self._empty.set()
        self._thread: threading.Thread | None = None

    def write(self, data: Any) -> int:
        """Take it, or some of it; how many bytes."""
        part = bytes(memoryview(data)[:_AT_ONCE])
        with self._lock:
            if self._empty.is_set() and _takes_some(self._raw):
                with contextlib.suppress(OSError):
                    return self._raw.write(part) or len(part)
            elif self._kept + len(part) <= _KEPT:
                self._empty.clear()
                self._waiting.append(part)
                self._kept += len(part)
                self._start()
                self._more.release()
        return len(part)

    def wait_written(self, timeout: float | None) -> bool:
        """Wait until all is written, for so many seconds at most; whether it is."""
        return self._empty.wait(timeout)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="standard error")
            self._thread.start()

    def _work(self) -> None:
        while True:
            self._more.acquire()
            rest = memoryview(self._waiting[0])
            with contextlib.suppress(OSError):
                while rest:
                    _wait(self._raw)
                    rest = rest[self._raw.write(rest) or 0 :]
            with self._lock:
                self._kept -= len(self._waiting.popleft())
                if not self._waiting:
                    self._empty.set()


def _takes_some(raw: Any) -> bool:
    """Whether writing a little does not block. Only Unix can tell."""
    if os.name == "nt":
        return True
    return bool(_poll(raw, 0))


def _wait(raw: Any) -> None:
    if os.name != "nt":
        _poll(raw, None)


def _poll(raw: Any, timeout: float | None) -> bool:
    try:
        return bool(select.select([], [raw], [], timeout)[1])
    except (OSError, ValueError):  # it is closed, or no descriptor: writing tells
        return True
