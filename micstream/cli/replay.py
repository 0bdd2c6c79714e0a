"""`micstream replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.options import JOINING, RECORDING, START, TRANSPORT, Flags, Output, takes

if TYPE_CHECKING:
    from micstream.record.plan import Plan
    from micstream.record.reading import Record
    from micstream.session import Session
    from micstream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


@takes(JOINING, START, TRANSPORT, RECORDING)
def replay(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="A record, or the folder that --record named: its newest one."
        ),
    ],
    flags: Flags,
    output: Output,
) -> None:
    """Perform a recorded session again, with the same timing, into any room.

    Each recorded utterance is one segment, sample for sample, written when it was written then,
    beginning with the first one. Of several avatars the first recorded one is performed by the
    first --avatar, and so on.

    Examples:

      micstream replay records/ --room rehearsal

      micstream replay records/2026-11-29_20-58-03 --avatar avatar-anna --json
    """
    from micstream.cli.run import run, with_avatar
    from micstream.errors import InputError
    from micstream.record.plan import plan
    from micstream.record.reading import read_record

    record = read_record(folder)
    planned = plan(record.pieces, record.events, record.patterns)
    if not planned.parts:
        raise InputError(
            f"{record.folder}: nothing was sent in it, so there is nothing to perform",
            hint="micstream report shows what there is",
            code="empty_record",
        )

    async def work(session: Session, settings: Settings) -> None:
        await with_avatar(_perform(session, settings, record, planned), session, settings)

    run(work, {**_as_then(record, planned), **_given(flags)}, output)


def _given(flags: Flags) -> Flags:
    return {name: value for name, value in flags.items() if value is not None}


def _as_then(record: Record, planned: Plan) -> Flags:
    """Settings by which each write goes out as it was; an option goes before them."""
    sending = record.manifest.get("sending")
    told = sending if isinstance(sending, dict) else {}
    known = {
        name: told[name] for name in ("lead_ms", "chunk_ms") if isinstance(told.get(name), int)
    }
    return {**known, "avatar_rate": planned.parts[0].utterances[0].rate}


async def _perform(session: Session, settings: Settings, record: Record, planned: Plan) -> None:
    from micstream import record_notices as notices
    from micstream.cli.run import wait_avatar
    from micstream.record.performing import Performing

    for note in record.notes:
        session.bus.emit(notices.record_mended(note))
    left_out = [part.avatar for part in planned.parts[len(settings.avatar) :]]
    if left_out:
        session.bus.emit(notices.replay_left_out(left_out, len(settings.avatar)))
    await session.room.wait_ready(wait_avatar(settings), at_least=1)
    performing = Performing(planned, settings.avatar, record.pcm, session.room)
    await performing.run(session.bus, session.controls)
