"""The terminal, as rich sees it."""

from __future__ import annotations

import os
from typing import Final

from rich.console import Console

from micstream.plain_text import printable

_LEAST: Final = 72
"""Columns that a table has, though the terminal has less: it then breaks the lines itself."""
_BOUNDLESS: Final = 1_000
"""Columns where no terminal is written to: a program reads a row as a line."""

__all__ = ["Terminal", "printable"]


def error_words(message: str, hint: str) -> str:
    """An error that ends the program, as people read it: what is wrong, and what to do."""
    said = f"micstream: {printable(message)}"
    return f"{said}\n  {printable(hint)}" if hint else said


class Terminal(Console):
    """A console that leaves the end of the program to the program.

    Where nobody reads any more (`| head`), rich's own would raise SystemExit from within whatever
    printed: past everything that has to be done before we may leave an avatar.
    """

    def __init__(self, *, plain: bool) -> None:
        # A name that says :warning: is no picture of one.
        super().__init__(no_color=plain, highlight=False, markup=False, emoji=False)
        if not (self.is_terminal or os.environ.get("COLUMNS", "").isdecimal()):
            self.width = _BOUNDLESS
        elif self.width < _LEAST:  # else rich leaves columns out, down to all of them
            self.width = _LEAST

    def on_broken_pipe(self) -> None:
        """Called while the error is handled: let it go on.

        Raises:
            BrokenPipeError: always.
        """
        raise  # noqa: PLE0704 - rich calls this in its except clause
