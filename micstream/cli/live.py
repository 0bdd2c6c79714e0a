"""`micstream live`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from micstream.cli.options import (
    CAPTURE,
    CLEAN,
    CONNECTION,
    SEGMENTATION,
    START,
    TRANSPORT,
    Flags,
    Output,
    takes,
)

if TYPE_CHECKING:
    from micstream.monitor import Monitor
    from micstream.pipeline import Performance
    from micstream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("live")(live)


@takes(CONNECTION, START, CAPTURE, CLEAN, TRANSPORT, SEGMENTATION)
def live(flags: Flags, output: Output) -> None:
    """Speak through the avatar with your microphone.

    Joins the room, waits for the avatar and sends every utterance to it while you speak it.
    Ctrl-C or q ends it.

    Examples:

      micstream live --room show

      micstream live --device "USB" --avatar avatar-anna --mode utterance

      micstream live --room show --avatar-id anna --keep-avatar

      micstream live --avatar avatar-anna --avatar avatar-ben --voice 1

      micstream live --json | jq 'select(.event == "playback_started").delay_ms'
    """
    from micstream.cli.perform import perform

    perform(listen, flags, output, live=True)


async def listen(performance: Performance, settings: Settings, monitor: Monitor) -> None:
    """The microphone, until cancelled; or until no avatar came in the time given."""
    from micstream.cli.perform import with_avatar

    await with_avatar(_hear(performance, settings), settings, monitor)


async def _hear(performance: Performance, settings: Settings) -> None:
    tasks = [asyncio.create_task(performance.listen())]
    if settings.wait_avatar is not None:
        waiting = performance.room.wait_ready(settings.wait_avatar, least=1)
        tasks.append(asyncio.create_task(waiting))
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
