"""Watch: whether what is sent arrives, and whether the avatar is alive behind its name. Pure.

While sound is on its way the avatar is called twice a second, one call at a time, with a method
that it need not have: any answer proves that what was sent before has arrived.

It is proved silent where it has reported before, two finished segments were not reported, nor was
anything else since, and a call was not answered, nor any after it. One that never reports is no
fault, and one that answers has only lost its reports. Without an answer no more is sent, so the
second segment is one that is let through on purpose (`estimate.TRY_S`). From the last report to
the proof it takes some 25 s of somebody speaking.
"""

from __future__ import annotations

from typing import Final

from micstream.delivery import wire
from micstream.delivery.actions import Answer
from micstream.delivery.outbox import GRAIN_S, Outbox
from micstream.delivery.playback import Playback

EVERY_S: Final = 0.5
"""How often it is called while sound is on its way."""
ANSWER_S: Final = 14.0
"""A call without an answer for so long has failed: a slow network needs less for what was sent
before the estimate found it stalled (measured: seven seconds at 64 kbit/s)."""
REPORT_S: Final = 5.0
"""A report that comes so much later than the sound should have ended is missing."""
SEGMENTS: Final = 2
"""One missing report proves nothing."""


class Watch:
    """The calls to the avatar that listens, and what they prove."""

    def __init__(self, outbox: Outbox, playback: Playback) -> None:
        self._outbox = outbox
        self._playback = playback
        self._call: int | None = None
        self._sent_s = 0.0
        """Seconds of sound that had been sent when it was called."""
        self._failed = False
        """Whether the last call was not answered."""
        self._look_at: float | None = None
        """When it is called next; None while nothing is on its way."""
        self._proof_at: float | None = None
        """When it is proved silent, unless a report or an answer comes."""
        self._silent = False

    @property
    def is_silent(self) -> bool:
        """Whether the avatar is proved silent."""
        return self._silent

    def reset(self) -> None:
        """Begin anew: the avatar is gone, or another listens."""
        self._call = self._look_at = self._proof_at = None
        self._failed = self._silent = False

    def answered(self, call: int, answer: Answer, now: float) -> None:
        """Take the answer to a call."""
        if call != self._call:
            return
        self._call, self._look_at, self._proof_at = None, now + EVERY_S, None
        self._failed = answer is Answer.NONE
        if not self._failed:
            self._playback.estimate.answered(self._sent_s, now)
            self._playback.prebuffer.path.answered(1000 * self._playback.estimate.took_s)
            if self._is_overdue(now):
                self._playback.ledger.excuse()

    def advance(self, now: float) -> None:
        """Call the avatar, where it is time; note the proof that it is silent."""
        playback = self._playback
        if not playback.listening:
            return
        overdue = self._is_overdue(now)
        if self._call is not None:
            if not (self._failed and overdue):
                self._proof_at = None
            elif self._proof_at is None:
                self._proof_at = now + EVERY_S
            self._silent = self._proof_at is not None and now >= self._proof_at
            return
        if playback.estimate.all_arrived(playback.ledger.sent_s) and not overdue:
            self._failed, self._look_at = False, None
            return
        if self._look_at is None:
            # What was sent now has not been read yet: asked at once it would say nothing.
            self._look_at = now if overdue else now + EVERY_S
        if now >= self._look_at:
            self._sent_s = playback.ledger.sent_s
            playback.estimate.asked(now)
            self._call = self._outbox.call(wire.ARRIVED, "", ANSWER_S, now)

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which it is to be called, or is proved silent."""
        if not self._playback.listening:
            return None
        if self._call is not None:
            proof_at = self._proof_at if self._proof_at is not None else self._overdue_at
            return proof_at if self._failed else None
        return self._look_at if self._look_at is not None else self._overdue_at

    @property
    def _overdue_at(self) -> float | None:
        at = self._playback.ledger.overdue_at(SEGMENTS, REPORT_S)
        return at + GRAIN_S if at is not None else None

    def _is_overdue(self, now: float) -> bool:
        return self._playback.ledger.overdue(now, REPORT_S) >= SEGMENTS
