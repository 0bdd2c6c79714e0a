"""Our own side of a room, through the Python interface, with a record of what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from micstream import Sender
from micstream.demo.server import LocalServer
from micstream.events import Event
from testbed.waiting import wait_until

_KEPT = 100_000


class Voice:
    """A Sender in the room, and its events so far."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self._happened = sender._bus.subscribe("tests", capacity=_KEPT)

    @property
    def events(self) -> list[Event]:
        """Everything that has happened so far."""
        return list(self._happened.events)

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


@asynccontextmanager
async def voice(
    server: LocalServer, room: str, *, ready: bool = True, **changes: Any
) -> AsyncIterator[Voice]:
    """A sender in `room`; unless not `ready`, the avatar listens to it already."""
    sender = Sender(
        url=server.url,
        api_key=server.api_key,
        api_secret=server.api_secret,
        room=room,
        **changes,
    )
    speaking = Voice(sender)
    async with sender:
        if ready:
            await sender.wait_ready(20)
        yield speaking
