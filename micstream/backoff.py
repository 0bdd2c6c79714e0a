"""Exponential backoff: how long to wait before each retry. Pure."""

from __future__ import annotations


class Backoff:
    """Pauses in seconds before one retry after another; the last one for ever after.

    `reset` begins again from the first, once what was retried has held.
    """

    def __init__(self, *pauses_s: float) -> None:
        if not pauses_s:
            raise ValueError("a backoff needs at least one pause")
        self._pauses_s = pauses_s
        self._tries = 0

    @property
    def tries(self) -> int:
        """Pauses handed out since the beginning, or since `reset`."""
        return self._tries

    def next_s(self) -> float:
        """The next pause in seconds."""
        pause = self._pauses_s[min(self._tries, len(self._pauses_s) - 1)]
        self._tries += 1
        return pause

    def reset(self) -> None:
        """Begin again from the first pause."""
        self._tries = 0
