"""One JSON object a line, for programs."""

from __future__ import annotations

from typing import TextIO

from micstream.events import Event


class JsonLines:
    """Writes each event as it comes, at once.

    Writing blocks where nobody reads: see `bus.ThreadConsumer`.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        """Write it."""
        self._out.write(event.as_json() + "\n")
        self._out.flush()
