"""Path: what the network to the avatar is like, by its answers to our calls and by gaps. Pure.

A call waits behind the sound, so the time to its answer is that of the sound, and back. On a path
that is near that says little: what an answer takes is the avatar's own doing. On one that is far,

- answers that are not equally late show its jitter: half of what the slower ones take longer;
- one that is late by half a round trip and more shows that something was lost and sent again, as
  does a gap in the playback.

What is lost is only sent again once the other end has told three times that something else came
after it (SCTP fast retransmit: RFC 9260, 7.2.4). Between two writes nothing does: at a chunk of
100 ms that takes longer than the way itself. On a path that loses, each write is therefore followed
by nudges, small packets that nobody gets, and what was lost is there again a round trip later and
some ms. They go one after another, not at once: packets overtake each other on such a path, and of
reports that come in another order than they went, only those that tell of something new count
(`python -m bench runs_dry` is a simulation of it).
"""

from __future__ import annotations

import statistics
from collections import deque
from typing import Final

FAR_MS: Final = 25.0
"""A median round trip from which the path is a far one."""
KEPT: Final = 16
"""Answers that say what it is like: of some eight seconds of speech."""
ENOUGH: Final = 4
"""So many say something."""
STEADY_MS: Final = 5.0
"""Less jitter is none."""
LATE_MS: Final = 10.0
"""What took longer than one and a half round trips and this was lost, there or on its way back."""
CALM: Final = 20
"""After so many utterances without anything lost the path loses no more."""
NUDGES: Final = 8
"""What is lost is sent again after three reports of what came after it; some of them are
overtaken, and tell nothing."""


class Path:
    """The path to the avatar; all in milliseconds."""

    def __init__(self) -> None:
        self._took: deque[float] = deque(maxlen=KEPT)
        self._loses = False
        self._calm = 0

    @property
    def round_trip_ms(self) -> float:
        """Median time to an answer; 0: not known."""
        return statistics.median(self._took) if len(self._took) >= ENOUGH else 0.0

    @property
    def is_far(self) -> bool:
        """Whether the path shows in what answers take."""
        return self.round_trip_ms >= FAR_MS

    @property
    def jitter_ms(self) -> float:
        """How much later than the quickest sound may arrive; 0 where it is not known, or little."""
        if not self.is_far:
            return 0.0
        ranked = sorted(self._took)
        jitter = (ranked[3 * len(ranked) // 4] - ranked[0]) / 2
        return jitter if jitter >= STEADY_MS else 0.0

    @property
    def loses(self) -> bool:
        """Whether packets were lost of late, on a path where that is heard."""
        return self._loses and self.is_far

    @property
    def allowance_ms(self) -> int:
        """Sound to have in hand against its jitter, and against what is sent again."""
        return round(self.jitter_ms + (self._way_ms if self.loses else 0.0))

    @property
    def _way_ms(self) -> float:
        """A round trip, without what the avatar takes on top of it at times."""
        return sorted(self._took)[len(self._took) // 4]

    @property
    def nudges(self) -> int:
        """Packets that are to follow each write."""
        return NUDGES if self.loses else 0

    def answered(self, took_ms: float) -> None:
        """Note that an answer took so long."""
        if self.is_far and took_ms > 1.5 * self.round_trip_ms + LATE_MS:
            self.lost()
        self._took.append(took_ms)

    def lacked(self, missing_ms: float) -> None:
        """Note a gap in the playback; one of half a round trip is no jitter."""
        if self.is_far and missing_ms >= self.round_trip_ms / 2:
            self.lost()

    def lost(self) -> None:
        """Note that something was lost."""
        self._loses, self._calm = True, 0

    def played(self) -> None:
        """Note that an utterance was played to its end."""
        self._calm += 1
        if self._calm >= CALM:
            self._loses = False
