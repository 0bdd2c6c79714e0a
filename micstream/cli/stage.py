"""What every command that joins a room shares: views, signals, keys, summary."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from micstream.cli.options import Flags, Output
from micstream.monitor import Monitor
from micstream.pipeline import Performance, conduct
from micstream.settings import Settings, load
from micstream.view.json_lines import JsonLines
from micstream.view.lines import Lines

Work = Callable[[Performance, Settings, Monitor], Coroutine[Any, Any, None]]


def perform(work: Work, flags: Flags, output: Output, *, keys: bool = False) -> None:
    """Join the room, do `work`, leave, print the summary. Returns after a clean end."""
    settings = load(**flags)
    asyncio.run(perform_with(work, settings, output, keys=keys))


async def perform_with(
    work: Work, settings: Settings, output: Output, *, keys: bool = False
) -> None:
    """As `perform`, inside a running loop."""
    quiet_libraries(verbose=output.verbose)
    monitor = Monitor()
    monitor.listen(make_view(output))
    stop = asyncio.Event()
    restore = _end_on_signals(stop)
    performance = Performance(settings, monitor)
    listening = None
    if keys and sys.stdin is not None and sys.stdin.isatty():
        from micstream.cli.keys import Keys

        listening = Keys(performance, stop)
        if not output.json:
            sys.stderr.write(f"{listening.HELP}\n")
    try:
        if listening is not None:
            with listening:
                await conduct(performance, work(performance, settings, monitor), stop=stop)
        else:
            await conduct(performance, work(performance, settings, monitor), stop=stop)
    finally:
        restore()
        monitor.emit(monitor.summary())


def make_view(output: Output) -> Lines | JsonLines:
    """Lines for people, or JSON."""
    if output.json:
        return JsonLines(sys.stdout)
    from rich.console import Console

    return Lines(Console(no_color=output.plain, highlight=False), quiet=output.quiet)


def quiet_libraries(*, verbose: bool) -> None:
    """What the SDK and asyncio log goes to stderr, and only on demand."""
    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG if verbose else logging.CRITICAL)
    if verbose:
        logging.getLogger("livekit").setLevel(logging.INFO)


def _end_on_signals(stop: asyncio.Event) -> Callable[[], None]:
    loop = asyncio.get_running_loop()
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    signals = [getattr(signal, name) for name in names]
    try:
        for number in signals:
            loop.add_signal_handler(number, stop.set)
    except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt in the loop
        for number in signals:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        return lambda: None

    def restore() -> None:
        for number in signals:
            loop.remove_signal_handler(number)

    return restore
