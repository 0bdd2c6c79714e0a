"""Warnings about the room itself: another sender in it, nobody who watches. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from micstream import notices
from micstream.events import Warned
from micstream.link.people import Person, is_namesake

_LONG_S: Final = 3600.0


class RoomWarnings:
    """Warns of second senders and namesakes, each once, and of a room that nobody watches."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(patterns)
        self._told: set[str] = set()

    def joined(self, person: Person) -> list[Warned]:
        """Warn where somebody who is no avatar may be taken for one, or for the avatar's sender."""
        if person.identity in self._told:
            return []
        if person.is_second_sender:
            warning = notices.second_sender(person.identity)
        elif is_namesake(person, self._patterns):
            warning = notices.namesake(person.identity)
        else:
            return []
        self._told.add(person.identity)
        return [warning]

    def unwatched(self, people: Iterable[Person], closes_after_s: float) -> list[Warned]:
        """Warn where the server is going to close the room because nobody watches."""
        left_s = closes_unwatched_after(people, closes_after_s)
        return [] if left_s is None else [notices.unwatched(left_s)]


def closes_unwatched_after(people: Iterable[Person], closes_after_s: float) -> float | None:
    """Seconds after which the server closes a room that nobody watches; None if not soon.

    Agents do not keep a room open (livekit-server, `pkg/rtc/room.go`, CloseIfEmpty): without a
    viewer it is closed after its empty timeout, usually five minutes, and everybody put out.
    """
    if any(not person.is_agent for person in people):
        return None
    return closes_after_s if 0 < closes_after_s < _LONG_S else None
