"""Inspections of a room, from one of two places: the avatar's, or beside one."""

from __future__ import annotations

import asyncio
from typing import Final

from micstream.lab import beside
from micstream.lab.receiver import Tell, receiving
from micstream.lab.seen import RULES, Inspecting
from micstream.settings.pieces import ConnectionSettings
from micstream.tasks import run_until
from micstream.viewer.viewer import viewing

_WATCHER: Final = "micstream-inspect"


async def watch_avatar(
    connection: ConnectionSettings, identity: str, tell: Tell, stop: asyncio.Event, *, chunks: bool
) -> bool:
    """Stand for the avatar until `stop`; whether the protocol was broken.

    Raises:
        MicstreamError: the room is not to be had, or was lost.
    """
    async with receiving(connection, identity, tell, chunks=chunks) as receiver:
        try:
            await run_until(receiver.look(), stop)
        finally:
            summary = receiver.summary()
            tell(summary)
    return any(RULES[code].breaks for code in summary.violations)


async def watch_beside(connection: ConnectionSettings, tell: Tell) -> None:
    """Watch beside an avatar, until the room is lost.

    Raises:
        MicstreamError: the room is not to be had, or was lost.
    """
    async with viewing(connection, _WATCHER) as viewer:
        tell(Inspecting(room=connection.room, how="beside", identity=_WATCHER))
        await beside.watch(viewer, tell)
