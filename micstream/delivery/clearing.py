"""Clearing: have the avatar drop all it has, and wait until it has said so. Pure.

    asked ──answer──▶ reporting ──report──▶ stray ──▶ done
      └──no answer─────────────────────────────────────▲

An avatar that reports does so at once; one that has never reported is not waited for. A stray start
may follow, which must still find us: longer where the avatar is slow, as long as its report took.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from micstream.delivery.actions import Answer, Cleared
from micstream.delivery.dialect import Dialect
from micstream.delivery.outbox import Outbox
from micstream.delivery.playback import Playback

ANSWER_S: Final = 1.0
"""How long an avatar may take to answer that it was told to clear."""
REPORT_S: Final = 0.6
"""And then to report that it did."""
STRAY_S: Final = 0.3, 1.0
"""After that a stray start may come, which must still find us: at least and at most so long."""


class _Phase(Enum):
    DONE = auto()
    ASKED = auto()
    REPORTING = auto()
    STRAY = auto()


class Clearing:
    """The last time that the avatar was told to drop all; an interrupt may wait for the first."""

    def __init__(self, dialect: Dialect, outbox: Outbox, playback: Playback) -> None:
        self._method = dialect.clear_method
        self._outbox = outbox
        self._playback = playback
        self._phase = _Phase.DONE
        self._call: int | None = None
        self._began = 0.0
        self._sent_s = 0.0
        self._reports = False
        self._report_s = 0.0
        self._until = 0.0

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is awaited any more."""
        return self._phase is _Phase.DONE

    def begin(self, answer_s: float, report_s: float, now: float) -> None:
        """Tell the avatar that listens to drop all; so long to answer, and then to report."""
        if not self._playback.listening:
            self._finish()
            return
        ledger = self._playback.ledger
        self._reports = ledger.outstanding > 0 and ledger.has_reported
        self._report_s = report_s
        self._began, self._sent_s = now, ledger.sent_s
        ledger.cleared(now)
        self._phase, self._until = _Phase.ASKED, now + answer_s
        self._call = self._outbox.call(self._method, "", answer_s, now)

    def hasten(self, until: float) -> None:
        """Wait no longer than `until` for an answer."""
        if self._phase is _Phase.ASKED:
            self._until = min(self._until, until)

    def lost(self) -> None:
        """Wait for nothing any more: the avatar is gone."""
        if self._phase is not _Phase.DONE:
            self._finish()

    def answered(self, call: int, answer: Answer, now: float) -> None:
        """Take the answer; whatever it is, the call has arrived, and all before it."""
        if call != self._call or self._phase is not _Phase.ASKED:
            return
        if answer is Answer.NONE:
            self._finish()  # it will not report either
            return
        self._playback.estimate.arrived(self._sent_s)
        self._phase, self._until = _Phase.REPORTING, now + self._report_s

    def advance(self, now: float) -> None:
        """Go on with what time, or a report, has brought."""
        if self._phase is _Phase.ASKED and now >= self._until:
            self._finish()
        if self._phase is _Phase.REPORTING:
            reports = self._reports and self._playback.ledger.cleared_outstanding > 0
            if not reports or now >= self._until:
                min_s, max_s = STRAY_S
                self._until = now + min(max(min_s, now - self._began), max_s)
                self._phase = _Phase.STRAY
        if self._phase is _Phase.STRAY and now >= self._until:
            self._finish()

    def next_timer(self) -> float | None:
        """Monotonic second at which it waits no longer."""
        return None if self._phase is _Phase.DONE else self._until

    def _finish(self) -> None:
        self._phase, self._call = _Phase.DONE, None
        self._outbox.put(Cleared())
