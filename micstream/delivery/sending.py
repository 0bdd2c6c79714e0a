"""Sending: one utterance at a time into one stream at a time, one operation at a time. Pure.

Theory of operation. Whoever wants to speak requests a turn, first come, first served. Who has it
gathers sound; the first write opens the stream. At the end the rest is written and the stream
closed, and the next turn comes once the avatar has read what was sent.

| under way | begins | ends | or after |
|---|---|---|---|
| opening | first write; reopening | `opened` | 0.5 s, once the utterance ends |
| writing | something is due | `wrote` | 0.5 s, once the utterance ends |
| closing | all is written; no write for 9 s | `closed` | 0.5 s |
| reading | closed, and something was sent | answer + 20 ms | 0.5 s |

After its bound an operation is given up (`Abandon`). An operation has no bound while its utterance
goes on: a write can take seconds while the room reconnects, and meanwhile sound waits in the queue.

A stock receiver that sees the next header too early drops what it has not read of the segment
before. A call queues behind the sound, so its answer, whatever it is, says that all of it has
arrived.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

import numpy as np

from micstream.delivery import wire
from micstream.delivery.actions import (
    Abandon,
    Answer,
    Close,
    Ended,
    Granted,
    Open,
    Refused,
    Sent,
    Write,
)
from micstream.delivery.drops import dropped
from micstream.delivery.options import DeliveryOptions
from micstream.delivery.outbox import Outbox
from micstream.delivery.playback import Playback
from micstream.delivery.utterance import OpenUtterance, Request
from micstream.events import DropCode, UtteranceEnded, UtteranceStarted
from micstream.speech.events import EndReason

CLOSE_S: Final = 0.5
"""A close that takes longer has no network under it; leaving it is all that is left. On a slow
network too it takes no time."""
STALL_S: Final = wire.RECEIVER_IDLE_S - 1.0
"""After so long without a write the receiver is about to give the stream up: open another."""
ARRIVED_S: Final = 0.5
"""Longest wait for a segment to have arrived; on a slower way the receiver is late anyway."""
_LOUD: Final = 300
"""Sample value above which something can be heard: -41 dBFS."""
READ_S: Final = 0.02
"""And for the receiver to have read it: without, 9 bursts of 84 were damaged, with 20 ms none."""


class _Operation(Enum):
    OPENING = auto()
    WRITING = auto()
    CLOSING = auto()


class Sending:
    """The turns, the utterance that has one, and its stream."""

    def __init__(
        self, options: DeliveryOptions, ids: Iterator[str], outbox: Outbox, playback: Playback
    ) -> None:
        self._options = options
        self._ids = ids
        self._outbox = outbox
        self._playback = playback
        self._requests: deque[Request] = deque()
        self._current: OpenUtterance | None = None
        self._stream = 0
        self._is_open = False
        self._under_way: _Operation | None = None
        self._bound = math.inf
        """When the operation under way is given up."""
        self._rest_until = math.inf
        """When the rest of the utterance is given up, once it ends."""
        self._loud = False
        """Whether there is something to be heard in what is being written."""
        self._written_at = 0.0
        self._reading: int | None = None
        """The call whose answer says that the last segment has arrived."""
        self._reading_s = 0.0
        """Seconds of sound that had been sent before it."""
        self._read_at: float | None = None
        self._shut = False
        self._own_failure: DropCode | None = None
        self.lost_by = ""
        """The avatar with which the last one of ours was lost: by the time that its rest is told as
        dropped, another may listen."""

    # ---- who has a turn ------------------------------------------------------------------------

    @property
    def current(self) -> OpenUtterance | None:
        """The utterance that is being sent or closed."""
        return self._current

    @property
    def own(self) -> OpenUtterance | None:
        """The same, where it is the send queue's."""
        mine = self._current is not None and self._current.request.claim is None
        return self._current if mine else None

    @property
    def awaits_own(self) -> bool:
        """Whether the send queue waits for its turn."""
        return any(request.claim is None for request in self._requests)

    @property
    def is_busy(self) -> bool:
        """Whether an operation is under way."""
        return self._under_way is not None

    @property
    def is_closed(self) -> bool:
        """Whether nobody speaks or waits for it."""
        return self._current is None and not self._requests

    def claimed(self, claim: int) -> OpenUtterance | None:
        """The utterance of this claim, where it has the turn and goes on."""
        current = self._current
        if current is None or current.request.claim != claim or current.ending is not None:
            return None
        return current

    def request(self, request: Request) -> None:
        """Wait for a turn."""
        self._requests.append(request)

    def withdraw(self, claim: int | None) -> bool:
        """Wait for it no longer; whether one did."""
        before = len(self._requests)
        self._requests = deque(r for r in self._requests if r.claim != claim)
        return len(self._requests) < before

    def take_own_failure(self) -> DropCode | None:
        """Why the send queue's utterance was lost, or had no turn, since the last time."""
        failure, self._own_failure = self._own_failure, None
        return failure

    def shut(self, now: float) -> None:
        """Give no more turns, and end what is open."""
        self._shut = True
        self.end(EndReason.SHUTDOWN, now)

    # ---- the utterance -------------------------------------------------------------------------

    def end(self, reason: EndReason, now: float) -> None:
        """End the open utterance: its rest is sent, unless interrupted, and its stream closed."""
        current = self._current
        if current is not None and current.ending is None:
            current.end(reason)
            self._hasten(now)

    def lost(self, now: float) -> None:
        """End it without its rest: nobody hears it any more."""
        self._reading_s = 0.0
        if self._current is not None:
            self._current.lost = True
            self._fail(self._current)
            self._hasten(now)

    def abandon(self) -> None:
        """Give up whatever is under way, and whatever is not yet written."""
        if self._current is not None:
            self._fail(self._current)
            self._give_up()

    def _hasten(self, now: float) -> None:
        """Bound what is under way, and what is left to be written."""
        self._rest_until = min(self._rest_until, now + CLOSE_S)
        self._bound = min(self._bound, now + CLOSE_S)

    def _fail(self, utterance: OpenUtterance) -> None:
        utterance.fail()
        if utterance.request.claim is None:
            self._own_failure, self.lost_by = "avatar_lost", utterance.name

    # ---- results -------------------------------------------------------------------------------

    def opened(self, stream: int, ok: bool, now: float) -> None:
        """Take the result of `Open`."""
        if not self._ends(_Operation.OPENING, stream):
            return
        assert self._current is not None
        self._is_open, self._written_at = ok, now
        if not ok:
            self._fail(self._current)

    def wrote(self, stream: int, ok: bool, now: float) -> None:
        """Take the result of `Write`."""
        if not self._ends(_Operation.WRITING, stream):
            return
        current = self._current
        assert current is not None
        if not ok:
            self._fail(current)
            return
        first = current.sent == 0
        size = current.wrote()
        self._written_at = now
        if not current.lost:
            seconds = current.seconds(size)
            self._playback.ledger.sent(current.segment, seconds, now, loud=self._loud)
        if first:
            started = UtteranceStarted(
                avatar=current.name,
                id=current.id,
                onset_s=current.request.onset_s,
                decided_s=current.request.decided_s,
                lead_ms=round(current.seconds(size) * 1000),
                source=current.request.source or None,
                cue=current.request.cue or None,
            )
            self._outbox.tell(started, current.name)

    def closed(self, stream: int, ok: bool) -> None:
        """Take the result of `Close`; where it failed there is nothing left to be done."""
        if self._ends(_Operation.CLOSING, stream):
            self._is_open = False

    def answered(self, call: int, answer: Answer, now: float) -> None:
        """Take the answer to the call that waits behind the last segment."""
        if call == self._reading:
            self._reading = None
            if answer is not Answer.NONE:
                self._playback.estimate.arrived(self._reading_s)
                self._read_at = now + READ_S

    def _ends(self, operation: _Operation, stream: int) -> bool:
        if self._under_way is not operation or stream != self._stream:
            return False
        self._under_way, self._bound = None, math.inf
        return True

    # ---- going on ------------------------------------------------------------------------------

    def advance(self, now: float, *, held: bool = False) -> bool:
        """Do the next thing; whether there was one. `held`: nobody is given a turn now."""
        if self._under_way is not None:
            if now < self._bound:
                return False
            self._give_up()
            return True
        if self._current is not None:
            return self._go_on(self._current, now)
        if self._shut and self._requests:
            self._refuse(self._requests.popleft())
            return True
        if self._read_at is not None and now >= self._read_at:
            self._read_at = None
        if held or self._is_reading or not self._requests:
            return False
        self._grant(self._requests.popleft(), now)
        return True

    def next_timer(self) -> float | None:
        """Monotonic second at which something is given up, or the next may have its turn."""
        if self._under_way is not None:
            return self._bound if self._bound < math.inf else None
        return self._read_at if self._current is None else None

    @property
    def _is_reading(self) -> bool:
        return self._reading is not None or self._read_at is not None

    def _grant(self, request: Request, now: float) -> None:
        if not self._playback.listening:
            self._refuse(request)
            return
        id = next(self._ids)
        self._outbox.expect(id)
        captured_at = now if request.captured_at is None else request.captured_at
        self._rest_until = math.inf
        self._current = OpenUtterance(
            request,
            self._options,
            name=self._outbox.name,
            segment=self._playback.ledger.opened(id, captured_at),
            prebuffer_ms=self._playback.prebuffer.ms,
        )
        if request.claim is not None:
            self._outbox.put(Granted(request.claim, id))

    def _refuse(self, request: Request) -> None:
        if request.claim is None:
            self._own_failure = "no_avatar"
        else:
            self._outbox.put(Refused(request.claim))

    def _go_on(self, current: OpenUtterance, now: float) -> bool:
        if current.due():
            self._write(current, now)
        elif current.ending is None:
            if current.owes_sent and current.request.claim is not None:
                current.owes_sent = False
                self._outbox.put(Sent(current.request.claim, current.sent_s))
            return False
        elif self._is_open:
            self._begin(_Operation.CLOSING, now + CLOSE_S)
            self._outbox.put(Close(self._stream, self._nudges))
        else:
            self._settle(current, now)
        return True

    def _write(self, current: OpenUtterance, now: float) -> None:
        ledger = self._playback.ledger
        if not self._is_open:
            self._stream += 1
            self._begin(_Operation.OPENING, self._rest_until)
            self._outbox.put(Open(self._stream, self._options.avatar_rate))
        elif now - self._written_at > STALL_S:
            # Two streams are played as two segments, and each is reported. What was sent so long
            # ago has been read, or is not going to be: the next one need not wait for it.
            ledger.closed(current.segment)
            current.segment = ledger.opened(current.id, now)
            self._begin(_Operation.CLOSING, min(now + CLOSE_S, self._rest_until))
            self._outbox.put(Close(self._stream, self._nudges))
        else:
            # It may be reported before the write returns.
            ledger.sending(current.segment, now)
            self._begin(_Operation.WRITING, self._rest_until)
            pcm = current.take_due()
            self._loud = _is_loud(pcm)
            self._outbox.put(Write(self._stream, pcm, current.id, self._nudges))

    @property
    def _nudges(self) -> int:
        return self._playback.prebuffer.path.nudges

    def _begin(self, operation: _Operation, bound: float) -> None:
        self._under_way, self._bound = operation, bound

    def _give_up(self) -> None:
        """Wait no longer for what is under way, nor for the stream."""
        if self._is_open or self._under_way is not None:
            self._outbox.put(Abandon(self._stream))
        if self._under_way in (_Operation.OPENING, _Operation.WRITING):
            assert self._current is not None
            self._fail(self._current)
        self._under_way, self._bound, self._is_open = None, math.inf, False

    def _settle(self, current: OpenUtterance, now: float) -> None:
        """Account for it: its stream is closed, or never was opened."""
        self._current = None
        self._outbox.expect("")  # where nothing could be written it never has started
        reason = current.ending
        assert reason is not None
        ledger = self._playback.ledger
        ledger.closed(current.segment)
        if current.sent and self._playback.listening:
            self._reading = self._outbox.call(wire.ARRIVED, "", ARRIVED_S, now)
            self._reading_s = ledger.sent_s
        if current.sent:
            ended = UtteranceEnded(
                avatar=current.name,
                id=current.id,
                duration_s=current.sent_s,
                bytes=current.sent,
                reason=reason,
            )
            self._outbox.tell(ended, current.name)
        if current.lost_s:
            code: DropCode = "interrupted" if reason is EndReason.INTERRUPT else "avatar_lost"
            self._outbox.tell(dropped(current.lost_s, code), current.name)
        if current.request.claim is not None:
            self._outbox.put(Ended(current.request.claim, reason, current.sent_s))


def _is_loud(pcm: bytes) -> bool:
    """Whether there is something in it that can be heard."""
    return int(np.abs(np.frombuffer(pcm, dtype=np.int16).astype(np.int32)).max(initial=0)) > _LOUD
