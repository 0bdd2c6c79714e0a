"""SCTP on a way that is uneven and loses: when each write is whole at the other end. A simulation.

Source: RFC 9260, as libwebrtc's dcsctp and pion have it. What matters here:

- A write is several packets, and no more than a congestion window of them is under way; where
  packets were lost, or only overtook each other, that is four.
- While something is missing the receiver reports each packet that comes at once, else every second.
  A packet is sent again after three reports that told of something new which was sent after it
  (7.2.4). Reports that were overtaken by a later one tell of nothing new, so those of packets that
  went at once count as one or two: what is to bring reports must be spread.
- Else it is sent again after the sender's patience (retransmission timeout, 6.3), and so is what is
  lost twice.
- All is in order: what follows a lost packet waits for it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

PACKET: Final = 1_150
"""Bytes of a write in one packet."""
_HEAD: Final = 40
WINDOW: Final = 4 * 1_191
"""Bytes under way, where packets have been lost: dcsctp's least."""
_NUDGE: Final = 120
REPORTS: Final = 3
_DELAYED_MS: Final = 20.0
"""A report waits for a second packet, at most; in pion for longer, which changes nothing here."""
PATIENCE_MS: Final = 400.0
"""libwebrtc's least retransmission timeout."""


@dataclass(frozen=True)
class Way:
    """One direction of it, in milliseconds; the other is alike."""

    least: float
    jitter: float
    """A packet takes 0 to so much longer, each by itself: they overtake each other."""
    loss: float
    """So many packets of one."""


@dataclass
class _Packet:
    size: int
    write: int
    """Which it belongs to; -1: a nudge."""
    sent_at: float | None = None
    acknowledged: bool = False
    under_way: bool = False
    reports: int = 0
    came_at: float | None = None


class Association:
    """Both ends, and all that is between them."""

    def __init__(self, way: Way, rng: np.random.Generator) -> None:
        self._way, self._rng = way, rng
        self._packets: list[_Packet] = []
        self._waiting: deque[int] = deque()
        self._again: deque[int] = deque()
        self._under_way = 0
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._got: set[int] = set()
        self._next = 0
        """The first that has not come."""
        self._unreported = 0

    def play(self, writes: Sequence[tuple[float, int]], nudges: Sequence[float]) -> np.ndarray:
        """When each write (its moment, its bytes) has come whole; `nudges`: ms after each."""
        for number, (at, size) in enumerate(writes):
            self._put(at, partial(self._write, number, size))
            for later in nudges:
                self._put(at + later, partial(self._queue, _NUDGE, -1))
        while self._events:
            now, _, happens = heapq.heappop(self._events)
            happens(now)
            self._send(now)
        came = np.full(len(writes), -np.inf)
        for each in self._packets:
            if each.write >= 0 and each.came_at is not None:
                came[each.write] = max(came[each.write], each.came_at)
        return np.maximum.accumulate(came)

    def _put(self, at: float, happens: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, happens))

    # ---- sender --------------------------------------------------------------------------------

    def _write(self, number: int, size: int, now: float) -> None:
        for at in range(0, size, PACKET):
            self._queue(min(PACKET, size - at) + _HEAD, number, now)

    def _queue(self, size: int, write: int, _now: float) -> None:
        self._waiting.append(len(self._packets))
        self._packets.append(_Packet(size, write))

    def _send(self, now: float) -> None:
        while self._again or (self._waiting and self._under_way < WINDOW):
            number = (self._again or self._waiting).popleft()
            packet = self._packets[number]
            if packet.acknowledged:
                continue
            packet.sent_at, packet.under_way = now, True
            self._under_way += packet.size
            self._put(now + PATIENCE_MS, partial(self._waited, number, now))
            self._on_its_way(now, partial(self._came, number))

    def _waited(self, number: int, since: float, _now: float) -> None:
        packet = self._packets[number]
        if packet.under_way and packet.sent_at == since:
            packet.reports = 0
            self._lost(number)

    def _lost(self, number: int) -> None:
        packet = self._packets[number]
        packet.under_way = False
        self._under_way -= packet.size
        self._again.append(number)

    def _reported(self, told: frozenset[int], _now: float) -> None:
        new = [number for number in told if not self._packets[number].acknowledged]
        for number in new:
            packet = self._packets[number]
            self._under_way -= packet.size if packet.under_way else 0
            packet.acknowledged, packet.under_way = True, False
        for number in range(max(new, default=0)):
            if self._packets[number].under_way:
                self._packets[number].reports += 1
                if self._packets[number].reports == REPORTS:
                    self._lost(number)

    # ---- way and receiver ----------------------------------------------------------------------

    def _on_its_way(self, now: float, comes: Callable[[float], None]) -> None:
        if self._rng.random() >= self._way.loss:
            took = self._rng.uniform(self._way.least, self._way.least + self._way.jitter)
            self._put(now + took, comes)

    def _came(self, number: int, now: float) -> None:
        if number not in self._got:
            self._got.add(number)
            self._packets[number].came_at = now
        while self._next in self._got:
            self._next += 1
        self._unreported += 1
        if max(self._got) >= self._next or self._unreported >= 2:
            self._report(now)
        else:
            self._put(now + _DELAYED_MS, self._report)

    def _report(self, now: float) -> None:
        if self._unreported:
            self._unreported = 0
            self._on_its_way(now, partial(self._reported, frozenset(self._got)))
