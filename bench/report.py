"""Tables for people, JSON for machines, and the options that all benchmarks share."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from micstream.errors import MicstreamError

Figures = dict[str, Any]


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with --quick and --json, described by the module's docstring."""
    text = (description or "").strip()
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--quick", action="store_true", help="a short run: a look, not a figure")
    made.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    return made


def refuse(module: str, error: MicstreamError) -> NoReturn:
    """End with what is wrong and what to do, and the error's exit code."""
    hint = f"\n  {error.hint}" if error.hint else ""
    print(f"{module}: {error.message}{hint}", file=sys.stderr)
    raise SystemExit(error.exit_code) from None


def machine() -> Figures:
    """Where it was measured."""
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def show(
    title: str, head: Sequence[str], rows: Sequence[Sequence[Any]], *notes: str, width: int = 110
) -> None:
    """A table, its first column to the left, and lines under it; never narrower than `width`."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, name in enumerate(head):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    console = Console(width=max(width, Console().width))
    console.print(table)
    for note in notes:
        console.print(f"  {note}", highlight=False)
    console.print()


def cell(value: Any) -> str:
    """A figure as text; a dash for none."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
    return str(value)


def dump(name: str, figures: Figures) -> None:
    """One JSON object on one line."""
    print(json.dumps({"bench": name, "machine": machine(), **figures}))
