"""Losses: what was not heard, at most a line in ten seconds for each reason. Pure: events in.

While somebody speaks and nobody hears it, a loss is told every second; on a screen that buries
everything else. The first is shown at once, what follows is added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from micstream import events
from micstream.events import Event
from micstream.view.console import printable

_EVERY_S: Final = 10.0


@dataclass(slots=True)
class _Loss:
    told_at: float
    more_s: float = 0.0


class Losses:
    """Lines of what was lost, each when it is due."""

    def __init__(self) -> None:
        self._losses: dict[tuple[str | None, str], _Loss] = {}

    def push(self, event: Event) -> list[str]:
        """Take an event; the lines that are due by it."""
        if isinstance(event, events.Dropped):
            return self._add(event)
        # Somebody hears again, or it is over: then it is told how much it was.
        last = isinstance(event, events.Ready | events.UtteranceStarted | events.Bye)
        due = [key for key, loss in self._losses.items() if last or self._is_due(loss, event.t)]
        told = [(key, self._losses.pop(key).more_s) for key in due]
        return [_line(key[1], more_s, more=True) for key, more_s in told if more_s > 0]

    def _add(self, event: events.Dropped) -> list[str]:
        key = (event.avatar, event.why)
        known = self._losses.get(key)
        if known is not None and not self._is_due(known, event.t):
            known.more_s += event.seconds
            return []
        before = known.more_s if known is not None else 0.0
        self._losses[key] = _Loss(event.t)
        return [_line(event.why, before + event.seconds, more=before > 0)]

    def _is_due(self, loss: _Loss, now: float) -> bool:
        return not 0 <= now - loss.told_at < _EVERY_S


def _line(why: str, seconds: float, *, more: bool) -> str:
    return f"not heard, {seconds:.1f} s{' more' if more else ''}: {printable(why)}"
