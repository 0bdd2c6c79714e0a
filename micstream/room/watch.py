"""Whether what is sent arrives, and whether the avatar is still alive behind its identity."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from livekit import rtc

from micstream.room import presence
from micstream.room.playback import Playback

_EVERY_S: Final = 0.5
_ANSWER_S: Final = 14.0
"""A call without an answer for so long has failed: a slow network needs less for what was sent
before `Transit` found it stalled (measured: seven seconds at 64 kbit/s)."""
REPORT_S: Final = 5.0
"""A report that comes so much later than the sound should have ended is missing."""
_SEGMENTS: Final = 2
"""One missing report proves nothing."""


async def until_silent(room: rtc.Room, identity: str, playback: Playback) -> None:
    """Ask the avatar twice a second while sound is on its way; return once it is proved silent.

    The proof: it has reported before, two finished segments were not reported, nor was anything
    else since, and a call was not answered, nor any after it. One that never reports is no fault,
    and one that answers has only lost its reports.

    Without an answer no more is sent, so the second segment is one that is let through on purpose
    (`transit.TRY_S`). From the last report to the proof it takes some 25 s of somebody speaking.
    """
    ledger, transit = playback.ledger, playback.transit
    failed = False
    while True:
        await asyncio.sleep(_EVERY_S)
        now = time.monotonic()
        overdue = ledger.overdue(now, REPORT_S) >= _SEGMENTS
        if transit.all_arrived(ledger.sent_s) and not overdue:
            failed = False
            continue
        sent_s = ledger.sent_s
        transit.asked(now)
        call = asyncio.create_task(presence.answers(room, identity, timeout=_ANSWER_S))
        try:
            while not call.done():
                if failed and ledger.overdue(time.monotonic(), REPORT_S) >= _SEGMENTS:
                    return
                await asyncio.wait({call}, timeout=_EVERY_S)
            failed = not call.result()
        finally:
            call.cancel()
        if not failed:
            transit.answered(sent_s, time.monotonic())
            if overdue:
                ledger.excuse()
