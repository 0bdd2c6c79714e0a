"""Lead sweep: the smallest prebuffer with which an avatar does not stutter, at real-time pace.

The same sentence is spoken with one lead after the other, by bisection; each lead is tried more
than once, and what a viewer hears decides: silence put into it, or sound put in. It stands on the
way to the avatar as it is now: network, avatar and this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from micstream.lab.align import Way, follow_way
from micstream.lab.take import Samples, Take

LOW_MS: Final = 0
HIGH_MS: Final = 600
STEP_MS: Final = 20
TIMES: Final = 3
STUTTER_S: Final = 0.03
"""Put into an utterance, beyond what a jitter buffer does by itself."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a lead did, once."""

    lead_ms: int
    put_in_s: float | None
    """Silence and sound put in; None: it was not heard."""
    delay_ms: float | None
    """From its first sample, as it would have been spoken, to its being heard."""

    @property
    def stutters(self) -> bool:
        """Whether it is heard to."""
        return self.put_in_s is None or self.put_in_s > STUTTER_S


def next_lead(tried: Sequence[Tried]) -> int | None:
    """The lead to try next; None: it is known.

    A lead is safe where it did not stutter in any of `TIMES`; one stutter is enough to say it is
    not. Between the largest that is not and the smallest that is, halves, in steps of 20 ms.
    """
    unsafe = {each.lead_ms for each in tried if each.stutters}
    counts: dict[int, int] = {}
    for each in tried:
        counts[each.lead_ms] = counts.get(each.lead_ms, 0) + 1
    open_ = [lead for lead, n in counts.items() if n < TIMES and lead not in unsafe]
    if open_:
        return open_[0]
    if HIGH_MS not in counts:
        return HIGH_MS
    if HIGH_MS in unsafe:
        return None
    low = max(unsafe, default=LOW_MS - STEP_MS)
    high = min(lead for lead in counts if lead > low and lead not in unsafe)
    if high - low <= STEP_MS:
        return None
    return low + max(STEP_MS, (high - low) // (2 * STEP_MS) * STEP_MS)


def smallest_safe(tried: Sequence[Tried]) -> int | None:
    """The smallest lead that never stuttered with all larger ones tried; None: there is none."""
    unsafe = max((each.lead_ms for each in tried if each.stutters), default=LOW_MS - STEP_MS)
    safe = [each.lead_ms for each in tried if each.lead_ms > unsafe]
    return min(safe, default=None)


def judged(take: Take, sent: Samples, lead_ms: int, begun_at: float) -> Tried:
    """What a viewer heard of one that began to be spoken at that unix second."""
    begun = float(take.clock.seconds(begun_at))
    way = follow_way(sent, take.heard, begun, begun + 10.0)
    if way is None:
        return Tried(lead_ms, None, None)
    return Tried(lead_ms, put_in_s(way), 1000 * (way.heard_at_s - begun))


def put_in_s(way: Way) -> float:
    """Silence and sound that were put into it; all of it where the most is missing."""
    most = way.missing_s > way.matched_s
    return way.gaps_s + way.doubled_s + (way.missing_s if most else 0.0)


def swept(tried: Sequence[Tried]) -> dict[str, Any]:
    """All that was tried, as JSON's types, and what is known by it."""
    safe = smallest_safe(tried)
    delays = [each.delay_ms for each in tried if each.lead_ms == safe and each.delay_ms is not None]
    return {
        "schema": 1,
        "smallest_safe_lead_ms": safe,
        "delay_ms": round(float(np.median(delays)), 1) if delays else None,
        "tried": [_row(each) for each in tried],
    }


def _row(tried: Tried) -> Mapping[str, Any]:
    return {
        "lead_ms": tried.lead_ms,
        "put_in_s": None if tried.put_in_s is None else round(tried.put_in_s, 3),
        "delay_ms": None if tried.delay_ms is None else round(tried.delay_ms, 1),
        "stutters": tried.stutters,
    }
