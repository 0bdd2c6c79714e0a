"""`micstream doctor`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from micstream.cli.options import CAPTURE, JOINING, Flags, Output, takes

_MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "left out": "-"}
_PLAIN_MARKS = {"ok": "+", "warning": "!", "failed": "x", "left out": "-"}
"""Where the output has no other signs."""
_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "left out": "dim"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


@takes(JOINING, tuple(knob for knob in CAPTURE if knob.name != "talk"))
def doctor(
    flags: Flags,
    output: Output,
    through: Annotated[
        bool,
        typer.Option(
            "--through",
            help="Also ask the avatar, as the sender: it stops what it plays and hums for a "
            "moment. Not beside a running sender of the same identity, unless --take-over.",
        ),
    ] = False,
    echo: Annotated[
        bool,
        typer.Option(
            "--echo",
            help="Also play a sound of six seconds through the avatar, as the sender, and hear "
            "what comes back into the microphone: whether the echo guard will do.",
        ),
    ] = False,
) -> None:
    """Check everything from the microphone to the avatar; exit 0 when one can go on stage.

    Examples:

      micstream doctor --room show

      micstream doctor --through && micstream live
    """
    import asyncio

    from micstream.cli.run import quiet_libraries
    from micstream.settings import load

    settings = load(**flags)
    quiet_libraries(verbose=output.verbose)

    async def run() -> int:
        from rich.text import Text

        from micstream.doctor import diagnose
        from micstream.view.console import Terminal, printable
        from micstream.view.json_lines import write_json

        console = Terminal(plain=output.plain)
        marks = _MARKS if console.encoding.startswith("utf") else _PLAIN_MARKS
        code = 0
        async for check in diagnose(settings, through=through, echo=echo):
            if check.state == "failed":
                code = code or check.exit_code
            if output.json:
                write_json(sys.stdout, check.as_dict())
                sys.stdout.flush()
                continue
            if output.quiet and check.state == "ok":
                continue
            mark = Text(f"{marks[check.state]} {check.name:<13}", _STYLES[check.state])
            console.print(mark, printable(check.found), soft_wrap=True)
            if check.state != "ok":
                console.print(f"  {'expected':<13} {printable(check.expected)}", soft_wrap=True)
                if check.do:
                    console.print(f"  {'what to do':<13} {printable(check.do)}", soft_wrap=True)
        if not output.json and not output.quiet:
            console.print("ready for the stage" if code == 0 else "not ready yet", style="bold")
        return code

    raise typer.Exit(asyncio.run(run()))
