"""What every command that joins a room shares: views, signals, keys, summary."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import logging.handlers
import os
import queue
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias

from micstream import events
from micstream.bus import Bus, ThreadConsumer
from micstream.cli.held_errors import holding_errors
from micstream.cli.keymap import Keymap
from micstream.cli.options import Flags, Output
from micstream.cli.streams import STREAMS, reason
from micstream.errors import MicstreamError
from micstream.room.redact import Redacting
from micstream.settings import Settings, load
from micstream.signals import hangup_ends, set_on_signals
from micstream.tasks import run_guarded, run_until, task_group
from micstream.view.json_lines import JsonLines
from micstream.view.lines import Echo, Lines
from micstream.view.live.live_view import LiveView, can_show

if TYPE_CHECKING:
    from micstream.session import Session
    from micstream.taps import Taps

Work: TypeAlias = "Callable[[Session, Settings], Coroutine[Any, Any, None]]"
View: TypeAlias = Lines | LiveView | JsonLines

_WAIT_AVATAR_S: Final = 30.0
_FLUSH_S: Final = 1.0
"""How long whoever reads us may take for the last events: one who reads no more takes for ever."""
_LEVEL_EVERY_S: Final = 0.2
_LOGGED: Final = 10_000
"""Lines of the log that wait to be written."""


def run(work: Work, flags: Flags, output: Output, *, live: bool = False) -> None:
    """Join the room, do `work`, leave, print the summary. Returns after a clean end.

    `live`: it is the microphone's, with a detector and keys.
    """
    asyncio.run(run_session(work, load(**flags), output, live=live))


async def run_session(
    work: Work, settings: Settings, output: Output, *, live: bool = False
) -> None:
    """Run inside a loop that runs already: see `run`."""
    keyed = live and sys.stdin is not None and sys.stdin.isatty()
    keys = len(settings.avatar) if keyed else 0
    view = make_view(output, errors=sys.stderr, keys=keys, room=settings.room)
    with contextlib.ExitStack() as held:
        if isinstance(view, LiveView):
            held.enter_context(holding_errors(lambda: view.is_shown))
            view.load_early()
        quiet_libraries(verbose=output.verbose)
        await _run_session(work, settings, output, view, live=live, keyed=keyed)


async def _run_session(
    work: Work, settings: Settings, output: Output, view: View, *, live: bool, keyed: bool
) -> None:
    bus, stop, session = Bus(), asyncio.Event(), None
    try:
        async with showing(bus, view, stop) as consumer:
            try:
                with set_on_signals(stop):
                    session = await run_until(_open(settings, bus, live=live), stop)
                    if session is None:
                        return
                    show = session.show
                    keymap = Keymap(
                        avatars=len(session.room.avatars),
                        cues=[(cue.name, cue.key) for cue in show.cues],
                        own=show.keys,
                        performers=len(session.controls.voice.names),
                    )
                    working = work(session, settings)
                    if has_status(view):
                        working = run_guarded(working, draw_levels(session.taps, consumer))
                    if keyed:
                        keys = _keys(session, keymap, output, view, stop)
                        working = run_guarded(working, keys)
                    await session.run(working, stop=stop)
            except Exception as error:
                from micstream.session import untold

                if (failed := untold(error)) is not None:
                    bus.emit(failed)
                raise
            finally:
                bus.emit_summary()
                if session is not None and session.keeping is not None:
                    await session.keeping.aclose()
    except MicstreamError as error:
        lines = view.lines if isinstance(view, LiveView) else view
        error.said = error.said or (isinstance(lines, Lines) and lines.told_error.is_set())
        raise


async def _open(settings: Settings, bus: Bus, *, live: bool) -> Session:
    """The session, once all that can be looked at beforehand was found good.

    Nothing is said, and no room is joined, for a microphone that is not there.
    """
    from micstream.sources import opening

    async with task_group() as tasks:
        looking = checking = None
        if live and settings.performer:
            from micstream.performers.sources import check

            checking = tasks.create_task(check(settings.performers().performers))
        elif live:
            wanted = settings.capture()
            finding = opening.find(wanted.device, channel=wanted.channel, channels=wanted.channels)
            looking = tasks.create_task(finding)
        await asyncio.sleep(0)  # it is looked for in a thread, while the SDK is loaded here
        if live and settings.vad != "webrtc":
            from micstream.speech import silero

            silero.load_early()
        from micstream.assembly import open_session
        from micstream.room.connect import credentials

        credentials(settings.connection())
        found = await looking if looking is not None else None
        if checking is not None:
            await checking
        session = open_session(settings, bus)
        if found is not None:
            session.microphone = found
    return session


async def _keys(
    session: Session,
    keymap: Keymap,
    output: Output,
    view: View,
    stop: asyncio.Event,
) -> None:
    """Keys, with what they are and do told where no status tells it."""
    from micstream.cli.keys import Keys

    picture = view if isinstance(view, LiveView) else None
    if not output.json and picture is None and (session.show.cues or not has_status(view)):
        sys.stderr.write(f"{keymap.help()}\n")
    async with echoing(session.bus, output):
        await Keys(session.controls, stop, keymap=keymap, picture=picture).run()


async def with_avatar(
    work: Coroutine[Any, Any, None], session: Session, settings: Settings
) -> None:
    """Do `work`, while the avatar is brought in, and kept, where the settings say so.

    Ends with the work, or where the avatar cannot be had.
    """
    await run_guarded(work, _supervise(session, settings))


async def _supervise(session: Session, settings: Settings) -> None:
    if settings.start_avatar or settings.keep_avatar:
        from micstream.avatars.supervisor import Supervisor

        watch = session.room.watch(f"avatar-{settings.avatar_id}")
        await Supervisor(settings.supervisor(), watch, session.bus).run()


def wait_avatar(settings: Settings) -> float:
    """Seconds that a command with something to say waits for the avatar."""
    return settings.wait_avatar if settings.wait_avatar is not None else _WAIT_AVATAR_S


# ---- views -------------------------------------------------------------------------------------


@asynccontextmanager
async def showing(
    bus: Bus, view: Callable[[events.Event], None], stop: asyncio.Event
) -> AsyncIterator[ThreadConsumer]:
    """Have a view show what happens on standard output; a reader that stalls holds up nothing.

    One that goes away (`| head`, a closed terminal) sets `stop`. One that cannot be written for
    another reason is given up, and nothing ends. Ends after the summary, or a second later.
    """
    consumer = ThreadConsumer(bus, "standard output", view)
    watching = asyncio.create_task(_watch(consumer, stop))
    try:
        yield consumer
    finally:
        if await consumer.aclose(_FLUSH_S):
            await watching
        else:
            STREAMS.has_stalled = True
        watching.cancel()


async def _watch(consumer: ThreadConsumer, stop: asyncio.Event) -> None:
    try:
        error = await consumer.wait_ended()
    except Exception as mistake:  # ours: told now, and raised at the end
        with contextlib.suppress(OSError):
            sys.stderr.write(f"micstream: nothing more is shown: {mistake!r}; the show goes on\n")
        raise
    if error is None:
        return
    drop_stdout()
    terminal_closed = error.errno == errno.EIO and hangup_ends()
    if error.errno == errno.EPIPE or terminal_closed:
        stop.set()
        return
    # A disk that is full, for example. It must not end the show.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"micstream: nothing more is written: {reason(error)}\n")


@asynccontextmanager
async def echoing(bus: Bus, output: Output) -> AsyncIterator[None]:
    """Show on standard error what keys do, where standard output does not show it on a terminal."""
    if not (output.json or output.quiet) and sys.stdout.isatty():
        yield
        return
    consumer = ThreadConsumer(bus, "the terminal", Echo(sys.stderr))
    try:
        yield
    finally:
        await consumer.aclose(_FLUSH_S)


def make_view(
    output: Output, *, errors: TextIO | None = None, keys: int = 0, room: str = ""
) -> View:
    """Lines for people, or JSON; where there is a keyboard and all of a terminal, the live view.

    `errors`: where the error that ends the program is told, in its turn. `keys`: there is a
    keyboard, and so many avatars that keys lead to: with lines, below them is the status.
    """
    if output.json:
        return JsonLines(sys.stdout)
    from micstream.view.console import Terminal
    from micstream.view.status_line import StatusLine, can_draw

    console = Terminal(plain=output.plain)
    status = None
    if keys and not (output.quiet or output.verbose) and can_draw(console):
        if not output.plain and can_show(sys.stdout.fileno()):
            lines = Lines(console, errors=errors)
            blocks = "utf" in (sys.stdout.encoding or "").lower()
            return LiveView(lines, sys.stdout.fileno(), room=room, unicode=blocks)
        status = StatusLine(console, avatars=keys)
    return Lines(console, quiet=output.quiet, verbose=output.verbose, status=status, errors=errors)


def has_status(view: View) -> bool:
    """Whether it shows a status, and levels in it."""
    return isinstance(view, LiveView) or (isinstance(view, Lines) and view.has_status)


async def draw_levels(taps: Taps, consumer: ThreadConsumer) -> None:
    """Have the view show the microphone's levels, while it delivers any.

    Where the terminal takes nothing more, nothing is drawn: an event is worth more than a level.
    """
    from micstream.taps import Captured
    from micstream.view.live.meter import LiveMeter

    meter, due = LiveMeter(), 0.0
    with taps.tap(sent=False, capacity_s=1.0) as tap:
        async for sound in tap:
            if not isinstance(sound, Captured) or sound.held:
                continue
            meter.push(sound.pcm, sound.at)
            if sound.at >= due:
                due = sound.at + _LEVEL_EVERY_S
                levels = meter.levels(sound.at)
                if not consumer.subscription.events:
                    consumer.subscription.offer(levels)


def drop_stdout() -> None:
    """Nobody reads stdout any more: what is still to be written there goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def quiet_libraries(*, verbose: bool) -> None:
    """Log of the SDK and asyncio to stderr, only on demand; in a thread, as it may stand still.

    What ALSA, JACK and their like print there by themselves likewise.
    """
    if not verbose:
        STREAMS.lead_libraries_away()
    level = logging.DEBUG if verbose else logging.CRITICAL
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting(logging.BASIC_FORMAT))
    if verbose:
        logging.getLogger("livekit").setLevel(logging.INFO)
        waiting: queue.Queue[Any] = queue.Queue(_LOGGED)
        logging.handlers.QueueListener(waiting, handler).start()
        handler = _Hasty(waiting)
    logging.basicConfig(handlers=[handler], level=level)


class _Hasty(logging.handlers.QueueHandler):
    """Handler that loses what there is no place for, and says nothing of it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The queue is full."""
