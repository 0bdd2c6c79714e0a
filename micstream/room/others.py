"""Who else is in the room, as far as it concerns the avatar and us."""

from __future__ import annotations

from collections.abc import Sequence

from livekit import rtc

from micstream import notices
from micstream.monitor import Monitor
from micstream.room import presence


class Others:
    """Tells of them: of each sender once, and once that several avatars fit a pattern."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._told: set[str] = set()

    def joined(self, participant: rtc.RemoteParticipant) -> None:
        """Somebody is here who is not the avatar."""
        if presence.is_second_sender(participant) and self._first_time(participant.identity):
            self._monitor.emit(notices.second_sender(participant.identity))

    def avatars(self, pattern: str, found: Sequence[rtc.RemoteParticipant]) -> None:
        """So many fit what is wanted; the first is taken."""
        if len(found) > 1 and self._first_time(f"several {pattern}"):
            self._monitor.emit(notices.several_avatars([each.identity for each in found]))

    def warn_unwatched(self, room: rtc.Room) -> None:
        """Warn where the server is going to close the room because nobody watches."""
        left = presence.closes_unwatched_after(room)
        if left is not None:
            self._monitor.emit(notices.unwatched(left))

    def _first_time(self, what: str) -> bool:
        told = what in self._told
        self._told.add(what)
        return not told
