"""`micstream live`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from micstream.cli.options import (
    CAPTURE,
    CLEAN,
    JOINING,
    PERFORMING,
    RECORDING,
    SEGMENTATION,
    SHOWING,
    START,
    TRANSPORT,
    Flags,
    Output,
    takes,
)

if TYPE_CHECKING:
    from micstream.session import Session
    from micstream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("live")(live)


@takes(JOINING, START, CAPTURE, PERFORMING, CLEAN, TRANSPORT, SHOWING, RECORDING, SEGMENTATION)
def live(flags: Flags, output: Output) -> None:
    """Speak through the avatar with your microphone.

    Joins the room, waits for the avatar and sends every utterance to it while you speak it.
    Ctrl-C or q ends it.

    Examples:

      micstream live --room show

      micstream live --device "USB" --avatar avatar-anna --mode utterance

      micstream live --room show --avatar-id anna --keep-avatar

      micstream live --avatar avatar-anna --avatar avatar-ben --route 1

      micstream live --room show --show cues/ --control

      micstream live --json | jq 'select(.event == "playback_started").delay_ms'
    """
    from micstream.cli.run import run

    run(listen, flags, output, live=True)


async def listen(session: Session, settings: Settings) -> None:
    """The microphone, until cancelled; or until no avatar came in the time given."""
    from micstream.cli.control import controlled
    from micstream.cli.run import with_avatar

    async with controlled(session, settings):
        await with_avatar(_listen(session, settings), session, settings)


async def _listen(session: Session, settings: Settings) -> None:
    from micstream.tasks import task_group

    async with task_group() as tasks:
        tasks.create_task(session.listen())
        if settings.wait_avatar is not None:
            tasks.create_task(session.room.wait_ready(settings.wait_avatar, at_least=1))
