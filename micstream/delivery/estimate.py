"""Delivery estimate: how much of what was sent has not even reached the avatar. Pure.

On a network that is too slow every write returns at once and nothing else says that the sound falls
behind. A call queues behind the sound: what was sent before it has arrived once it is answered.

    quick     answers come within `SLOW_S`: no limit
    slow      the last one took longer: no more than `SLOW_CAPACITY_S` may be in flight
    stalled   one is `STALLED_S` late: nothing more, but for `TRY_CAPACITY_S` each `TRY_S`

It is stalled until an answer proves that all has arrived; then slow, until one is quick.
"""

from __future__ import annotations

import math
from typing import Final

from micstream.delivery import wire

SLOW_S: Final = 1.0
"""An answer that takes longer means that sound queues up; less is a network as it should be."""
STALLED_S: Final = 1.5
"""After so long without one no more should be sent: our answers to the avatar's own calls wait
behind the same sound, and a stock one ends when three of its calls take seven seconds each."""

TRY_S: Final = STALLED_S + wire.RECEIVER_IDLE_S
"""After each so long without one a little more is sent all the same: only a second segment can
prove that the avatar is silent, and what comes later than a receiver waits for it is one. On a
network that is merely slow no answer takes as long: what was sent before it was found out needs
seven seconds at 64 kbit/s."""
TRY_CAPACITY_S: Final = 1.0
"""Seconds of sound that are sent then."""

SLOW_CAPACITY_S: Final = 2.0
"""Sound that may be in flight over such a network: eight seconds of 64 kbit/s."""


class DeliveryEstimate:
    """Sound in flight to one avatar, by calls to it, one at a time, and what their answers prove.

    `sent_s` is always the seconds of sound sent to this avatar so far. Reading changes nothing:
    `advance` notes a stall, and is to be called with each change and at `next_timer`.
    """

    def __init__(self) -> None:
        self._answers = False
        self._arrived_s = 0.0
        self._took_s = 0.0
        self._waits_since: float | None = None
        self._stalled_at_s: float | None = None
        """Seconds of sound that had been sent when an answer was found missing."""

    @property
    def took_s(self) -> float:
        """Seconds that the last answer took."""
        return self._took_s

    def does_answer(self) -> None:
        """Note that the avatar has answered a call: an answer that is missing is late from now."""
        self._answers = True

    def asked(self, now: float) -> None:
        """Note that a call goes out; one that was not answered before keeps its time."""
        if self._waits_since is None:
            self._waits_since = now

    def answered(self, sent_s: float, now: float) -> None:
        """Note its answer; `sent_s` seconds of sound had been sent before it."""
        if self._waits_since is not None:
            self._took_s = now - self._waits_since
        self._answers, self._waits_since = True, None
        self.arrived(sent_s)

    def arrived(self, sent_s: float) -> None:
        """Note the answer to another call, that went out after `sent_s` seconds of sound."""
        self._arrived_s = max(self._arrived_s, sent_s)

    def advance(self, sent_s: float, now: float) -> None:
        """Note whether it is stalled by now."""
        self._stalled_at_s = self._stalled_at(sent_s, now)

    def all_arrived(self, sent_s: float) -> bool:
        """Whether an answer has proved that all the `sent_s` seconds of sound have arrived."""
        return self._arrived_s >= sent_s

    def capacity_s(self, sent_s: float, now: float) -> float:
        """Seconds of sound that may follow the `sent_s` sent; endless where the way is quick.

        0 from the moment an answer is `STALLED_S` late until all has arrived, but `TRY_CAPACITY_S`
        for each `TRY_S` without an answer; then, until an answer is quick again, little.
        """
        if not self._answers:
            return math.inf
        stalled_at_s = self._stalled_at(sent_s, now)
        if stalled_at_s is not None:
            tries = self._waits_s(now) // TRY_S
            return max(0.0, tries * TRY_CAPACITY_S - (sent_s - stalled_at_s))
        slow = self._took_s >= SLOW_S
        return SLOW_CAPACITY_S - (sent_s - self._arrived_s) if slow else math.inf

    def in_flight_s(self, sent_s: float, now: float) -> float:
        """Seconds of the `sent_s` sent that are on their way; 0 where nothing is late.

        An avatar that never answers proves nothing.
        """
        if not self._answers or max(self._waits_s(now), self._took_s) < SLOW_S:
            return 0.0
        return max(0.0, sent_s - self._arrived_s)

    def next_timer(self, now: float) -> float | None:
        """Monotonic second at which waiting alone changes what it says."""
        if not self._answers or self._waits_since is None:
            return None
        waits_s = self._waits_s(now)
        for step_s in (SLOW_S, STALLED_S):
            if waits_s < step_s:
                return self._waits_since + step_s
        return self._waits_since + (waits_s // TRY_S + 1) * TRY_S

    def _stalled_at(self, sent_s: float, now: float) -> float | None:
        if not self._answers:
            return self._stalled_at_s
        if self._waits_s(now) >= STALLED_S:
            return sent_s if self._stalled_at_s is None else self._stalled_at_s
        return None if self._arrived_s >= sent_s else self._stalled_at_s

    def _waits_s(self, now: float) -> float:
        """Seconds for which an answer has been missing."""
        return now - self._waits_since if self._waits_since is not None else 0.0
