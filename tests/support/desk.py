"""A session's controls without a room, served as a session's are, for programs and pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import pytest

from micstream.bus import Bus
from micstream.controls import Controls
from micstream.fan_out import FanOut
from micstream.settings.pieces import ControlSettings
from micstream.show import client as show_client
from micstream.show.cue import Cue, Show
from micstream.show.player import CuePlayer
from micstream.show.server import ControlServer
from micstream.taps import Taps
from micstream.web.serving import LOOPBACK, serving
from testbed.outputs import NotedOutput
from testbed.waiting import wait_until

KEY: Final = "0123456789abcdef0123456789abcdef"
AVATARS: Final = ("avatar-a", "avatar-b")
_SHOW: Final = Show((Cue("applause", bytes(64_000), colour="#c04030"),), {"panic": "x"})


class Desk:
    """A session's controls, served."""

    def __init__(
        self, show: Show = _SHOW, avatars: Sequence[str] = AVATARS, key: str = KEY
    ) -> None:
        self.outputs = tuple(NotedOutput(name) for name in avatars)
        self.bus, self.taps = Bus(), Taps()
        fan_out = FanOut(self.outputs)
        self.player = CuePlayer(show, fan_out, self.taps, self.bus, self)
        self.controls = Controls(
            fan_out, self.bus, ControlSettings(manual=False, route=0), self.player
        )
        self.server = ControlServer(self.controls, self.bus, self.taps, show, key=key)
        self.url = ""

    @property
    def page(self) -> str:
        """Link of the operator's page."""
        return f"{self.url}{self.server.path}"

    async def send(self, message: object) -> None:
        """Nobody is there to be told."""


@asynccontextmanager
async def desk(
    show: Show = _SHOW, avatars: Sequence[str] = AVATARS, port: int = 0, key: str = KEY
) -> AsyncIterator[tuple[Desk, aiohttp.ClientSession]]:
    """A desk of these cues and avatars, served at the port, and a program that has its key."""
    ours = Desk(show, avatars, key)
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        serving(ours.server.app(), host=LOOPBACK, port=port, usual=0) as taken,
        aiohttp.ClientSession(headers=headers) as client,
    ):
        ours.url = f"http://127.0.0.1:{taken}"
        yield ours, client


async def kept_long(ours: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on push-to-talk is kept for a minute by whoever holds it, and asks once more.

    What ends it then is no keepalive that runs out, however long it takes on a busy machine.
    """
    monkeypatch.setattr(show_client, "KEEPALIVE_S", 60.0)
    loop, gating = asyncio.get_running_loop(), ours.controls._gating
    await wait_until(
        lambda: gating.holders and (gating.next_timer() or 0.0) > loop.time() + 30,
        10,
        "it to be asked for again",
    )


async def told(socket: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """The next message of that kind."""
    async with asyncio.timeout(5):
        while True:
            message = await socket.receive_json()
            if kind in message and (kind == "event") == ("event" in message):
                return message
