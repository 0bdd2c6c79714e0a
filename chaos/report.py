"""What was survived, as a table for people or as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.report import machine, show
from chaos.row import Outcome, Row, Times

Done = Mapping[str, Sequence[Outcome]]


def catalogue(rows: Sequence[Row]) -> None:
    """What can be provoked, and what must happen."""
    for row in rows:
        print(f"{row.name:<22}{row.provokes}{' (quick)' if row.quick else ''}")
        print(f"{'':<22}  {row.must}")


def table(rows: Sequence[Row], done: Done) -> None:
    """Survived and tried, and how long it took; what failed below it."""
    head = ("row", "tried", "survived", "noticed s", "max", "recovered s", "max")
    lines = [(name, *figures.values()) for name, figures in _figures(rows, done).items()]
    failures = [
        f"{row.name}: {outcome.why}" for row in rows for outcome in done[row.name] if outcome.why
    ]
    show("chaos", head, lines, *failures)


def dump(rows: Sequence[Row], done: Done) -> None:
    """One JSON object on one line."""
    figures = {
        name: {**each, "failed": [outcome.why for outcome in done[name] if outcome.why]}
        for name, each in _figures(rows, done).items()
    }
    print(json.dumps({"chaos": figures, "machine": machine()}))


def in_words(times: Times) -> str:
    """Of one attempt, for the line that tells of it."""
    parts = [
        f"{what} {seconds:.2f} s"
        for what, seconds in (("noticed", times.noticed), ("recovered", times.recovered))
        if seconds is not None
    ]
    return ": " + ", ".join(parts) if parts else ""


def _figures(rows: Sequence[Row], done: Done) -> dict[str, dict[str, Any]]:
    return {
        row.name: {
            "tried": len(done[row.name]),
            "survived": sum(not outcome.why for outcome in done[row.name]),
            **_spread("noticed", [outcome.times.noticed for outcome in done[row.name]]),
            **_spread("recovered", [outcome.times.recovered for outcome in done[row.name]]),
        }
        for row in rows
    }


def _spread(what: str, seconds: Sequence[float | None]) -> dict[str, float | None]:
    known = [each for each in seconds if each is not None]
    return {
        f"{what}_median_s": round(statistics.median(known), 2) if known else None,
        f"{what}_max_s": round(max(known), 2) if known else None,
    }
