"""What every command that joins a room shares: views, signals, keys, summary."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias

from micstream import events
from micstream.cli.options import Flags, Output
from micstream.errors import MicstreamError
from micstream.monitor import Listener, Monitor
from micstream.room.redact import Redacting
from micstream.settings import Settings, load
from micstream.speech import silero
from micstream.view.json_lines import JsonLines
from micstream.view.lines import Lines

if TYPE_CHECKING:
    from micstream.pipeline import Performance

Work: TypeAlias = "Callable[[Performance, Settings, Monitor], Coroutine[Any, Any, None]]"

_WAIT_AVATAR_S = 30.0


def perform(work: Work, flags: Flags, output: Output, *, live: bool = False) -> None:
    """Join the room, do `work`, leave, print the summary. Returns after a clean end.

    `live`: it is the microphone's, with a detector and keys.
    """
    settings = load(**flags)
    asyncio.run(perform_with(work, settings, output, live=live))


async def perform_with(
    work: Work, settings: Settings, output: Output, *, live: bool = False
) -> None:
    """As `perform`, inside a running loop."""
    quiet_libraries(verbose=output.verbose)
    monitor = Monitor()
    stop = asyncio.Event()
    monitor.listen(until_nobody_reads(make_view(output), stop))
    restore = end_on_signals(stop)
    try:
        if live and settings.vad != "webrtc":
            silero.load_early()
        from micstream.conduct import conduct
        from micstream.pipeline import Performance

        performance = Performance(settings, monitor)
        with _keys(performance, stop, output) if live else contextlib.nullcontext():
            await conduct(performance, work(performance, settings, monitor), stop=stop)
    except MicstreamError as error:
        monitor.emit(events.Failed(code=error.code, message=error.message, hint=error.hint))
        error.told = True
        raise
    finally:
        restore()
        monitor.emit(monitor.summary())


async def with_avatar(
    work: Coroutine[Any, Any, None], settings: Settings, monitor: Monitor
) -> None:
    """Do `work`; beside it the avatar is brought in, and kept, where the settings say so.

    Ends with the work, or where the avatar cannot be had.
    """
    from micstream.conduct import beside

    await beside(work, _bring(settings, monitor))


async def _bring(settings: Settings, monitor: Monitor) -> None:
    if settings.start_avatar or settings.keep_avatar:
        from micstream.avatars.event_watch import EventWatch
        from micstream.avatars.supervisor import Supervisor

        watch = EventWatch(monitor, f"avatar-{settings.avatar_id}")
        await Supervisor(settings.supervisor(), watch, monitor).run()


def _keys(
    performance: Performance, stop: asyncio.Event, output: Output
) -> contextlib.AbstractContextManager[object]:
    """Listen to keys, where there is a terminal to press them in."""
    if sys.stdin is None or not sys.stdin.isatty():
        return contextlib.nullcontext()
    from micstream.cli.keys import Keys

    if not output.json:
        sys.stderr.write(f"{Keys.help(len(performance.cast))}\n")
    return Keys(performance, stop)


def until_nobody_reads(view: Listener, stop: asyncio.Event) -> Listener:
    """A view whose reader goes away (`| head`, a closed terminal) ends the program, cleanly.

    And not whatever part of it had something to tell. One that cannot be written for another
    reason is given up, and nothing ends.
    """
    reader_is_there = True

    def show(event: events.Event) -> None:
        nonlocal reader_is_there
        if not reader_is_there:
            return
        try:
            view(event)
        except OSError as error:
            reader_is_there = False
            drop_stdout()
            if error.errno in (errno.EPIPE, errno.EIO):  # EIO: its terminal was closed
                stop.set()
                return
            # A disk that is full, for example. It must not end the show.
            with contextlib.suppress(OSError):
                sys.stderr.write(f"micstream: nothing more is written: {error.strerror}\n")

    return show


def drop_stdout() -> None:
    """Nobody reads stdout any more: what is still to be written there goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def patience(settings: Settings) -> float:
    """Seconds that a command with something to say waits for the avatar."""
    return settings.wait_avatar if settings.wait_avatar is not None else _WAIT_AVATAR_S


def make_view(output: Output) -> Lines | JsonLines:
    """Lines for people, or JSON."""
    if output.json:
        return JsonLines(sys.stdout)
    from micstream.view.console import Terminal

    return Lines(Terminal(plain=output.plain), quiet=output.quiet)


def quiet_libraries(*, verbose: bool) -> None:
    """What the SDK and asyncio log goes to stderr, and only on demand."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting(logging.BASIC_FORMAT))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose else logging.CRITICAL)
    if verbose:
        logging.getLogger("livekit").setLevel(logging.INFO)


def end_on_signals(stop: asyncio.Event) -> Callable[[], None]:
    """Set `stop` on Ctrl-C, SIGTERM and a closed terminal; returns what undoes it."""
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
