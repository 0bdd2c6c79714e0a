"""A supervisor's watch made from events, for as long as the room gives out none of its own."""

from __future__ import annotations

import asyncio

from micstream.events import AvatarJoined, AvatarLeft, AvatarReady, AvatarSilent, Connection, Event
from micstream.monitor import Monitor


class EventWatch:
    """`AvatarWatch` of one avatar; it knows what has been told since it was made."""

    def __init__(self, monitor: Monitor, identity: str) -> None:
        self._identity = identity
        self._changes: set[asyncio.Future[None]] = set()
        self.present = self.listening = self.silent = False
        self.connected = True
        monitor.listen(self._note)

    async def changed(self) -> None:
        """Wait for the next change."""
        change = asyncio.get_running_loop().create_future()
        self._changes.add(change)
        try:
            await change
        finally:
            self._changes.discard(change)

    def _note(self, event: Event) -> None:
        match event:
            case AvatarJoined(identity=self._identity):
                self.present = True
            case AvatarReady(identity=self._identity):
                self.present, self.listening, self.silent = True, True, False
            case AvatarLeft(identity=self._identity):
                self.present = self.listening = self.silent = False
            case AvatarSilent(identity=self._identity):
                self.listening, self.silent = False, True
            case Connection(state=state):
                self.connected = state == "connected"
            case _:
                return
        for change in self._changes:
            if not change.done():
                change.set_result(None)
