"""Ledger: sound that was sent and is not yet known to have been played. Pure: time is handed in.

An avatar plays segments one after the other, in order, so a report belongs to the oldest segment
it can belong to. Reports may be missing or late, and after `lk.clear_buffer` a stray
`lk.playback_started` may follow; nothing here waits for a report.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from micstream.delivery.wire import Finished

_KEPT: Final = 256
"""Segments kept for an avatar that never reports; the oldest are forgotten first."""


@dataclass(slots=True)
class Segment:
    """One utterance on its way; times are monotonic seconds."""

    id: str
    captured_at: float
    """When its first sample was captured."""
    first_written_at: float | None = None
    """When its first write began: it may be reported from then on, before that write returns."""
    lead_s: float = 0.0
    """Sound in the first write."""
    sent_s: float = 0.0
    closed: bool = False
    cleared: bool = False
    started_at: float | None = None
    due_at: float | None = None
    """When its end should be played, once it is closed; None where that is not awaited."""


class Ledger:
    """Outstanding segments of one avatar, oldest first."""

    def __init__(self) -> None:
        self._segments: deque[Segment] = deque(maxlen=_KEPT)
        self._played_until = 0.0
        self._reported_at: float | None = None
        self.sent_s = 0.0
        """Seconds of sound sent to this avatar."""

    @property
    def outstanding(self) -> int:
        """Segments with sound in them whose end was not reported."""
        return sum(1 for segment in self._segments if segment.sent_s > 0)

    @property
    def cleared_outstanding(self) -> int:
        """Those of them that the avatar was told to drop."""
        return sum(1 for segment in self._segments if segment.sent_s > 0 and segment.cleared)

    @property
    def has_reported(self) -> bool:
        """Whether this avatar ever reported anything."""
        return self._reported_at is not None

    def overdue(self, now: float, grace_s: float) -> int:
        """Closed segments whose report is more than `grace_s` seconds late, as is any other.

        0 where the avatar has never reported: that is no fault.
        """
        if self._reported_at is None or now <= self._reported_at + grace_s:
            return 0
        return sum(1 for s in self._segments if s.due_at is not None and now > s.due_at + grace_s)

    def overdue_at(self, count: int, grace_s: float) -> float | None:
        """Monotonic second after which `count` are overdue; None where too few are awaited."""
        due = sorted(s.due_at for s in self._segments if s.due_at is not None)
        if self._reported_at is None or len(due) < count:
            return None
        return max(due[count - 1], self._reported_at) + grace_s

    def excuse(self) -> None:
        """Reports are missing from an avatar that is well: those due so far are not awaited."""
        for segment in self._segments:
            segment.due_at = None

    @property
    def played_until(self) -> float:
        """Monotonic second at which all that was sent should be played, by estimate."""
        return self._played_until

    def backlog(self, now: float) -> float:
        """Estimated seconds of sound that were sent and not yet played."""
        return max(0.0, self._played_until - now)

    def opened(self, id: str, captured_at: float) -> Segment:
        """A segment begins; hand it back to `sent` and `closed`."""
        segment = Segment(id, captured_at)
        self._segments.append(segment)
        return segment

    def sending(self, segment: Segment, now: float) -> None:
        """Sound is about to be written into it."""
        if segment.first_written_at is None:
            segment.first_written_at = now

    def sent(self, segment: Segment, seconds: float, now: float) -> None:
        """`seconds` of sound were written into it."""
        self.sending(segment, now)
        if segment.sent_s == 0:
            segment.lead_s = seconds
        segment.sent_s += seconds
        self.sent_s += seconds
        self._played_until = max(self._played_until, now) + seconds

    def closed(self, segment: Segment) -> None:
        """Its stream was closed; an avatar never reports an empty one."""
        segment.closed, segment.due_at = True, self._played_until
        if segment.sent_s == 0 and segment in self._segments:
            self._segments.remove(segment)

    def cleared(self, now: float) -> None:
        """The avatar was told to drop everything it has."""
        for segment in self._segments:
            segment.cleared, segment.due_at = True, None
        self._played_until = now

    def started(self, now: float) -> Segment | None:
        """A report that playback started: the segment it belongs to."""
        self._reported_at = now
        for segment in self._segments:
            waits = segment.started_at is None and segment.first_written_at is not None
            if waits and not segment.cleared:
                segment.started_at = now
                return segment
        return None

    def finished(self, report: Finished, now: float) -> tuple[Segment, int | None] | None:
        """A report that a segment ended: the segment, and its stutter in milliseconds.

        One report answers for all that a clearing dropped.
        """
        self._reported_at = now
        if report.interrupted and any(segment.cleared for segment in self._segments):
            dropped = [segment for segment in self._segments if segment.cleared]
            self._segments = deque((s for s in self._segments if not s.cleared), maxlen=_KEPT)
            segment = dropped[0]
        else:
            played = [s for s in self._segments if s.sent_s > 0]
            if not played:
                return None
            segment = next((s for s in played if not s.cleared), played[0])
            self._segments.remove(segment)
        if not self._segments:
            self._played_until = now
        if segment.started_at is None:
            return segment, None
        stutter = now - segment.started_at - report.position_s
        return segment, max(0, round(stutter * 1000))

    def forget(self) -> None:
        """The avatar is gone: nothing is outstanding any more."""
        self._segments.clear()
        self._played_until = self.sent_s = 0.0
        self._reported_at = None
