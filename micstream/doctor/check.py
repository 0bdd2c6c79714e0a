"""A line of the diagnosis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from micstream.errors import MicstreamError

State = Literal["ok", "warning", "failed", "left out"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the diagnosis."""

    name: str
    state: State
    found: str
    expected: str = ""
    do: str = ""
    exit_code: int = 0
    """What the program ends with where this check failed."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {key: value for key, value in asdict(self).items() if key != "exit_code"}


def failed(name: str, error: MicstreamError, expected: str) -> Check:
    """A check that failed with this error."""
    return Check(name, "failed", error.message, expected, error.hint, error.exit_code)
