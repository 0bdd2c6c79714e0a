"""Evidence of a show: the accounts of it, and how they are asked. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.accounts import Accounts, Told
from rehearsal.tones import WINDOW_S


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the judgement."""

    what: str
    agrees: bool
    found: str = ""


class Evidence:
    """The accounts; `stretch` stretches what may take its time."""

    def __init__(self, accounts: Accounts, stretch: float) -> None:
        self.accounts = accounts
        self.record = accounts.record
        self.stretch = stretch
        self.measured: dict[str, list[float]] = defaultdict(list)
        """What was measured on the way, in milliseconds, by its name."""

    def named(self, *names: str, **fields: Any) -> list[Told]:
        """Events of these names that have these fields, in order."""
        return [told for told in self.record if told["event"] in names and has(told, fields)]

    def loud_s(self, since: float, until: float) -> float:
        """Seconds of sound that were heard between two unix seconds."""
        return WINDOW_S * sum(p.loud for p in self.accounts.heard if since <= p.t <= until)


def has(told: Told, fields: Mapping[str, Any]) -> bool:
    """Whether an event has these fields."""
    return all(told.get(name) == value for name, value in fields.items())


def some(found: Iterable[object], most: int = 3) -> str:
    """The first few of what was found, and how many more there are."""
    words = [str(each) for each in found]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return "; ".join(words[:most]) + more
