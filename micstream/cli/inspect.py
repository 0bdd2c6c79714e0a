"""`micstream inspect`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.options import CONNECTION, Flags, Output, takes

if TYPE_CHECKING:
    from micstream.events import Event
    from micstream.settings import Settings

_NOT_OURS = ("identity", "wait_avatar", "ready_timeout", "avatar", "token", "stay")
_NEEDED = tuple(knob for knob in CONNECTION if knob.name not in _NOT_OURS)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect")(inspect)


@takes(_NEEDED)
def inspect(
    flags: Flags,
    output: Output,
    identity: Annotated[
        str,
        typer.Option("--as", metavar="NAME", help="Identity of the avatar that it stands for."),
    ] = "avatar-inspect",
    beside: Annotated[
        bool,
        typer.Option("--beside", help="Only watch, also where there is no avatar yet."),
    ] = False,
    chunks: Annotated[
        bool, typer.Option("--chunks", help="Also each chunk of a segment, as it comes.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1, metavar="S", help="End after so long; else Ctrl-C.", show_default=False
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit code 1 where the protocol was broken, for CI."),
    ] = False,
) -> None:
    """Show what goes over an avatar's topic, as it happens, and what breaks the protocol.

    In a room without an avatar it stands for one, of kind agent: for those who write senders. It
    plays nothing, but answers and reports as a stock avatar does, and judges each segment as one
    would take it. Where there is an avatar it watches beside it, for those who write avatars: who
    is there, what is published, and what is heard.

    Examples:

      micstream inspect --room test

      micstream inspect --room test --json --seconds 60 --strict

      micstream inspect --room show --beside
    """
    import asyncio

    from micstream.cli.run import quiet_libraries
    from micstream.settings import load

    quiet_libraries(verbose=output.verbose)
    broken = asyncio.run(
        _inspect(
            load(**flags), output, identity=identity, beside=beside, chunks=chunks, seconds=seconds
        )
    )
    raise typer.Exit(int(strict and broken))


async def _inspect(
    settings: Settings,
    output: Output,
    *,
    identity: str,
    beside: bool,
    chunks: bool,
    seconds: float | None,
) -> bool:
    """Inspect until it is ended; whether the protocol was broken."""
    import asyncio

    from micstream.lab.inspecting import watch_avatar, watch_beside
    from micstream.room import admin
    from micstream.signals import set_on_signals
    from micstream.tasks import run_until

    connection, tell = settings.connection(), _view(output)
    stop = asyncio.Event()
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, stop.set)
    with set_on_signals(stop):
        there = await admin.find(connection, ("*",))
        if beside or any(each.tracks or each.speaks_for for each in there):
            await run_until(watch_beside(connection, tell), stop)
            return False
        return await watch_avatar(connection, identity, tell, stop, chunks=chunks)


def _view(output: Output) -> Callable[[Event], None]:
    """What is seen, as lines or as JSON."""
    from micstream.lab.seen import Inspected, Violation
    from micstream.lab.words import style, words
    from micstream.view.console import Terminal
    from micstream.view.json_lines import write_json

    console = Terminal(plain=output.plain)

    def tell(event: Event) -> None:
        if output.json:
            write_json(sys.stdout, event.as_dict())
        elif not output.quiet or isinstance(event, Violation | Inspected):
            import time

            clock = time.strftime("%H:%M:%S", time.localtime(event.t))
            for line in words(event):
                console.print(f"{clock}  {line}", style=style(event), soft_wrap=True)
        sys.stdout.flush()

    return tell
