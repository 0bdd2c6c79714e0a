"""Clicks in what a terminal sends (SGR, `ESC [ < button ; column ; row M`). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_REPORT: Final = re.compile(r"\x1b\[<(\d{1,4});(\d{1,5});(\d{1,5})([Mm])")
_BEGUN: Final = re.compile(r"\x1b(\[(<[\d;]{0,18})?)?$")


@dataclass(frozen=True, slots=True)
class Click:
    """The left button at a place; both count from 0."""

    column: int
    row: int
    pressed: bool
    """Else let go."""


class MouseReader:
    """Finds clicks in what was read, however the reads divide it."""

    def __init__(self) -> None:
        self._begun = ""

    def push(self, text: str) -> list[Click]:
        """Take what was read; the clicks in it."""
        text = self._begun + text
        begun = _BEGUN.search(text)
        self._begun = begun.group() if begun else ""
        return [
            Click(max(0, int(column) - 1), max(0, int(row) - 1), how == "M")
            for button, column, row, how in _REPORT.findall(text)
            if int(button) == 0
        ]
