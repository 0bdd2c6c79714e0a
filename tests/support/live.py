"""An avatar in a real room, spoken to in real time as a microphone does: what waits gets late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from micstream.demo.server import LocalServer
from micstream.events import Event
from micstream.room.avatar import Avatar
from micstream.room.room import Room
from micstream.settings import load
from micstream.speech.events import End, EndReason, Onset, Speech
from micstream.tasks import task_group
from testbed.waiting import wait_until

RATE = 16_000
BLOCK = 320


class Record:
    """In place of the bus: keeps all events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)


class Live:
    """What is said, and the events so far."""

    def __init__(self, room: Room, events: list[Event]) -> None:
        self.room = room
        self.avatar: Avatar = room.avatars[0]
        self.events = events
        self.said = 0

    @property
    def said_s(self) -> float:
        """Seconds that were said."""
        return self.said / RATE

    async def say(self, pcm: bytes, *, pace: float = 1.0, reason: EndReason | None = None) -> None:
        """One utterance in blocks of 20 ms, `pace` times as long as it lasts."""
        await self.begin(pcm, pace=pace)
        at = self.said
        end = End(at, at, at, at, True, reason or EndReason.SILENCE)
        self.avatar.put(end, 0.0)

    async def begin(self, pcm: bytes, *, pace: float = 1.0) -> None:
        """The same without its end."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        self.avatar.put(Onset(self.said, self.said, self.said), time.monotonic())
        for first in range(0, len(pcm), 2 * BLOCK):
            block = pcm[first : first + 2 * BLOCK]
            due += pace * len(block) / 2 / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.avatar.put(Speech(self.said, block), 0.0)
            self.said += len(block) // 2

    def named(self, *names: str) -> list[Any]:
        """The events of these names."""
        return [event for event in self.events if event.EVENT in names]

    async def until(self, name: str, timeout: float = 15.0, *, count: int = 1) -> Any:
        """The `count`th event of this name, waited for."""
        await wait_until(
            lambda: len(self.named(name)) >= count,
            timeout,
            lambda: f"{count} x {name} in {self.events}",
        )
        return self.named(name)[count - 1]

    @property
    def accounted_s(self) -> float:
        """Seconds that were sent, or dropped and told."""
        sent = sum(event.duration_s for event in self.named("utterance_ended"))
        return float(sent + sum(event.seconds for event in self.named("dropped")))


@asynccontextmanager
async def live(server: LocalServer, room: str, **changes: Any) -> AsyncIterator[Live]:
    """In the room; the avatar may be there or not."""
    settings = load(
        url=server.url,
        api_key=server.api_key,
        api_secret=server.api_secret,
        room=room,
        **changes,
    )
    record = Record()
    async with Room.of(settings, record) as ours, task_group() as tasks:
        failing = tasks.create_task(ours.wait_failed())
        yield Live(ours, record.events)
        failing.cancel()
