"""Traffic: what goes over the avatar's topic, judged as a stock receiver would take it.

Pure: what comes is handed in with the time; `drain` gives what is to be told and what is to be
reported to senders, and `next_timer` says when time alone changes something.

    a stream's life | opened ─▶ sound ─▶ closed ─▶ played out ─▶ reported
    cut short by    | its sender leaves; 10 s without data; lk.clear_buffer; a newer stream
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from micstream.delivery import wire
from micstream.events import Event
from micstream.lab.playing import Playing
from micstream.lab.seen import (
    CallSeen,
    End,
    Inspected,
    ReportSeen,
    SegmentChunk,
    SegmentOpened,
    Violation,
    violation,
)
from micstream.lab.segment import Segment, wrong_attributes

EARLY_S: Final = 0.6
"""So long after it has seen its sender a stock receiver may not listen yet."""
_PAYLOAD: Final = 200


@dataclass(frozen=True, slots=True)
class Report:
    """To be told to a sender: a segment is being played, or was."""

    to: str
    kind: Literal["started", "finished"]
    segment: str
    position_s: float = 0.0
    interrupted: bool = False


Out: TypeAlias = Event | Report


@dataclass(slots=True)
class _Sender:
    kind: str
    """Empty until it is known."""
    joined_at: float
    has_sent: bool = False
    asked: bool = False
    """It has called `lk.clear_buffer`, and was answered."""
    owed: set[str] = field(default_factory=set)
    """Segments that it has not been told the end of."""


class Traffic:
    """Everything that was seen in a room, from its avatar's place; times are monotonic seconds.

    `chunks`: tell each chunk too.
    """

    def __init__(self, now: float, *, chunks: bool = False) -> None:
        self._joined_at = now
        self._tells_chunks = chunks
        self._senders: dict[str, _Sender] = {}
        self._segments: dict[str, Segment] = {}
        """Those that are not played out, by their stream, in order."""
        self._bound: str | None = None
        """Sender to which a stock avatar would be bound."""
        self._played_until = now
        self._out: list[Out] = []
        self._count = self._calls = 0
        self._seconds = 0.0
        self._violations: Counter[str] = Counter()
        self._told_missing: set[tuple[str, str]] = set()

    # ---- who is there --------------------------------------------------------------------------

    def joined(self, identity: str, kind: str, now: float) -> None:
        """Take note of somebody who is in the room from now on."""
        sender = self._senders.setdefault(identity, _Sender(kind, now))
        sender.kind, sender.joined_at = kind, now
        if kind == "agent" and self._bound is None:
            self._bound = identity
        if kind != "agent" and sender.has_sent:
            self._violated("wrong_kind", identity, found=kind)

    def met(self, identity: str, now: float) -> None:
        """Take note of somebody who calls or sends before the news that they have joined."""
        self._senders.setdefault(identity, _Sender("", now))

    def left(self, identity: str, now: float) -> None:
        """Take note that somebody has left."""
        sender = self._senders.pop(identity, None)
        broke = False
        for segment in self._of(identity):
            if segment.end is None:
                broke = True
                self._violated("left_open", identity, segment.id)
                self._end(segment, "left", now)
            elif segment.end == "unread":
                self._tell_end(segment)
            segment.over = segment.reported = True
        if sender is not None and sender.owed and not broke:
            self._violated("left_early", identity)
        if self._bound == identity:
            agents = (name for name, each in self._senders.items() if each.kind == "agent")
            self._bound = next(agents, None)
        self._forget()

    # ---- streams -------------------------------------------------------------------------------

    def opened(
        self,
        stream: str,
        sender: str,
        name: str,
        attributes: dict[str, str],
        size: int | None,
        now: float,
    ) -> None:
        """Take a new stream on the avatar's topic."""
        self.handle_timer(now)
        self._count += 1
        id = f"s{self._count}"
        wrong = wrong_attributes(attributes)
        rate = None if wrong else int(attributes["sample_rate"])
        channels = None if wrong else int(attributes["num_channels"])
        self._out.append(
            SegmentOpened(segment=id, sender=sender, name=name, rate=rate, channels=channels)
        )
        for code, found in wrong:
            self._violated(code, sender, id, found=found)
        self._judge_sender(sender, id, now)
        for other in self._of(sender):
            if other.end is None:
                self._violated("two_open", sender, id)
                self._end(other, "overtaken", now)
        playing = None
        if rate is not None and channels is not None:
            playing = Playing(rate, channels, after=max(now, self._played_until))
        segment = Segment(id, sender, size, now, playing, width=2 * (channels or 1))
        self._segments[stream] = segment
        if playing is None:
            segment.end = "unread"

    def data(self, stream: str, chunk: bytes, now: float) -> None:
        """Take the next chunk of a stream."""
        self.handle_timer(now)
        segment = self._segments.get(stream)
        if segment is None or not chunk:
            return
        since = segment.opened_at if segment.first_at is None else segment.last_at
        if self._tells_chunks:
            self._out.append(
                SegmentChunk(
                    segment=segment.id,
                    bytes=len(chunk),
                    seconds=segment.seconds_of(len(chunk)),
                    since_ms=round(1000 * (now - since), 1),
                )
            )
        segment.push(chunk, now)
        if segment.playing is not None:
            self._played_until = max(self._played_until, segment.playing.ends_at)

    def closed(self, stream: str, now: float, *, whole: bool = True) -> None:
        """Take the end of a stream; not `whole`: it broke off."""
        self.handle_timer(now)
        segment = self._segments.get(stream)
        if segment is None:
            return
        segment.over = True
        if segment.end is None:
            if not whole:
                self._violated("left_open", segment.sender, segment.id)
            self._end(segment, "closed" if whole else "left", now)
        elif segment.end == "unread":
            self._tell_end(segment)
        if segment.lost:
            seconds = segment.seconds_of(segment.lost) or 0.0
            self._violated("after_end", segment.sender, segment.id, found=f"{seconds:.2f}")
        self._forget()

    # ---- calls ---------------------------------------------------------------------------------

    def called(self, method: str, payload: str, caller: str, now: float) -> str:
        """Take a call to the avatar; what it answers."""
        self.handle_timer(now)
        self._calls += 1
        answer = wire.OK
        if method == wire.CLEAR_BUFFER:
            if self._bound not in (None, caller):
                answer = wire.REJECT
            else:
                self._clear(now)
            if caller in self._senders:
                self._senders[caller].asked = True
        self._out.append(
            CallSeen(sender=caller, method=method, payload=payload[:_PAYLOAD], answer=answer)
        )
        return answer

    def reported(self, report: Report, answer: str | None, *, unsupported: bool = False) -> None:
        """Take a sender's answer to a report; None: there was none, and it is still there."""
        method = wire.PLAYBACK_STARTED if report.kind == "started" else wire.PLAYBACK_FINISHED
        finished = report.kind == "finished"
        if finished and report.to in self._senders:
            self._senders[report.to].owed.discard(report.segment)
        self._out.append(
            ReportSeen(
                to=report.to,
                report=report.kind,
                segment=report.segment,
                answer="no such method" if unsupported else "none" if answer is None else answer,
                position_s=report.position_s if finished else None,
                interrupted=report.interrupted if finished else None,
            )
        )
        if unsupported:
            if (report.to, method) not in self._told_missing:
                self._told_missing.add((report.to, method))
                self._violated("no_handler", report.to, report.segment, found=method)
        elif answer is None:
            if report.to in self._senders:
                self._violated("no_answer", report.to, report.segment)
        elif answer != wire.OK:
            self._violated("bad_answer", report.to, report.segment, found=repr(answer[:40]))

    # ---- time, and what comes of it ------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Monotonic second at which time alone changes something."""
        due = []
        for segment in self._segments.values():
            if segment.end is None:
                due.append(segment.idle_at)
            playing = segment.playing
            if playing is None or playing.started_at is None or segment.reported:
                continue
            if not segment.told_started:
                due.append(playing.started_at)
            if segment.plays_out:
                due.append(playing.ends_at)
        return min(due, default=None)

    def handle_timer(self, now: float) -> None:
        """Do what is due by now."""
        for segment in list(self._segments.values()):
            playing = segment.playing
            if segment.end is None and now >= segment.idle_at:
                self._violated("idle", segment.sender, segment.id)
                self._end(segment, "idle", segment.idle_at)
            if playing is None or playing.started_at is None or segment.reported:
                continue
            if not segment.told_started and now >= playing.started_at:
                segment.told_started = True
                self._report(Report(segment.sender, "started", segment.id))
            if segment.plays_out and now >= playing.ends_at:
                segment.reported = True
                self._report(Report(segment.sender, "finished", segment.id, playing.seconds))
        self._forget()

    def drain(self) -> list[Out]:
        """What is to be told, and to be reported, in order."""
        out, self._out = self._out, []
        return out

    def summary(self) -> Inspected:
        """All of it, in numbers."""
        return Inspected(
            segments=self._count,
            seconds=round(self._seconds, 3),
            calls=self._calls,
            violations=dict(self._violations),
        )

    # ---- inside --------------------------------------------------------------------------------

    def _of(self, sender: str) -> list[Segment]:
        return [segment for segment in self._segments.values() if segment.sender == sender]

    def _report(self, report: Report) -> None:
        if report.to in self._senders:
            self._out.append(report)

    def _violated(
        self, code: str, sender: str, segment: str | None = None, *, found: object = ""
    ) -> None:
        told: Violation = violation(code, sender, segment, found=found)
        self._violations[code] += 1
        self._out.append(told)

    def _judge_sender(self, identity: str, segment: str, now: float) -> None:
        sender = self._senders.get(identity)
        if sender is None:
            return
        sender.has_sent = True
        if sender.kind not in ("agent", ""):
            self._violated("wrong_kind", identity, segment, found=sender.kind)
        if self._bound is None:
            self._bound = identity
        elif self._bound != identity:
            self._violated("second_sender", identity, segment)
        both_s = now - max(self._joined_at, sender.joined_at) if sender.kind else 0.0
        if not sender.asked and both_s < EARLY_S:
            self._violated("too_early", identity, segment, found=f"{both_s:.2f}")

    def _clear(self, now: float) -> None:
        """Drop what is there: one report answers for all of it."""
        dropped = [each for each in self._segments.values() if not each.reported and each.got]
        for segment in self._segments.values():
            if segment.end is None:
                self._end(segment, "cleared", now)
            segment.reported = True
        self._played_until = now
        heard = next((each for each in dropped if each.playing is not None), None)
        if heard is not None and heard.playing is not None:
            for segment in dropped:
                if segment.sender in self._senders:
                    self._senders[segment.sender].owed.discard(segment.id)
            position_s = heard.playing.position_s(now)
            self._owe(heard)
            self._report(Report(heard.sender, "finished", heard.id, position_s, interrupted=True))
        self._forget()

    def _end(self, segment: Segment, end: End, now: float) -> None:
        segment.end = end
        if segment.playing is not None and end in ("closed", "idle", "overtaken"):
            segment.playing.close(now)
            self._played_until = max(self._played_until, segment.playing.ends_at)
            if segment.got:
                self._owe(segment)
        self._tell_end(segment)

    def _tell_end(self, segment: Segment) -> None:
        self._seconds += segment.playing.seconds if segment.playing is not None else 0.0
        self._out.append(segment.summary())
        for code, found in segment.faults():
            self._violated(code, segment.sender, segment.id, found=found)

    def _owe(self, segment: Segment) -> None:
        if segment.sender in self._senders:
            self._senders[segment.sender].owed.add(segment.id)

    def _forget(self) -> None:
        self._segments = {k: each for k, each in self._segments.items() if not each.is_done}
