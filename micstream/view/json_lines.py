"""One JSON object a line, for programs: in UTF-8, whatever standard output is set to."""

from __future__ import annotations

import io
from typing import Any, TextIO

from micstream.events import Event
from micstream.plain_text import as_json


class JsonLines:
    """Writes each event as it comes, at once.

    Writing blocks where nobody reads: see `bus.ThreadConsumer`.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = in_utf8(out)

    def __call__(self, event: Event) -> None:
        """Write it."""
        self._out.write(event.as_json() + "\n")
        self._out.flush()


def write_json(out: TextIO, value: Any) -> None:
    """Write a value as a line."""
    in_utf8(out).write(as_json(value) + "\n")


def in_utf8(out: TextIO) -> TextIO:
    """The stream, from now on in UTF-8: JSON is in no other encoding (RFC 8259)."""
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(encoding="utf-8")
    return out
