"""Signals that ask a program to end: one place that turns them into an event."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Final

from micstream.windows import told_of_closing

ENDING: Final = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
"""Ctrl-C, a supervisor's request, a closed terminal; Ctrl-Break on Windows."""


_stops: Final[list[asyncio.Event]] = []
"""Events of those that wait for a signal, the innermost last. Of the main thread alone."""


@contextlib.contextmanager
def set_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` on each signal of `ENDING`; afterwards their handlers are as they were before.

    One within another takes the signals for as long as it lasts. To be used in the main thread,
    inside a running loop.
    """
    _stops.append(stop)
    try:
        with _handlers() if len(_stops) == 1 else contextlib.nullcontext():
            yield
    finally:
        _stops.remove(stop)


@contextlib.contextmanager
def _handlers() -> Iterator[None]:
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in ENDING}
    # Ignored ones stay so: `nohup`, and a script's `&`, have promised that they end nothing.
    before = {number: now for number, now in before.items() if now is not signal.SIG_IGN}
    try:
        for number in before:
            try:
                loop.add_signal_handler(number, _set_innermost)
            except NotImplementedError:  # Windows: the loop waits for no signals
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(_set_innermost))
        with told_of_closing(lambda: loop.call_soon_threadsafe(_set_innermost)):
            yield
    finally:
        for number, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            if handler is not None:  # else it was installed by something other than Python
                signal.signal(number, handler)


def hangup_ends() -> bool:
    """Whether a terminal that is closed is to end us: not under `nohup`, and `trap '' HUP`."""
    number = getattr(signal, "SIGHUP", None)
    return number is None or signal.getsignal(number) is not signal.SIG_IGN


def _set_innermost() -> None:
    if _stops:
        _stops[-1].set()
