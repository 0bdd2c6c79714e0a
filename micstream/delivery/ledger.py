"""Ledger: sound that was sent and is not yet known to have been played. Pure: time is handed in.

An avatar plays segments one after the other, in order, so a report belongs to the oldest segment
it can belong to. Reports may be missing or late, and after `lk.clear_buffer` a stray
`lk.playback_started` may follow; nothing here waits for a report.

Some avatars report an end at each pause inside of a segment, and a start after it. Which of the two
an end is, the segment and the time tell:

    the segment | the position reported          | the time                 | it is
    ------------|--------------------------------|--------------------------|--------------------------
    still open  | any                            | any                      | a pause
    closed      | all of it, or all that was     | any; a sum of parts not  | its end
                | left after the parts before    | before they can be over  |
    closed      | less                           | before it can be over    | a pause
    closed      | less                           | later                    | its end; or that of a
                |                                |                          | later one that it fits
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from micstream.delivery.wire import Finished

_SLACK_S: Final = 0.25
_SLACK_SHARE: Final = 0.05
"""A position, or a moment, is as expected if it is no farther off than the greater of the two."""
PROBE_REPORT_S: Final = 3.0
"""How long after an avatar was found to listen, or told to drop all, it may report what that has
cleared."""
_OVERTAKES_S: Final = 0.25
"""A start that comes up to so long before the end of the one before has overtaken it."""
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
    ends_at: float = math.inf
    """The same, awaited or not; infinite while it is open."""
    played_s: float = 0.0
    """Sound of it that was reported as played."""
    part_at: float | None = None
    """When the part that plays began; None where that was not reported, or none plays."""
    again_at: float | None = None
    """When a start was reported although it played: its own after a pause, or the next one's."""
    loud: bool = False
    """There is something in it that can be heard."""
    paused: bool = False
    """A pause was reported, and no start after it."""
    stutter_s: float = 0.0
    """Time that its parts took beyond their sound."""

    @property
    def slack_s(self) -> float:
        """How far off a position, or a moment, may be."""
        return max(_SLACK_S, _SLACK_SHARE * self.sent_s)

    @property
    def stutter_ms(self) -> int | None:
        """The same in milliseconds; None where no start was reported."""
        return round(self.stutter_s * 1000) if self.started_at is not None else None

    def is_due(self, now: float) -> bool:
        """Whether it is closed, and can be played to its end by now."""
        ends_at = self.ends_at
        if self.started_at is not None:
            ends_at = max(ends_at, self.started_at + self.sent_s)
        return self.closed and now >= ends_at - self.slack_s

    def completed_by(self, position_s: float, now: float) -> bool:
        """Whether this position is all of it, or all that was left after the parts before."""
        if not self.closed:
            return False
        if abs(position_s - self.sent_s) <= self.slack_s:
            return True
        begun = self.started_at if self.started_at is not None else self.first_written_at
        total_s = self.played_s + position_s
        in_time = begun is not None and now - begun >= total_s - self.slack_s
        return self.played_s > 0 and in_time and abs(total_s - self.sent_s) <= self.slack_s

    def is_too_young(self, position_s: float, now: float) -> bool:
        """Whether less time than this has passed since it was begun to be sent."""
        begun = self.first_written_at
        return begun is None or now - begun < position_s - self.slack_s

    def part(self, position_s: float, now: float) -> None:
        """Count a part that was played; some report each part, some all since the beginning."""
        if self.closed and self.played_s > position_s >= self.sent_s - self.slack_s:
            self.played_s = 0.0  # what was counted before belongs to another
        since = self.started_at if self.started_at is not None else self.first_written_at
        passed = now - since if since is not None else math.inf
        whole = self.played_s <= position_s and (
            abs(position_s - self.sent_s) <= self.slack_s
            or self.played_s + position_s > passed + self.slack_s
        )
        part_s = position_s - self.played_s if whole else position_s
        if self.part_at is not None:
            self.stutter_s += max(0.0, now - self.part_at - part_s)
        self.played_s += part_s
        self.paused, self.part_at = True, None


class Ledger:
    """Outstanding segments of one avatar, oldest first."""

    def __init__(self) -> None:
        self._segments: deque[Segment] = deque(maxlen=_KEPT)
        self._played_until = 0.0
        self._reported_at: float | None = None
        self._cleared_at = -math.inf
        """When it was told last to drop all it has: to see whether it listens, too."""
        self.sent_s = 0.0
        """Seconds of sound sent to this avatar."""
        self.loud_s = 0.0
        """Those of them in which there is something to be heard."""

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

    @property
    def reported_at(self) -> float | None:
        """Monotonic second at which it reported anything last."""
        return self._reported_at

    def unplayed(self, now: float) -> int:
        """Segments with sound in them that by estimate are not played to their end."""
        return sum(1 for s in self._segments if s.sent_s > 0 and s.ends_at > now)

    def unreported(self, since: float, shortest_s: float) -> list[Segment]:
        """Closed segments that should end after `since` and were not reported, in order.

        Without those that are shorter, or were cleared.
        """
        found: list[Segment] = []
        for segment in reversed(self._segments):
            if segment.ends_at < since:
                break
            if segment.closed and not segment.cleared and segment.sent_s >= shortest_s:
                found.append(segment)
        return found[::-1]

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

    def listens(self, now: float) -> None:
        """The avatar listens from now on."""
        self._cleared_at = now

    def opened(self, id: str, captured_at: float) -> Segment:
        """A segment begins; hand it back to `sent` and `closed`."""
        segment = Segment(id, captured_at)
        self._segments.append(segment)
        return segment

    def sending(self, segment: Segment, now: float) -> None:
        """Sound is about to be written into it."""
        if segment.first_written_at is None:
            segment.first_written_at = now

    def sent(self, segment: Segment, seconds: float, now: float, *, loud: bool = False) -> None:
        """`seconds` of sound were written into it; `loud`: there is something to be heard."""
        self.sending(segment, now)
        if segment.sent_s == 0:
            segment.lead_s = seconds
        segment.sent_s += seconds
        self.sent_s += seconds
        if loud:
            segment.loud = True
            self.loud_s += seconds
        self._played_until = max(self._played_until, now) + seconds

    def closed(self, segment: Segment) -> None:
        """Its stream was closed; an avatar never reports an empty one."""
        segment.closed = True
        segment.due_at = segment.ends_at = self._played_until
        if segment.sent_s == 0 and segment in self._segments:
            self._segments.remove(segment)

    def cleared(self, now: float) -> None:
        """The avatar was told to drop everything it has."""
        for segment in self._segments:
            segment.cleared, segment.due_at = True, None
        self.loud_s = max(0.0, self.loud_s - self.backlog(now))  # the rest is never heard
        self._played_until = self._cleared_at = now

    def started(self, now: float) -> Segment | None:
        """A report that playback started: its segment; None: it goes on after a pause, or none."""
        self._reported_at = now
        here = [s for s in self._segments if not s.cleared and s.first_written_at is not None]
        new = next((s for s in here if s.started_at is None and not s.paused), None)
        begun = here[0] if here and here[0] is not new else None
        if begun is not None and (new is None or not begun.is_due(now)):
            if begun.paused or begun.part_at is None:
                begun.paused, begun.part_at = False, now
            else:
                begun.again_at = now
            return None  # it cannot be over yet: it goes on
        if new is not None:
            new.started_at = new.part_at = now
        return new

    def overtook(self, ended: Segment, now: float) -> Segment | None:
        """The segment whose start was reported just before the end of this one, now reported."""
        at = ended.again_at
        if at is None or now > at + _OVERTAKES_S or ended.cleared:
            return None
        for segment in self._segments:
            if segment.sent_s > 0 and not segment.cleared:
                if segment.started_at is None and not segment.paused:
                    segment.started_at = segment.part_at = at
                    return segment
                break
        return None

    def finished(self, report: Finished, now: float) -> tuple[Segment, int | None] | None:
        """A report of an end: the segment that has ended, and its stutter in milliseconds.

        None where it was a pause, or belongs to nothing. One report answers for all that a clearing
        dropped.
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
            awaited = [s for s in played if not s.cleared] or played
            ended = self._ended_by(report, awaited, now)
            if ended is None:
                if not report.interrupted and not awaited[0].is_too_young(report.position_s, now):
                    awaited[0].part(report.position_s, now)
                return None
            for before in awaited[: awaited.index(ended) + 1]:
                self._segments.remove(before)  # of those before it the report is missing
            segment = ended
        segment.part(report.position_s, now)
        if not self._segments:
            self._played_until = now
        return segment, segment.stutter_ms

    def _ended_by(self, report: Finished, awaited: list[Segment], now: float) -> Segment | None:
        """Segment whose end this reports; None: a pause of the oldest, or of none.

        What an avatar held when it was asked whether it listens was cleared by that: it reports an
        interruption, and that may come when the next one has begun. So may a second one, of an
        avatar that was told twice to drop what it has.
        """
        oldest = awaited[0]
        if report.interrupted and not oldest.cleared:
            new = oldest.started_at is None and now < self._cleared_at + PROBE_REPORT_S
            return None if new else oldest
        if oldest.cleared:
            return oldest
        for segment in awaited:
            if segment.completed_by(report.position_s, now):
                return segment
            if not segment.is_due(now):
                break
        return oldest if oldest.is_due(now) else None

    def played_out(self) -> Segment | None:
        """Segment that had been played to its end when it was closed: no other report is due.

        As where an avatar runs empty, reports that, and learns only then that nothing follows.
        """
        for segment in self._segments:
            all_of_it = segment.paused and segment.played_s >= segment.sent_s - segment.slack_s
            if segment.closed and all_of_it and not segment.cleared:
                self._segments.remove(segment)
                return segment
        return None

    def forget(self) -> None:
        """The avatar is gone: nothing is outstanding any more."""
        self._segments.clear()
        self._played_until = self.sent_s = self.loud_s = 0.0
        self._reported_at = None
