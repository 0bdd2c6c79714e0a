"""Whether anything comes from the server: where nothing does, the network is gone.

The SDK takes some fifteen seconds to notice that. Its statistics say when the last packet came, and
a look at them costs a quarter of a millisecond. While sound is sent the server acknowledges it
several times a second; while none is, a byte to ourselves, which the server hands to nobody, is
acknowledged too. Whether the avatar answers plays no part in it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from livekit import rtc
from livekit.rtc.participant import PublishDataError

from micstream import events, notices
from micstream.delivery import wire
from micstream.monitor import Monitor

_FRESH_S: Final = 0.35
"""A packet as young as this says that all is well; the server may wait 0.2 s with its answer."""
_STEP_S: Final = 0.1
_GONE_S: Final = 0.7
"""Nothing for so long, and for the time that a packet takes there and back: it is gone. A jitter of
0.2 s each way stays below that."""
_ASKED: Final = 4
"""And so many bytes to ourselves were not acknowledged: one or two may be lost on their way, and
one that was sent before this program stood still proves nothing."""
_AWAY_S: Final = 0.5
"""How often it is asked for once it is gone: less than `_GONE_S`, for its answer to be seen."""


class Network:
    """The way to the server; watched while the SDK holds it to be connected."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._task: asyncio.Task[None] | None = None
        self._gone = False
        self._asked = 0

    @property
    def is_gone(self) -> bool:
        """Whether nothing comes any more, as was told."""
        return self._gone

    def watch(self, room: rtc.Room) -> None:
        """Tell from now on whenever nothing comes any more, and whenever something does again."""
        self.stop()
        self._gone, self._asked = False, 0
        self._task = asyncio.create_task(self._look(room))

    def stop(self) -> None:
        """The SDK has noticed itself, or we leave."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self, room: rtc.Room) -> None:
        while True:
            seen = await _last_packet(room)
            if seen is None:
                await asyncio.sleep(_AWAY_S)
                continue
            quiet_s, round_trip_s = seen
            if quiet_s < (_GONE_S if self._gone else _FRESH_S):
                self._asked = 0
                if self._gone:
                    self._gone = False
                    self._monitor.emit(events.Connection(state="connected", attempt=0))
                await asyncio.sleep(max(_STEP_S, _FRESH_S - quiet_s))
                continue
            if not self._gone and self._asked >= _ASKED and quiet_s >= _GONE_S + round_trip_s:
                self._gone = True
                self._monitor.emit(notices.network_gone())
            self._asked += 1
            await _ask(room)
            await asyncio.sleep(_AWAY_S if self._gone else _STEP_S)


async def _ask(room: rtc.Room) -> None:
    me = room.local_participant
    try:
        async with asyncio.timeout(_AWAY_S):
            await me.publish_data(
                b"\0",
                reliable=False,
                destination_identities=[me.identity],
                topic=wire.ALIVE_TOPIC,
            )
    except (PublishDataError, RuntimeError, AssertionError, TimeoutError):
        pass  # it says nothing that the statistics do not


async def _last_packet(room: rtc.Room) -> tuple[float, float] | None:
    """Seconds since one came, and seconds there and back; None where the SDK does not know."""
    try:
        async with asyncio.timeout(_AWAY_S):
            stats = await room.get_rtc_stats()
    except (RuntimeError, TimeoutError):  # it joins anew
        return None
    pairs = [
        each.candidate_pair
        for each in (*stats.publisher_stats, *stats.subscriber_stats)
        if each.WhichOneof("stats") == "candidate_pair"
        and each.candidate_pair.candidate_pair.last_packet_received_timestamp
    ]
    if not pairs:
        return None
    # Microseconds, milliseconds, seconds.
    return min(
        (
            each.rtc.timestamp / 1e6 - each.candidate_pair.last_packet_received_timestamp / 1e3,
            each.candidate_pair.current_round_trip_time,
        )
        for each in pairs
    )
