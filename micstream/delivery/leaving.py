"""Leaving: what was said is handed over and played, and nothing is left to be reported. Pure.

Theory of operation. A sender that leaves while the avatar still has something to report ends a
stock avatar: its report finds nobody. So leaving has phases, in this order; each is skipped where
there is nothing to wait for, and each has a bound:

| phase | waits for | at most | with a deadline `D` |
|---|---|---|---|
| handing over | all that waits is sent | what it lasts + 5 s; nobody listens: 0.3 s | `D` - 1.3 s |
| closing | the last stream is closed | rest 0.5 s, close 0.5 s | `D` - 0.7 s |
| playing out | all is reported as played | what it lasts + 5 s | `D` - 1 s, or not at all |
| clearing | the avatar drops the rest | answer 3 s | `D` - 0.2 s |
| | and reports that, once it has answered | report 3 s, stray start 1 s | the same as in no hurry |
| pausing | our answer to its report arrives | 0.2 s | `D` |
| resting | it knows that nobody speaks | 2 s | `D` |

There is one deadline, and it may come nearer at any time. It gives way in one case alone: an avatar
that has answered our clearing, and whose report we would miss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from micstream.delivery.actions import Left
from micstream.delivery.clearing import Clearing
from micstream.delivery.feed import Feed
from micstream.delivery.outbox import Outbox
from micstream.delivery.playback import Playback
from micstream.delivery.sending import Sending
from micstream.delivery.states import AvatarStates

REPORT_LATE_S: Final = 5.0
"""How much later than its sound a report may come, where there is no hurry."""
NEVER_REPORTS_S: Final = 1.0
"""The same of an avatar that has never reported anything."""
HAND_OVER_S: Final = 0.3
"""How long what waits is kept for an avatar that does not listen."""
CLEAR_S: Final = 3.0
"""How long the last clearing may take for its answer, and again for its report."""
CUT_OFF_S: Final = 0.5
"""The same for its answer, in a hurry, where nothing comes from the server any more."""
ANSWER_S: Final = 0.2
"""How long our answer to its last report takes to reach it."""
REST_S: Final = 2.0
"""How long the avatar may take to hear that nobody speaks any more."""

# Kept of the time before a deadline. With 1.6 s: 0.3 s to hand over, 0.6 s to play what is left.
_FOR_REST_S: Final = 0.2
_FOR_CLEARING_S: Final = 0.5 + _FOR_REST_S
_FOR_STRAY_S: Final = 0.3 + _FOR_CLEARING_S
_FOR_PLAYING_S: Final = 0.3 + _FOR_STRAY_S


class Phase(Enum):
    """Where leaving stands."""

    STAYING = auto()
    HANDING_OVER = auto()
    CLOSING = auto()
    PLAYING_OUT = auto()
    CLEARING = auto()
    PAUSING = auto()
    RESTING = auto()
    LEFT = auto()


@dataclass(frozen=True, slots=True)
class Parts:
    """What leaving winds up."""

    outbox: Outbox
    playback: Playback
    sending: Sending
    feed: Feed
    clearing: Clearing
    states: AvatarStates


class Leaving:
    """The phases of leaving, from the first `leave` on."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._phase = Phase.STAYING
        self._deadline = math.inf
        self._until = math.inf
        """When the phase is over, were there no deadline."""
        self._entered = 0.0
        self._cut_off = False

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        return self._phase

    @property
    def is_shut(self) -> bool:
        """Whether nothing more is sent."""
        return self._phase not in (Phase.STAYING, Phase.HANDING_OVER)

    def leave(self, deadline: float | None, now: float) -> None:
        """Begin; or, once it has begun, hurry: a later deadline changes nothing."""
        if deadline is not None:
            self._deadline = min(self._deadline, deadline)
        if self._phase is Phase.STAYING:
            playback = self._parts.playback
            wait_s = HAND_OVER_S
            if playback.listening:
                wait_s = self._parts.feed.held_s + playback.backlog_s(now) + REPORT_LATE_S
            self._enter(Phase.HANDING_OVER, now, now + wait_s)

    def network(self, gone: bool) -> None:
        """Note whether anything comes from the server."""
        self._cut_off = gone

    def advance(self, now: float) -> bool:
        """Go on to the next phase; whether it did."""
        if self._phase is Phase.CLEARING and self._deadline < math.inf:
            self._parts.clearing.hasten(self._clear_until(now))
        if self._phase in (Phase.STAYING, Phase.LEFT):
            return False
        if not self._is_done() and now < self._bound(now):
            return False
        self._next(now)
        return True

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which the phase is over."""
        if self._phase in (Phase.STAYING, Phase.LEFT, Phase.CLEARING):
            return None
        bound = self._bound(now)
        return bound if bound < math.inf else None

    # ---- the phases ----------------------------------------------------------------------------

    def _is_done(self) -> bool:
        parts = self._parts
        match self._phase:
            case Phase.HANDING_OVER:
                return parts.feed.is_idle
            case Phase.CLOSING:
                return parts.sending.is_closed
            case Phase.PLAYING_OUT:
                return not parts.playback.ledger.outstanding
            case Phase.CLEARING:
                return parts.clearing.is_done
            case Phase.RESTING:
                return parts.states.is_told
        return False

    def _bound(self, now: float) -> float:
        """When the phase is over at the latest."""
        match self._phase:
            case Phase.HANDING_OVER:
                return min(self._until, self._deadline - _FOR_PLAYING_S)
            case Phase.CLOSING:
                return self._deadline - _FOR_CLEARING_S
            case Phase.PLAYING_OUT:
                return self._play_out_until(now)
            case Phase.CLEARING:
                return math.inf  # it has bounds of its own
        return min(self._until, self._deadline)

    def _play_out_until(self, now: float) -> float:
        """In a hurry, what cannot be played in time is not waited for."""
        playback, until = self._parts.playback, self._until
        if not playback.ledger.has_reported:
            until = min(until, self._until - REPORT_LATE_S + NEVER_REPORTS_S)
        if self._deadline == math.inf:
            return until
        in_time = self._deadline - _FOR_STRAY_S
        if self._cut_off or playback.played_at(self._entered, now) > in_time:
            return -math.inf
        return min(until, in_time)

    def _clear_until(self, now: float) -> float:
        until = max(now, self._deadline - _FOR_REST_S)
        return min(until, self._entered + CUT_OFF_S) if self._cut_off else until

    def _next(self, now: float) -> None:
        parts = self._parts
        match self._phase:
            case Phase.HANDING_OVER:
                parts.feed.shut()
                parts.sending.shut(now)
                self._enter(Phase.CLOSING, now)
            case Phase.CLOSING:
                parts.sending.abandon()
                lasts_s = parts.playback.backlog_s(now)
                self._enter(Phase.PLAYING_OUT, now, now + lasts_s + REPORT_LATE_S)
            case Phase.PLAYING_OUT:
                self._settle(now)
            case Phase.CLEARING | Phase.PAUSING:
                parts.states.rest()
                self._enter(Phase.RESTING, now, now + REST_S)
            case Phase.RESTING:
                self._enter(Phase.LEFT, now)
                parts.outbox.put(Left())

    def _settle(self, now: float) -> None:
        """Leave nothing for the avatar to report."""
        playback = self._parts.playback
        if playback.ledger.outstanding and playback.listening:
            self._enter(Phase.CLEARING, now)
            answer_s = min(CLEAR_S, self._clear_until(now) - now)
            self._parts.clearing.begin(answer_s, CLEAR_S, now, again_s=answer_s)
        else:
            pause_s = ANSWER_S if playback.ledger.has_reported else 0.0
            self._enter(Phase.PAUSING, now, now + pause_s)

    def _enter(self, phase: Phase, now: float, until: float = math.inf) -> None:
        self._phase, self._entered, self._until = phase, now, until
