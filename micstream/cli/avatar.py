"""`micstream avatar`: start, status, stop."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import typer

from micstream.cli.options import CONNECTION, START, Flags, Output, takes

if TYPE_CHECKING:
    from micstream.bus import Bus
    from micstream.room.admin import Standing
    from micstream.settings import Settings

# A token given leads one participant into the room; here more is needed.
_ROOM = tuple(knob for knob in CONNECTION if knob.name != "token")
_WHICH = tuple(knob for knob in START if knob.name == "avatar_id")
_START = tuple(knob for knob in START if knob.kind is not bool)
_COMING = tuple(knob for knob in _ROOM if knob.name != "avatar")
_THERE = tuple(knob for knob in _ROOM if knob.name not in ("wait_avatar", "ready_timeout"))

_app = typer.Typer(
    no_args_is_help=True,
    help="Bring the avatar into the room, look whether it is there, take it out again.\n\n"
    "Examples:\n\n"
    "  micstream avatar start --room show --avatar-id anna\n\n"
    "  micstream avatar status --room show\n\n"
    "  micstream avatar stop --room show",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(_app, name="avatar")


@_app.command("start")
@takes(_COMING, _START)
def start(flags: Flags, output: Output) -> None:
    """Have the avatar's server bring the avatar in, and wait until it is there.

    It will listen to our identity alone. Each step is told with the time it took; together they
    may take 30 s, or as --wait-avatar says. One that is there already is left as it is.

    Examples:

      micstream avatar start --room show --avatar-id anna

      micstream avatar start --avatar-server http://localhost:8080 && micstream live
    """
    import asyncio

    from micstream.bus import Bus
    from micstream.cli.run import make_view, quiet_libraries, showing
    from micstream.settings import load
    from micstream.signals import set_on_signals
    from micstream.tasks import run_until

    settings = load(**flags)
    quiet_libraries(verbose=output.verbose)

    async def run() -> None:
        bus, stop = Bus(), asyncio.Event()
        with set_on_signals(stop):
            async with showing(bus, make_view(output), stop):
                await run_until(_start_and_wait(settings, bus), stop)

    asyncio.run(run())


async def _start_and_wait(settings: Settings, bus: Bus) -> None:
    from micstream.avatars.start import WAIT_S, Progress, bring, order, warnings
    from micstream.viewer.arrival import arriving

    asked = settings.start()
    wanted = order(asked)
    for warning in warnings(asked):
        bus.emit(warning)
    timeout_s = WAIT_S if settings.wait_avatar is None else settings.wait_avatar
    begun = time.monotonic()
    progress = Progress(wanted.identity, bus)
    async with arriving(asked.connection, wanted) as arrival:
        await bring(asked, progress, bus, timeout_s=timeout_s)
        await arrival.until_ready(
            progress,
            timeout=max(0.0, timeout_s - (time.monotonic() - begun)),
            picture_timeout=settings.ready_timeout,
            on_warning=bus.emit,
        )


@_app.command("status")
@takes(_THERE, _WHICH)
def status(flags: Flags, output: Output) -> None:
    """Is the avatar in the room, since when, for whom, and what does it publish?

    Exit 0 if it is there and active, else 6.

    Examples:

      micstream avatar status --room show --avatar-id anna

      micstream avatar status --json | jq .avatars
    """
    settings, found = _look(flags, output)
    if output.json:
        from micstream.view.json_lines import write_json

        told = {"room": settings.room, "avatars": [each.as_dict() for each in found]}
        write_json(sys.stdout, told)
    else:
        from micstream.view.console import Terminal, printable

        console = Terminal(plain=output.plain)
        for each in found:
            console.print(printable(_words(each, settings)), soft_wrap=True)
        if not found:
            absent = f"{' or '.join(settings.avatar)} is not in the room {settings.room!r}"
            console.print(printable(absent), soft_wrap=True)
    if not any(each.is_active for each in found):
        raise typer.Exit(6)


@_app.command("stop")
@takes(_THERE, _WHICH)
def stop(flags: Flags, output: Output) -> None:
    """Take the avatar out of the room. Where it is not there, nothing is to be done.

    Examples:

      micstream avatar stop --room show --avatar-id anna

      micstream avatar stop --room show --avatar avatar-anna
    """
    import asyncio

    from micstream.cli.run import make_view
    from micstream.errors import UsageError
    from micstream.events import AvatarStopped
    from micstream.room.admin import remove

    settings, found = _look(flags, output)
    if len(found) > 1:
        raise UsageError(
            f"several avatars are there: {', '.join(each.identity for each in found)}",
            hint="say which: --avatar-id or --avatar",
            code="several_avatars",
        )
    identity = found[0].identity if found else " or ".join(settings.avatar)
    there = asyncio.run(remove(settings.connection(), identity)) if found else False
    make_view(output)(AvatarStopped(identity=identity, found=there))


def _look(flags: Flags, output: Output) -> tuple[Settings, list[Standing]]:
    import asyncio

    from micstream.cli.run import quiet_libraries
    from micstream.room.admin import find
    from micstream.settings import load

    settings = load(**flags)
    quiet_libraries(verbose=output.verbose)
    return settings, asyncio.run(find(settings.connection(), settings.avatar))


def _words(avatar: Standing, settings: Settings) -> str:
    age = max(0, round(time.time() - avatar.since))
    clock = time.strftime("%H:%M:%S", time.localtime(avatar.since))
    if avatar.speaks_for is None:
        listens = "does not say to whom it listens"
    else:
        listens = f"listens to {avatar.speaks_for!r}"
        if avatar.speaks_for != settings.identity:
            listens += f", not to us ({settings.identity!r})"
    shows = " and ".join(avatar.tracks) or "nothing yet"
    return (
        f"{avatar.identity} is {avatar.state}, in the room since {clock} ({age // 60}:"
        f"{age % 60:02} min); {listens}; publishes {shows}"
    )
