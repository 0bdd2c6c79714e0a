"""Signals that ask a program to end: one place that turns them into an event."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Final

ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C, a supervisor's request, a closed terminal."""


@contextlib.contextmanager
def set_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` on each signal of `ENDING`; afterwards their handlers are as they were before.

    To be used in the main thread, inside a running loop.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number in ENDING:
            try:
                loop.add_signal_handler(number, stop.set)
            except NotImplementedError:  # Windows: the loop waits for no signals
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        yield
    finally:
        for number, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            if handler is not None:  # else it was installed by something other than Python
                signal.signal(number, handler)
