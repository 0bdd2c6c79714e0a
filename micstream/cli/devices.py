"""`micstream devices`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from micstream.sources.listing import Listed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("devices")(devices)


def devices(
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="No colours.")] = False,
) -> None:
    """List the microphones; the default one is marked.

    Examples:

      micstream devices

      micstream devices --json | jq -r 'select(.is_default).name'
    """
    import asyncio

    from micstream.cli.streams import STREAMS
    from micstream.sources.listing import list_devices

    STREAMS.lead_libraries_away()
    found, error = asyncio.run(list_devices())
    if json:
        from micstream.view.json_lines import write_json

        for device, rates in found:
            write_json(sys.stdout, {**device.as_dict(), "rates": rates or []})
    else:
        _print(found, plain=plain)
    if error is not None:
        sys.stdout.flush()  # before the error
        raise error


def _print(found: Listed, *, plain: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from micstream.sources.surroundings import reach_hint
    from micstream.view.console import Terminal, printable

    console = Terminal(plain=plain)
    if not found:
        console.print("no device with an input")
        if hint := reach_hint():
            console.print(f"  {hint}", soft_wrap=True, markup=False)
        return
    table = Table(box=None)
    for heading, justify in (("", "right"), ("#", "right"), ("name", "left"), ("by", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    table.add_column("channels", justify="right")
    table.add_column("rates (Hz)")
    for device, rates in found:
        shown = Text(", ").join(
            Text(f"{rate}", "bold" if rate == device.default_rate else "") for rate in rates or ()
        )
        table.add_row(
            "*" if device.is_default else "",
            str(device.index),
            printable(device.name),
            printable(device.host_api),
            str(device.channels),
            shown or ("not known" if rates is None else "none: it may be in use"),
        )
    console.print(table)
    console.print("* the default; in bold each device's own rate", style="dim")
