"""`micstream devices`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


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
    from micstream.cli.streams import STREAMS
    from micstream.sources.portaudio import input_devices, supported_rates

    STREAMS.lead_libraries_away()
    found = input_devices()
    if json:
        from micstream.view.json_lines import write_json

        for device in found:
            line = {**device.as_dict(), "rates": supported_rates(device)}
            write_json(sys.stdout, line)
        return
    from rich.table import Table
    from rich.text import Text

    from micstream.view.console import Terminal, printable

    console = Terminal(plain=plain)
    if not found:
        console.print("no device with an input")
        return
    table = Table(box=None)
    for heading, justify in (("", "right"), ("#", "right"), ("name", "left"), ("by", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    table.add_column("channels", justify="right")
    table.add_column("rates (Hz)")
    for device in found:
        rates = Text(", ").join(
            Text(f"{rate}", "bold" if rate == device.default_rate else "")
            for rate in supported_rates(device)
        )
        table.add_row(
            "*" if device.is_default else "",
            str(device.index),
            printable(device.name),
            printable(device.host_api),
            str(device.channels),
            rates or "none: it may be in use",
        )
    console.print(table)
    console.print("* the default; in bold each device's own rate", style="dim")
