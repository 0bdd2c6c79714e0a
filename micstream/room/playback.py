"""What the avatar reports of its playing, put to the segments it belongs to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from livekit import rtc

from micstream import events
from micstream.delivery import wire
from micstream.delivery.estimate import Transit
from micstream.delivery.ledger import Ledger
from micstream.delivery.prebuffer import Lead
from micstream.room import presence

CLEAR_ANSWER_S: Final = 1.0
"""How long an avatar may take to answer that it was told to clear."""
CLEAR_REPORT_S: Final = 0.6
"""And then to report that it did."""
_STRAY_S: Final = 0.3, 1.0
"""After that a stray start may come, which must still find us: at least and at most so long."""


class Playback:
    """The ledger, and the calls by which the avatar keeps it true.

    Only the avatar that `speaks_through` names is answered; others are rejected.
    """

    def __init__(
        self,
        emit: Callable[[events.Event], None],
        *,
        speaks_through: Callable[[], str | None],
        on_playing: Callable[[], None],
        lead_ms: int,
    ) -> None:
        self.ledger = Ledger()
        self.transit = Transit()
        self.lead = Lead(lead_ms)
        self._emit = emit
        self._speaks_through = speaks_through
        self._on_playing = on_playing
        self._changed = asyncio.Event()

    @property
    def backlog(self) -> float:
        """Estimated seconds of sound sent and not yet played."""
        now = time.monotonic()
        missing = self.transit.missing_s(self.ledger.sent_s, now)
        return max(self.ledger.backlog(now), missing)

    @property
    def room_s(self) -> float:
        """Seconds of sound that the way to the avatar can take; endless where it is quick."""
        return self.transit.room_s(self.ledger.sent_s, time.monotonic())

    def forget(self) -> None:
        """The avatar is gone: nothing is outstanding, and nobody waits for it any more."""
        self.ledger.forget()
        self.transit = Transit()
        self._changed.set()

    async def wait_played(self, limit: float) -> None:
        """Until all that was sent is reported as played, at most `limit` seconds.

        An avatar that never reports is given the time that the sound lasts, and a second.
        """
        now = asyncio.get_running_loop().time
        until, silent_until = now() + limit, now() + min(limit, self.backlog + 1.0)
        while self.ledger.outstanding:
            bound = until if self.ledger.has_reported else silent_until
            if now() >= bound:
                return
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(bound):
                    await self._changed.wait()

    async def clear(
        self, room: rtc.Room, identity: str, *, answer_s: float, report_s: float
    ) -> None:
        """Have the avatar stop and drop all; wait so long for its answer, and then its report.

        One that does not answer is not waited for: it will not report either.
        """
        reports = self.ledger.outstanding > 0 and self.ledger.has_reported
        began, sent_s = time.monotonic(), self.ledger.sent_s
        self.ledger.cleared(began)
        transit = self.transit
        answer = await presence.probe(room, identity, timeout=answer_s)
        if answer is presence.Answer.NONE:
            return
        transit.arrived(sent_s)
        if reports:
            await self.wait_played(report_s)
        least, most = _STRAY_S  # longer where the avatar is slow: as long as its report took
        await asyncio.sleep(min(max(least, time.monotonic() - began), most))

    def started(self, call: rtc.RpcInvocationData) -> str:
        """Answer `lk.playback_started`."""
        if call.caller_identity != self._speaks_through():
            return wire.REJECT
        now = time.monotonic()
        segment = self.ledger.started(now)
        self._changed.set()
        self._on_playing()
        if segment is not None:
            delay = round((now - segment.captured_at) * 1000)
            self._emit(events.PlaybackStarted(id=segment.id, delay_ms=delay))
        return wire.OK

    def finished(self, call: rtc.RpcInvocationData) -> str:
        """Answer `lk.playback_finished`."""
        report = wire.parse_finished(call.payload)
        if report is None or call.caller_identity != self._speaks_through():
            return wire.REJECT
        matched = self.ledger.finished(report, time.monotonic())
        self._changed.set()
        self._on_playing()
        if matched is not None:
            segment, stutter_ms = matched
            if stutter_ms is not None and not report.interrupted:
                self.lead.played(round(segment.lead_s * 1000), stutter_ms)
            self._emit(
                events.PlaybackFinished(
                    id=segment.id,
                    position_s=report.position_s,
                    interrupted=report.interrupted,
                    stutter_ms=stutter_ms,
                )
            )
        return wire.OK
