"""One row of the fault table: what is provoked, what must happen, and by when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chaos.stage import Stage


@dataclass(frozen=True)
class Times:
    """Seconds measured in one attempt; None where the row has no such moment."""

    noticed: float | None = None
    """From the fault to the first event that tells of it, as read."""
    recovered: float | None = None
    """From the moment that all around is whole again to `ready`; or from the fault to the end."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault. `provoke` returns what it measured; an AssertionError says what did not happen."""

    name: str
    provokes: str
    must: str
    provoke: Callable[[Stage], Awaitable[Times]]
    notice_s: float = 1.0
    recover_s: float = 10.0
    limit_s: float = 120.0
    """An attempt that takes longer than this hangs."""
    quick: bool = False
    """Part of `--quick` and of the tests."""


@dataclass(frozen=True)
class Outcome:
    """One attempt; `why` is empty where it was survived."""

    times: Times
    why: str = ""


def late(row: Row, times: Times, stretch: float) -> str:
    """Which of the row's bounds was not kept; `stretch` stretches them on a loaded machine."""
    for what, took, bound in (
        ("noticed", times.noticed, row.notice_s),
        ("recovered", times.recovered, row.recover_s),
    ):
        if took is not None and took > bound * stretch:
            return f"{what} after {took:.1f} s, not within {bound * stretch:g} s"
    return ""
