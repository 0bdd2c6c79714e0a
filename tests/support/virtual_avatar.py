"""An avatar in virtual time: how it, and the shell before it, conduct themselves; what it plays."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from micstream.delivery.actions import Answer, Meter


class Listener(Protocol):
    """Where it reports to, and whose time it lives in."""

    conduct: Conduct

    @property
    def now(self) -> float:
        """Virtual monotonic seconds."""
        ...

    def after(self, seconds: float, happens: Callable[[], None]) -> None:
        """Have something happen so much later."""

    def started(self) -> None:
        """Take its report that it plays."""

    def finished(self, position_s: float, *, interrupted: bool = False) -> None:
        """Take its report of an end."""


@dataclass
class Conduct:
    """How long the shell and the avatar take, and what comes of it; None: it hangs for ever."""

    open_s: float | None = 0.002
    write_s: float | None = 0.001
    close_s: float | None = 0.001
    opens: bool = True
    writes: bool = True
    closes: bool = True
    answer_s: float | None = 0.005
    answers: dict[str, Answer] = field(default_factory=dict)
    """By method; else `OK`, and `UNSUPPORTED` for what no avatar has."""
    hangs: frozenset[str] = frozenset()
    """Methods that are never answered, whatever the others are."""
    plays: bool = True
    """Plays what comes, one segment after the other, and reports it."""
    meter: Callable[[float], Meter] = lambda _: Meter(energy=None)
    """Meter of its sound at a second; it cannot be read, unless told otherwise."""
    latency_s: float = 0.1
    """From the first sound of a segment to its being played."""
    reads_ahead: bool = True
    """Has taken in all that was sent; else a clear finds the segment that plays, and no other."""


@dataclass
class Stream:
    """One segment, as the avatar got it."""

    number: int
    rate: int
    opened_at: float
    state: str = "opening"
    chunks: list[bytes] = field(default_factory=list)
    closed_at: float | None = None

    @property
    def payload(self) -> bytes:
        """All of its sound."""
        return b"".join(self.chunks)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.payload) / 2 / self.rate

    @property
    def is_over(self) -> bool:
        """Closed, or nobody's any more."""
        return self.state in ("closed", "abandoned")


@dataclass
class _Segment:
    stream: Stream
    unplayed_s: float = 0.0
    ends_at: float | None = None
    position_s: float = 0.0
    closed: bool = False


class Player:
    """An avatar that plays one segment after the other, as a stock one does, and reports."""

    def __init__(self, stage: Listener) -> None:
        self._stage = stage
        self._segments: deque[_Segment] = deque()
        self._epoch = 0

    def arrived(self, stream: Stream, seconds: float) -> None:
        """Sound of a segment."""
        segment = next((s for s in self._segments if s.stream is stream), None)
        if segment is None:
            segment = _Segment(stream)
            self._segments.append(segment)
        segment.position_s += seconds
        if segment.ends_at is None:
            segment.unplayed_s += seconds
            self._play()
        else:
            segment.ends_at = max(segment.ends_at, self._stage.now) + seconds

    def closed(self, stream: Stream) -> None:
        """The end of a segment."""
        for segment in self._segments:
            if segment.stream is stream:
                segment.closed = True
        self._play()

    def clear(self) -> None:
        """Drop everything; one report answers for all of it. Not what it has not begun to read."""
        ahead = self._stage.conduct.reads_ahead
        behind = [] if ahead else list(self._segments)[1:]
        if self._segments:
            at = self._segments[0]
            left_s = (
                max(0.0, (at.ends_at or 0.0) - self._stage.now) if at.ends_at else at.position_s
            )
            self._stage.finished(at.position_s - left_s, interrupted=True)
        self.forget()
        self._segments.extend(behind)
        self._play()

    @property
    def holds(self) -> list[Stream]:
        """Segments that it plays, or has still to play."""
        return [segment.stream for segment in self._segments]

    def forget(self) -> None:
        """It is gone."""
        self._segments.clear()
        self._epoch += 1

    def _play(self) -> None:
        if not self._segments:
            return
        head = self._segments[0]
        if head.ends_at is None:
            latency_s = self._stage.conduct.latency_s
            head.ends_at = self._stage.now + latency_s + head.unplayed_s
            self._later(latency_s, self._stage.started)
        if head.closed:
            self._later(head.ends_at - self._stage.now, lambda: self._finish(head))

    def _finish(self, segment: _Segment) -> None:
        if self._segments and self._segments[0] is segment and segment.closed:
            self._segments.popleft()
            self._stage.finished(segment.position_s)
            self._play()

    def _later(self, seconds: float, happens: Callable[[], None]) -> None:
        epoch = self._epoch

        def unless_dropped() -> None:
            if epoch == self._epoch:
                happens()

        self._stage.after(max(0.0, seconds), unless_dropped)
