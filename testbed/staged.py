"""The stage's page, served as `micstream stage` serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from micstream.cli.stage import page
from micstream.demo.server import LocalServer
from micstream.events import Event
from micstream.settings import Settings, load
from micstream.stage.look import Look


class Staged:
    """Where the page is, and what its server told."""

    def __init__(self) -> None:
        self.address = ""
        self.to_open: Callable[[], str] = str
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """What its server tells."""
        self.events.append(event)


def settings_for(server: LocalServer, room: str, **more: Any) -> Settings:
    """The settings of a stage in this room."""
    return load(
        url=server.url, api_key=server.api_key, api_secret=server.api_secret, room=room, **more
    )


@asynccontextmanager
async def staged(
    settings: Settings, look: Look | None = None, *, host: str | None = None, port: int | None = 0
) -> AsyncIterator[Staged]:
    """A page being served, at a free port unless told."""
    told = Staged()
    serving = page(settings, look or Look(), host=host, port=port, bus=told)
    async with serving as served:
        told.address, told.to_open = served.link, served.to_open
        yield told
