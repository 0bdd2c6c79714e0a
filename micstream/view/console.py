"""The terminal, as rich sees it."""

from __future__ import annotations

from rich.console import Console


def printable(text: str) -> str:
    """The text with whatever would command a terminal written out: names come from others."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode()
        for each in text
    )


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
        super().__init__(no_color=plain, highlight=False, markup=False)

    def on_broken_pipe(self) -> None:
        """Called while the error is handled: let it go on.

        Raises:
            BrokenPipeError: always.
        """
        raise  # noqa: PLE0704 - rich calls this in its except clause
