"""Shell of the network watch: asks the SDK's statistics, and sends a byte to ourselves."""

from __future__ import annotations

import asyncio
from typing import Protocol

from livekit import rtc
from livekit.rtc.participant import PublishDataError

from micstream.delivery import wire
from micstream.events import Event
from micstream.link.actions import Look, NetworkGone, Nudge, Tell
from micstream.link.network import AWAY_S, NetworkWatch
from micstream.room.tasks import Tasks


class Owner(Protocol):
    """Room, as far as the watch needs it."""

    def emit(self, event: Event) -> None:
        """Tell everyone."""

    def network_gone(self, gone: bool) -> None:
        """Take note that nothing comes from the server, or that something does again."""


class Network:
    """Watch over the way to the server, while the SDK holds it to be connected."""

    def __init__(self, owner: Owner, tasks: Tasks) -> None:
        self._owner = owner
        self._tasks = tasks
        self._watch = NetworkWatch()
        self._room: rtc.Room | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    def watch(self, room: rtc.Room) -> None:
        """Tell from now on whenever nothing comes any more, and whenever something does again."""
        self.stop()
        self._room = room
        self._watch.start(_now())
        self._turn()

    def stop(self) -> None:
        """End: the SDK has noticed by itself, or we leave."""
        self._room = None
        if self._asking is not None:
            self._asking.cancel()
        self._watch.stop()
        self._turn()

    def _turn(self) -> None:
        """Act on what the watch wants, and set the timer."""
        for action in self._watch.actions():
            match action:
                case Look():
                    self._asking = self._tasks.spawn(self._look())
                case Nudge():
                    self._asking = self._tasks.spawn(self._nudge())
                case NetworkGone(gone):
                    self._owner.network_gone(gone)
                case Tell(event):
                    self._owner.emit(event)
        if self._timer is not None:
            self._timer.cancel()
        due = self._watch.next_timer()
        self._timer = None
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due, self._tasks.guarded, self._on_timer)

    def _on_timer(self) -> None:
        self._watch.handle_timer(_now())
        self._turn()

    async def _look(self) -> None:
        assert self._room is not None
        seen = await _last_packet(self._room)
        if seen is None:
            self._watch.unknown(_now())
        else:
            self._watch.seen(*seen, _now())
        self._turn()

    async def _nudge(self) -> None:
        assert self._room is not None
        await send_to_ourselves(self._room)
        self._watch.nudged(_now())
        self._turn()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def send_to_ourselves(room: rtc.Room) -> None:
    """Send a byte that the server acknowledges, and that nobody gets."""
    me = room.local_participant
    try:
        async with asyncio.timeout(AWAY_S):
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
        async with asyncio.timeout(AWAY_S):
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
