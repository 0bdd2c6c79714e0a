"""Telling of what only time shows: a backlog that changes, an avatar that is not there. Pure."""

from __future__ import annotations

import math
from typing import Final

from micstream.delivery.actions import Absent
from micstream.delivery.outbox import Outbox
from micstream.delivery.playback import Playback
from micstream.events import Backlog

BACKLOG_STEP_S: Final = 0.5
"""A change of the backlog by more than this is told."""
BACKLOG_EVERY_S: Final = 0.25
"""And not more often than this."""
ABSENT_S: Final = 10.0
"""After so long without an avatar that listens it is said so, once."""


class BacklogTeller:
    """The event `backlog`, whenever it differs from what was told last."""

    def __init__(self, outbox: Outbox, playback: Playback) -> None:
        self._outbox = outbox
        self._playback = playback
        self._told_s = 0.0
        self._told_at = -math.inf

    def advance(self, now: float) -> None:
        """Tell it, where it has changed."""
        backlog_s = self._playback.backlog_s(now)
        if self._differs(backlog_s) and now >= self._told_at + BACKLOG_EVERY_S:
            self._told_s, self._told_at = backlog_s, now
            self._outbox.tell(Backlog(avatar=self._outbox.name, seconds=backlog_s))

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which there is something to tell."""
        free_at = self._told_at + BACKLOG_EVERY_S
        if self._differs(self._playback.backlog_s(now)):
            return free_at
        at = self._playback.backlog_at(self._told_s - BACKLOG_STEP_S, now)
        return max(at, free_at) if at is not None and self._told_s > BACKLOG_STEP_S else None

    def _differs(self, backlog_s: float) -> bool:
        return abs(backlog_s - self._told_s) > BACKLOG_STEP_S


class AbsenceTimer:
    """The action `Absent`, once for each time that nobody listens for long while connected."""

    def __init__(self, outbox: Outbox, playback: Playback) -> None:
        self._outbox = outbox
        self._playback = playback
        self._connected = True
        self._since: float | None = None
        self._told = False

    def connected(self, up: bool) -> None:
        """Note whether we are in the room; while we are not, nobody can listen."""
        self._connected, self._since = up, None

    def advance(self, now: float) -> None:
        """Say so, where it has lasted long enough."""
        if self._playback.listening:
            self._since, self._told = None, False
        elif self._connected and self._since is None:
            self._since = now
        elif self._is_due and self._since is not None and now >= self._since + ABSENT_S:
            self._told = True
            self._outbox.put(Absent(ABSENT_S))

    def next_timer(self) -> float | None:
        """Monotonic second at which it is said."""
        return self._since + ABSENT_S if self._is_due and self._since is not None else None

    @property
    def _is_due(self) -> bool:
        return self._connected and not self._told
