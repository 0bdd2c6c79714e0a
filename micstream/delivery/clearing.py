"""Clearing: have the avatar drop all it has, and wait until it has said so. Pure.

    asked ──answer──▶ reporting ──report──▶ stray ──▶ done
      └──no answer─────────────────────────────────────▲

An avatar that reports does so at once; one that has never reported is not waited for. A stray start
may follow, which must still find us: longer where the avatar is slow, as long as its report took.

A clear does not reach a segment that the avatar has not begun to read: it begins with it then. So
it is told again:

| when | how often |
|---|---|
| it has answered, and segments were queued behind the one that played | once for each |
| it reports that it plays something, and nothing was sent since | once for each, and one more |

Never once anything new is being sent: the clear would take that too. For the same reason the next
utterance waits until the answer, and the report where one is due, at most `HOLD_S`.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Final

from micstream.delivery.actions import Answer, Cleared
from micstream.delivery.dialect import Dialect
from micstream.delivery.outbox import Outbox, earliest
from micstream.delivery.playback import Playback

ANSWER_S: Final = 1.0
"""How long an avatar may take to answer that it was told to clear."""
REPORT_S: Final = 0.6
"""And then to report that it did."""
STRAY_S: Final = 0.3, 1.0
"""After that a stray start may come, which must still find us: at least and at most so long."""
HOLD_S: Final = 0.5
"""How long, at most, the next utterance waits for a clear."""


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
        self._sent_s: float | None = None
        """Sound that had been sent; None where nothing was cleared."""
        self._answer_s = self._report_s = 0.0
        self._reports = self._is_playing = False
        self._answered = False
        """Whether the avatar has answered since `begin`."""
        self._behind = 0
        """How often it is told again once it has answered."""
        self._again = 0
        """How often it may be told again, all in all."""
        self._until = self._hold_until = self._again_until = 0.0

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is awaited any more."""
        return self._phase is _Phase.DONE

    def holds(self, now: float) -> bool:
        """Whether what is sent now might be dropped with the rest: the next utterance waits."""
        if now >= self._hold_until:
            return False
        reporting = self._phase is _Phase.REPORTING and self._is_playing
        return self._phase is _Phase.ASKED or (reporting and self._awaits_report)

    def begin(
        self, answer_s: float, report_s: float, now: float, *, again_s: float = math.inf
    ) -> None:
        """Tell the avatar that listens to drop all; so long to answer, and then to report.

        For `again_s` it is told again where it goes on.
        """
        if not self._playback.listening:
            self._finish()
            return
        ledger = self._playback.ledger
        self._reports = ledger.outstanding > 0 and ledger.has_reported
        self._is_playing = ledger.backlog(now) > 0
        self._behind = ledger.unplayed(now) - 1
        self._again = ledger.outstanding + 1
        self._answer_s, self._report_s = answer_s, report_s
        self._again_until, self._hold_until = now + again_s, now + HOLD_S
        self._sent_s, self._answered = ledger.sent_s, False
        self._ask(now, now + answer_s)

    def plays(self, now: float) -> None:
        """Note its report that it plays, while we send nothing: then it plays what it was to drop.

        A stray report is taken for that too: it does no harm.
        """
        if self._sent_s is None or self._playback.ledger.sent_s != self._sent_s:
            return
        if self._again <= 0 or now >= self._again_until:
            return
        if self._phase is _Phase.ASKED:
            self._behind = max(self._behind, 1)
            return
        self._again -= 1
        self._hold_until = now + HOLD_S
        self._ask(now, now + self._answer_s)

    def supersede(self) -> None:
        """Wait for nothing any more, without a word: it is about to begin anew."""
        self._phase, self._call = _Phase.DONE, None

    def hasten(self, until: float) -> None:
        """Wait no longer than `until` for an answer."""
        if self._phase is _Phase.ASKED:
            self._until = min(self._until, until)

    def lost(self) -> None:
        """Wait for nothing any more: the avatar is gone."""
        self._sent_s = None
        if self._phase is not _Phase.DONE:
            self._finish()

    def answered(self, call: int, answer: Answer, now: float) -> None:
        """Take the answer; whatever it is, the call has arrived, and all before it."""
        if call != self._call or self._phase is not _Phase.ASKED:
            return
        if answer is Answer.NONE:
            self._unanswered(now)
            return
        self._answered = True
        self._playback.estimate.arrived(self._sent_s or 0.0)
        if answer is Answer.OK and self._behind > 0 and self._again > 0 and self.holds(now):
            self._behind, self._again = self._behind - 1, self._again - 1
            self._ask(now, self._until)
        else:
            self._await_report(now)

    def advance(self, now: float) -> None:
        """Go on with what time, or a report, has brought."""
        if self._phase is _Phase.ASKED and now >= self._until:
            self._unanswered(now)
        if self._phase is _Phase.REPORTING and (not self._awaits_report or now >= self._until):
            min_s, max_s = STRAY_S
            self._until = now + min(max(min_s, now - self._began), max_s)
            self._phase = _Phase.STRAY
        if self._phase is _Phase.STRAY and now >= self._until:
            self._finish()

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which it waits no longer, or the next utterance does not."""
        if self._phase is _Phase.DONE:
            return None
        return earliest(self._until, self._hold_until if self.holds(now) else None)

    @property
    def _awaits_report(self) -> bool:
        return self._reports and self._playback.ledger.cleared_outstanding > 0

    def _ask(self, now: float, until: float) -> None:
        self._playback.ledger.cleared(now)
        self._began = now
        self._phase, self._until = _Phase.ASKED, until
        self._call = self._outbox.call(self._method, "", max(0.0, until - now), now)

    def _unanswered(self, now: float) -> None:
        if self._answered:
            self._await_report(now)
        else:
            self._finish()  # it will not report either

    def _await_report(self, now: float) -> None:
        self._phase, self._until = _Phase.REPORTING, now + self._report_s

    def _finish(self) -> None:
        self._phase, self._call = _Phase.DONE, None
        self._outbox.put(Cleared())
