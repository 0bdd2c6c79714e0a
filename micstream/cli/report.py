"""`micstream report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from micstream.record.format import Kind
    from micstream.record.reading import Record
    from micstream.report.story import Story, Wave


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="A record, or the folder that --record named: its newest one."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Where the page is written. (default: report.html in the record)",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a recorded session as one page: timeline, delays, cues, faults, marks.

    The page holds all it shows, runs no script and asks no network. A report holds what was said
    no more than its waveform does: it is for its owner alone all the same.

    Examples:

      micstream report records/

      micstream report records/2026-11-29_20-58-03 --out evening.html
    """
    from micstream.errors import InputError, reason_of
    from micstream.private_files import replacing
    from micstream.record.reading import read_record
    from micstream.report.page import page

    record = read_record(folder)
    place = out or record.folder / "report.html"
    try:
        with replacing(place) as fresh:
            fresh.write_text(page(_story(record)), "utf-8")
    except OSError as error:
        raise InputError(
            f"{place}: {reason_of(error)}", hint="name another file with --out", code="not_written"
        ) from None
    for note in record.notes:
        sys.stderr.write(f"the record: {note}\n")
    typer.echo(f"{place}")


def _story(record: Record) -> Story:
    from micstream.report.story import Story, moments, utterances
    from micstream.report.timeline import BINS, strip_s

    bin_s = strip_s(record.seconds) / BINS
    return Story(
        seconds=record.seconds,
        manifest=record.manifest,
        said=utterances(record.pieces, record.events),
        moments=moments(record.events),
        summary=next((e for e in reversed(record.events) if e["event"] == "bye"), {}),
        notes=record.notes,
        microphones=_waves(record, "microphone", bin_s),
        avatars=_waves(record, "avatar", bin_s),
        bin_s=bin_s,
    )


def _waves(record: Record, kind: Kind, bin_s: float) -> tuple[Wave, ...]:
    """The sounds of a kind, by their names; read piece by piece."""
    from micstream.report.story import Envelope, Wave

    heard: dict[tuple[str, int], Envelope] = {}
    for piece in record.pieces:
        if piece.kind == kind:
            own = heard.setdefault((piece.name, piece.channel), Envelope(record.seconds, bin_s))
            own.add(piece.at, piece.rate, record.pcm(piece))
    names = {key: f"{key[0]}, channel {key[1]}" if key[1] else key[0] for key in heard}
    return tuple(Wave(names[key], each.peaks) for key, each in heard.items())
