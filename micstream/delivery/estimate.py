"""How much of what was sent has not even reached the avatar. Pure: the time is handed in.

On a network that is too slow every write returns at once and nothing else says that the sound falls
behind. A call queues behind the sound: what was sent before it has arrived once it is answered.
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
TRY_ROOM_S: Final = 1.0
"""Seconds of sound that are sent then."""

SLOW_ROOM_S: Final = 2.0
"""Sound that may be on its way over such a network: eight seconds of 64 kbit/s."""


class Transit:
    """Calls to one avatar, one at a time, and what their answers prove."""

    def __init__(self) -> None:
        self._answers = False
        self._arrived_s = 0.0
        self._took_s = 0.0
        self._waits_since: float | None = None
        self._stalled_at_s: float | None = None
        """Seconds of sound that had been sent when an answer was found missing."""

    def does_answer(self) -> None:
        """The avatar has answered another call: from now on an answer that is missing is late."""
        self._answers = True

    def all_arrived(self, sent_s: float) -> bool:
        """Whether an answer has proved that all the `sent_s` seconds of sound have arrived."""
        return self._arrived_s >= sent_s

    def asked(self, now: float) -> None:
        """A call goes out; one that was not answered before keeps its time."""
        if self._waits_since is None:
            self._waits_since = now

    def answered(self, sent_s: float, now: float) -> None:
        """It was answered; `sent_s` seconds of sound had been sent before it."""
        if self._waits_since is not None:
            self._took_s = now - self._waits_since
        self._answers, self._waits_since = True, None
        self.arrived(sent_s)

    def arrived(self, sent_s: float) -> None:
        """Another call than ours, that went out after `sent_s` seconds of sound, was answered."""
        self._arrived_s = max(self._arrived_s, sent_s)

    def room_s(self, sent_s: float, now: float) -> float:
        """Seconds of sound that may follow the `sent_s` sent.

        None from the moment an answer is `STALLED_S` late until all has arrived, but `TRY_ROOM_S`
        for each `TRY_S` without an answer; then, until an answer is quick again, little.
        """
        if not self._answers:
            return math.inf
        waits_s = self._waits_s(now)
        if waits_s >= STALLED_S:
            if self._stalled_at_s is None:
                self._stalled_at_s = sent_s
        elif self.all_arrived(sent_s):
            self._stalled_at_s = None
        if self._stalled_at_s is not None:
            tries = waits_s // TRY_S
            return max(0.0, tries * TRY_ROOM_S - (sent_s - self._stalled_at_s))
        return SLOW_ROOM_S - (sent_s - self._arrived_s) if self._took_s >= SLOW_S else math.inf

    def missing_s(self, sent_s: float, now: float) -> float:
        """Seconds of the `sent_s` sent that are on their way; 0 where nothing is late.

        An avatar that never answers proves nothing.
        """
        if not self._answers or max(self._waits_s(now), self._took_s) < SLOW_S:
            return 0.0
        return max(0.0, sent_s - self._arrived_s)

    def _waits_s(self, now: float) -> float:
        """How long an answer has been missing."""
        return now - self._waits_since if self._waits_since is not None else 0.0
