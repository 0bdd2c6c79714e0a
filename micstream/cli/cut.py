"""`micstream cut`."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from micstream.cli.options import CLEAN, SEGMENTATION, FileChannel, Flags, Output, takes
from micstream.errors import UsageError

if TYPE_CHECKING:
    from micstream.cutting import CutFile


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cut")(cut)


@takes(CLEAN, SEGMENTATION)
def cut(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="WAV, FLAC, MP3 or OGG.")],
    flags: Flags,
    output: Output,
    mode: Annotated[
        Literal["live", "utterance"] | None,
        typer.Option(help="Show what this mode would send. (default live)"),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Write Audacity labels; a folder for several files.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write each utterance as a WAV into this folder.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw a picture to tune by: PNG, SVG or PDF; a folder for several files. Rows of "
            "up to 30 s, six a page; the pages of a longer one are cut.png, cut-2.png ..."
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="LABELS",
            help="Audacity labels to draw beside what was found; a folder for several files.",
        ),
    ] = None,
    channel: FileChannel = 0,
) -> None:
    """Show how files would be cut into utterances, without a room.

    The same code as live, faster than real time: made for tuning.

    Examples:

      micstream cut assets/sentences.flac

      micstream cut rehearsal.wav --hangover-ms 700 --plot cut.png --labels cut.txt

      micstream cut rehearsal.wav --reference rehearsal.txt --plot cut.pdf

      micstream cut *.wav --json | jq '.utterances | length'
    """
    from micstream.cut_places import CutPlaces
    from micstream.cutting import (
        Discard,
        UtteranceFiles,
        cut_file,
        open_file,
        read_labels,
        write_labels,
    )
    from micstream.plain_text import printable
    from micstream.settings import load
    from micstream.speech.detectors import make_detector
    from micstream.view.json_lines import in_utf8

    settings = load(**flags, mode=mode)
    if reference is not None and plot is None:
        raise UsageError(
            "--reference is drawn into the picture",
            hint="say where to draw it: --plot cut.png",
            code="no_plot",
        )
    places = CutPlaces(files, labels=labels, out=out, plot=plot, reference=reference)
    places.check()
    for path in files:  # what cannot be used is told before anything is written
        open_file(path, channel or 1)
        if labelled := places.reference_of(path):
            read_labels(labelled, math.inf)
    for path in files:
        done = cut_file(
            path,
            settings,
            make_detector(settings),
            channel=channel,
            sink=Discard() if out is None else UtteranceFiles(out, path.stem),
            trace=plot is not None,
        )
        if done.warning:
            sys.stderr.write(f"micstream: {printable(done.warning)}\n")
        if place := places.labels_of(path):
            write_labels(done, place)
        if place := places.plot_of(path):
            from micstream.view.plot import write_plot

            labelled = places.reference_of(path)
            known = read_labels(labelled, done.duration_s) if labelled is not None else None
            write_plot(done, settings, place, known)
        if output.json:
            in_utf8(sys.stdout).write(done.as_json() + "\n")
        elif not output.quiet:
            _print_table(done, plain=output.plain)


def _print_table(done: CutFile, *, plain: bool) -> None:
    from rich.table import Table

    from micstream.view.console import Terminal, printable

    found = done.utterances
    spoken = sum(one.end - one.start for one in found)
    table = Table(
        title=f"{printable(done.path.name)}: {done.duration_s:.1f} s, {len(found)} utterances, "
        f"{spoken:.1f} s sent",
        title_justify="left",
        box=None,
    )
    for heading in ("", "start s", "end s", "length s", "onset decided", "end decided"):
        table.add_column(heading, justify="right")
    table.add_column("ended by")
    for number, one in enumerate(found, 1):
        table.add_row(
            f"u{number}",
            f"{one.start:.2f}",
            f"{one.end:.2f}",
            f"{one.end - one.start:.2f}",
            f"{one.onset_decided_s:.2f}",
            f"{one.end_decided_s:.2f}",
            one.reason,
        )
    Terminal(plain=plain).print(table)
