"""`micstream lipsync`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from micstream.lab.lipsync import LipSync

UNDECIDED = 7
_CODES = {"good": 0, "acceptable": 0, "bad": 1, "undecided": UNDECIDED}


Place = Annotated[
    str | None,
    typer.Option(
        metavar="L,T,R,B",
        help="Where the mouth is: left, top, right, bottom, in shares of the picture.",
        show_default=False,
    ),
]
Limit = Annotated[
    float | None,
    typer.Option(
        "--fail-if",
        metavar="MS",
        min=0,
        help="A limit of your own: bad beyond it, to either side.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    lab = typer.Typer(
        help="Measure how well an avatar's mouth follows its sound.", no_args_is_help=True
    )
    from micstream.cli.lipsync_ask import compare, lead, torture
    from micstream.cli.lipsync_run import calibrate, run

    for command in (run, measure, compare, calibrate, lead, torture):
        lab.command(command.__name__)(command)
    app.add_typer(lab, name="lipsync")


def measure(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Video files with sound.")],
    roi: Place = None,
    fail_if: Limit = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a file, a line each.")] = (
        False
    ),
) -> None:
    """Measure the lip-sync of films: how late the mouth is, how sure that is, and a verdict.

    The mouth is the part of the picture whose change goes with the sound; nothing is trained, and
    where the picture does not allow a verdict it says so. Positive: the sound comes before the
    picture. Exit code 0: good or acceptable (ITU-R BT.1359); 1: bad; 7: undecided.

    Examples:

      micstream lipsync measure take1.mp4

      micstream lipsync measure take1.mp4 --json --fail-if 60

      micstream lipsync measure two-faces.mp4 --roi 0.2,0.5,0.4,0.7
    """
    where = place(roi)
    worst = 0
    for file in files:
        found = _measured(file, where, quiet=json_)
        worst = _worse(worst, code_of(found.as_dict(), fail_if))
        if json_:
            _tell_json(file, found)
        else:
            _tell(file, found, named=len(files) > 1)
    raise typer.Exit(worst)


def code_of(figures: Mapping[str, Any], fail_if: float | None) -> int:
    """Exit code of a verdict, or of an own limit."""
    if fail_if is not None and figures["offset_ms"] is not None:
        return int(abs(figures["offset_ms"]) > fail_if)
    return _CODES[figures["verdict"]]


def _worse(one: int, other: int) -> int:
    """Bad is worse than undecided."""
    return 1 if 1 in (one, other) else max(one, other)


def place(roi: str | None) -> tuple[float, float, float, float] | None:
    """The place that `--roi` names.

    Raises:
        UsageError: it is none.
    """
    from micstream.errors import UsageError

    if roi is None:
        return None
    try:
        left, top, right, bottom = (float(each) for each in roi.split(","))
        fine = 0 <= left < right <= 1 and 0 <= top < bottom <= 1
    except ValueError:
        fine = False
    if not fine:
        raise UsageError(
            f"--roi {roi!r} is no place in a picture",
            hint="left,top,right,bottom in shares of it, from 0 to 1: --roi 0.4,0.5,0.6,0.7",
            code="bad_roi",
        )
    return left, top, right, bottom


def _measured(file: Path, roi: tuple[float, float, float, float] | None, *, quiet: bool) -> LipSync:
    from micstream.lab import lipsync, predict, reading

    film = reading.read(file, _progress(file, quiet=quiet))
    if not quiet and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    level = lipsync.level_of(film.pcm, reading.RATE)
    spectrum = predict.spectrum_of(film.pcm, reading.RATE)
    return lipsync.measure(film.seen, level, roi=roi, spectrum=spectrum)


def _progress(file: Path, *, quiet: bool) -> Any:
    """Progress on standard error, where that is a terminal."""
    from micstream.plain_text import printable

    if quiet or not sys.stderr.isatty():
        return lambda _: None
    told = [-1]

    def tell(share: float) -> None:
        percent = int(100 * share)
        if percent != told[0]:
            told[0] = percent
            sys.stderr.write(f"\rreading {printable(file.name)}: {percent} %")
            sys.stderr.flush()

    return tell


def _tell_json(file: Path, found: LipSync) -> None:
    from micstream.view.json_lines import write_json

    write_json(sys.stdout, {"file": str(file), **found.as_dict()})
    sys.stdout.flush()


def _tell(file: Path, found: LipSync, *, named: bool) -> None:
    from micstream.lab.words import lipsync_words
    from micstream.plain_text import printable

    if named:
        typer.echo(printable(str(file)))
    for line in lipsync_words(found):
        typer.echo(f"  {line}" if named else line)
