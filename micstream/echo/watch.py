"""Warnings of an echo guard while it runs: no reference, a late one, an echo that is new, or too
much. Pure.

Told once each, and again only after it was better meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from micstream import notices
from micstream.events import Warned
from micstream.taps import Captured

SPOKEN_S: Final = 8.0
"""Spoken without anything of the reference: then there is none."""
LOUDEST_DB: Final = 6.0
"""Of the echo beside the reference: up to here the guard was measured."""
_LATE_SHARE: Final = 0.1
_JUDGED_S: Final = 10.0
"""Of sound with a reference, before level and lateness are judged; and each time again."""


class Facts(Protocol):
    """An echo guard, as far as it is told of."""

    @property
    def heard_s(self) -> float:
        """Seconds of sound with a reference so far."""
        ...

    @property
    def missed_s(self) -> float:
        """Seconds of them for which the reference came too late."""
        ...

    @property
    def level_db(self) -> float | None:
        """Level of the echo beside the reference; None: none was found."""
        ...

    @property
    def is_new(self) -> bool:
        """An echo was found that was not known beforehand."""
        ...


class EchoWatch:
    """Tells what is in the way of one echo guard; a listener of its sound path."""

    active = True

    def __init__(self, facts: Facts, emit: Callable[[Warned], None]) -> None:
        self._facts, self._emit = facts, emit
        self._spoken_s = 0.0
        self._heard_s = self._judged_s = self._missed_s = 0.0
        self._told: set[str] = set()

    def captured(self, sound: Captured) -> None:
        """The next piece of the microphone's sound."""
        heard_s = self._facts.heard_s
        if heard_s > self._heard_s:
            self._heard_s, self._spoken_s = heard_s, 0.0
            self._told.discard("none")
        elif sound.speaking:
            self._spoken_s += sound.seconds
            if self._spoken_s > SPOKEN_S:
                self._tell("none", notices.echo_no_reference())
        if self._facts.is_new:
            self._tell("new", notices.echo_unknown())
        if heard_s - self._judged_s >= _JUDGED_S:
            self._judge(heard_s)

    def _judge(self, heard_s: float) -> None:
        missed_s = self._facts.missed_s
        share = (missed_s - self._missed_s) / (heard_s - self._judged_s)
        self._judged_s, self._missed_s = heard_s, missed_s
        self._tell_if("late", share > _LATE_SHARE, notices.echo_reference_late())
        level = self._facts.level_db
        loud = level is not None and level > LOUDEST_DB
        self._tell_if("loud", loud, notices.echo_too_loud(level or 0.0))

    def _tell_if(self, what: str, is_so: bool, warning: Warned) -> None:
        if is_so:
            self._tell(what, warning)
        else:
            self._told.discard(what)

    def _tell(self, what: str, warning: Warned) -> None:
        if what not in self._told:
            self._told.add(what)
            self._emit(warning)
