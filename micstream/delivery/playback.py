"""Playback: whether the avatar listens, what it has, what it reports; how much more may be sent.

Pure. Holds the ledger (what is not yet played), the delivery estimate (what has not yet arrived)
and the prebuffer, which grows by the stutters that are reported.
"""

from __future__ import annotations

from micstream.delivery.estimate import DeliveryEstimate
from micstream.delivery.ledger import Ledger, Segment
from micstream.delivery.outbox import GRAIN_S, Outbox
from micstream.delivery.prebuffer import Prebuffer
from micstream.delivery.wire import Finished
from micstream.events import PlaybackFinished, PlaybackStarted


class Playback:
    """One avatar after the other, as they come and go; the prebuffer stays."""

    def __init__(self, *, capacity_s: float, prebuffer_ms: int, outbox: Outbox) -> None:
        self.ledger = Ledger()
        self.estimate = DeliveryEstimate()
        self.prebuffer = Prebuffer(prebuffer_ms)
        self.max_backlog_s = capacity_s
        self.listening_to: str | None = None
        """Identity of the avatar that listens."""
        self._outbox = outbox

    @property
    def listening(self) -> bool:
        """Whether an avatar listens: what is written now is played."""
        return self.listening_to is not None

    def listen(self, identity: str, now: float, *, proven: bool) -> None:
        """Note that this one listens; `proven`: it has answered a call."""
        if not self.listening:
            self.ledger.listens(now)
        self.listening_to = identity
        if proven:
            self.estimate.does_answer()

    def forget(self) -> None:
        """Note that the avatar is gone: nothing is outstanding, and nothing in flight."""
        self.listening_to = None
        self.ledger.forget()
        self.estimate = DeliveryEstimate()

    def advance(self, now: float) -> None:
        """Note what time alone has changed."""
        self.estimate.advance(self.ledger.sent_s, now)
        while (segment := self.ledger.played_out()) is not None:
            self._tell_finished(segment, segment.stutter_ms, interrupted=False)

    # ---- how much more -------------------------------------------------------------------------

    def backlog_s(self, now: float) -> float:
        """Estimated seconds of sound sent and not yet played."""
        in_flight_s = self.estimate.in_flight_s(self.ledger.sent_s, now)
        return max(self.ledger.backlog(now), in_flight_s)

    def played_at(self, since: float, now: float) -> float:
        """Monotonic second at which all is played; what is in flight counts from `since`."""
        in_flight_s = self.estimate.in_flight_s(self.ledger.sent_s, now)
        return max(self.ledger.played_until, since + in_flight_s)

    def capacity_s(self, now: float) -> float:
        """Seconds of sound that may be sent now; 0 or less: none."""
        return min(self.max_backlog_s - self.backlog_s(now), self._way_s(now))

    def is_stalled(self, now: float) -> bool:
        """Whether nothing gets through to the avatar just now."""
        return self._way_s(now) <= 0

    def is_late(self, now: float) -> bool:
        """Whether sound that was sent is late on its way to the avatar."""
        return self.is_stalled(now) or self.estimate.in_flight_s(self.ledger.sent_s, now) > 0

    def backlog_at(self, seconds: float, now: float) -> float | None:
        """Monotonic second at which playing alone has brought the backlog down to `seconds`.

        None where it is there already, or where that takes an answer.
        """
        at = self.ledger.played_until - seconds + GRAIN_S
        return at if at > now else None

    def capacity_at(self, seconds: float, now: float) -> float | None:
        """The same for a capacity of `seconds`."""
        return self.backlog_at(self.max_backlog_s - seconds, now)

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which waiting for an answer changes any of these."""
        at = self.estimate.next_timer(now)
        return at + GRAIN_S if at is not None else None

    def _way_s(self, now: float) -> float:
        return self.estimate.capacity_s(self.ledger.sent_s, now)

    # ---- reports -------------------------------------------------------------------------------

    def started(self, now: float) -> None:
        """Take the avatar's report that a segment is heard."""
        self._tell_started(self.ledger.started(now))

    def finished(self, report: Finished, now: float) -> None:
        """Take the avatar's report that a segment has ended."""
        matched = self.ledger.finished(report, now)
        if matched is None:
            return
        segment, stutter_ms = matched
        self._tell_finished(segment, stutter_ms, interrupted=report.interrupted)
        self._tell_started(self.ledger.overtook(segment, now))

    def _tell_started(self, segment: Segment | None) -> None:
        if segment is not None and segment.started_at is not None:
            delay_ms = round((segment.started_at - segment.captured_at) * 1000)
            self._outbox.tell(
                PlaybackStarted(avatar=self._outbox.name, id=segment.id, delay_ms=delay_ms)
            )

    def _tell_finished(
        self, segment: Segment, stutter_ms: int | None, *, interrupted: bool
    ) -> None:
        if stutter_ms is not None and not interrupted:
            self.prebuffer.played(round(segment.lead_s * 1000), stutter_ms)
        self._outbox.tell(
            PlaybackFinished(
                avatar=self._outbox.name,
                id=segment.id,
                position_s=segment.played_s,
                interrupted=interrupted,
                stutter_ms=stutter_ms,
            )
        )
