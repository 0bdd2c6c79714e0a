"""`micstream lipsync run` and `calibrate`: the parts that join a room."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.lipsync import UNDECIDED, Limit, Place, code_of, place
from micstream.cli.options import CONNECTION, JOINING, START, TRANSPORT, Flags, Output, takes

if TYPE_CHECKING:
    from micstream.lab.analysis import Analysis
    from micstream.lab.running import Lab, Plan
    from micstream.lab.saving import Film
    from micstream.lab.take import Take
    from micstream.lab.transport import Calibration
    from micstream.session import Session
    from micstream.settings import Settings

_NOT_OURS = ("identity", "wait_avatar", "ready_timeout", "avatar", "token", "stay")
_LOOKING = tuple(knob for knob in CONNECTION if knob.name not in _NOT_OURS)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a run is to do, and to leave behind."""

    plan: Plan
    roi: tuple[float, float, float, float] | None
    fail_if: float | None
    calibration: Path | None
    calibrates: bool
    report: Path | None
    save: Path | None


@takes(JOINING, START, TRANSPORT)
def run(
    flags: Flags,
    output: Output,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE...]",
            help="Speak these instead of the kit; labels beside them are used.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="These items alone: a name, or harvard-*."),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1_000, metavar="N", help="All N times.")] = 1,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=10, metavar="M", help="Over and over, for so long.", show_default=False
        ),
    ] = None,
    roi: Place = None,
    fail_if: Limit = None,
    calibration: Annotated[
        str,
        typer.Option(
            metavar="FILE|no",
            help="Of the measuring path, as calibrate --json prints it; no: take nothing off. "
            "Without it, a reference is published for some seconds, and measured.",
            show_default=False,
        ),
    ] = "",
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a report: one HTML page.", show_default=False),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the avatar's picture and sound as MKV, for lipsync measure.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Speak defined sound into an avatar, look at it, and measure how well its mouth follows.

    The whole kit takes about four minutes. A viewer of its own joins the room, and a reference that
    flashes and clicks for some seconds: not for a room with an audience. Positive: the sound comes
    before the picture. Exit code 0: good or acceptable (ITU-R BT.1359); 1: bad; 7: undecided.

    Examples:

      micstream lipsync run --room test --report lipsync.html

      micstream lipsync run --room test --only "harvard-*" --only papapa-2 --json

      micstream lipsync run --room test --minutes 5 my-lines.wav --fail-if 60
    """
    import asyncio

    from micstream.cli.run import run_session
    from micstream.lab.kit import chosen, load_kit, own_items
    from micstream.lab.running import Plan
    from micstream.settings import load

    items = own_items(files) if files else load_kit()
    wanted = _Wanted(
        plan=Plan(chosen(items, only or ()), repeat, minutes),
        roi=place(roi),
        fail_if=fail_if,
        calibration=Path(calibration) if calibration not in ("", "no") else None,
        calibrates=calibration == "",
        report=report,
        save=save,
    )
    for file in (report, save):
        if file is not None:
            _check_writable(file)
    settings = load(**flags)
    known = _read_calibration(wanted.calibration) if wanted.calibration else None
    made = _Running(wanted, known)
    asyncio.run(run_session(made.work, settings, output))
    if made.taken is None:
        raise typer.Exit(UNDECIDED)
    found = made.analysed(settings)
    _tell(found, output)
    if wanted.report is not None:
        _write_report(wanted.report, found)
    raise typer.Exit(code_of(found.figures, fail_if))


class _Running:
    """What `run` does in the session, and what it leaves."""

    def __init__(self, wanted: _Wanted, calibration: Calibration | None) -> None:
        self._wanted = wanted
        self._calibration = calibration
        self.taken: Take | None = None

    async def work(self, session: Session, settings: Settings) -> None:
        """Wait for the avatar, calibrate, speak; keep what was recorded, also where it is cut."""
        import asyncio

        from micstream.cli.run import wait_avatar, with_avatar
        from micstream.lab.running import lab

        async def speak() -> None:
            await session.room.wait_ready(wait_avatar(settings), at_least=1)
            connection = settings.connection()
            async with lab(session, connection, self._wanted.plan) as made:
                if self._wanted.calibrates:
                    self._calibration = await _calibrated(session, settings, made.size)
                film = self._film(made)
                try:
                    await made.speak(self._wanted.plan)
                finally:
                    self.taken = made.take()
                    if film is not None:
                        await asyncio.to_thread(film.finish, self.taken)

        await with_avatar(speak(), session, settings)

    def _film(self, made: Lab) -> Film | None:
        if self._wanted.save is None:
            return None
        from micstream.lab.saving import Film

        film = Film(self._wanted.save)
        made.also(film)
        return film

    def analysed(self, settings: Settings) -> Analysis:
        """What the recording tells."""
        import time

        from micstream.lab.analysis import analyse

        assert self.taken is not None

        known = self._calibration
        about = {
            "when": time.strftime("%Y-%m-%d %H:%M:%S"),
            "room": settings.room,
            "viewer": "livekit.rtc, subscribed to sound and picture",
            "calibration": _words(known) if known else "none: nothing was taken off",
        }
        steady = known if known is not None and known.is_steady else None
        return analyse(self.taken, calibration=steady, roi=self._wanted.roi, about=about)


def _words(known: Calibration) -> str:
    if known.pairs < 2:
        return "failed: no flash and click of the reference came through"
    said = f"{known.offset_ms:+.0f} ms, spread {known.spread_ms:.0f} ms, {known.pairs} flashes"
    said += f", pictures held for {known.held_ms:.0f} ms"
    return said if known.is_steady else f"not steady, so nothing was taken off: {said}"


async def _calibrated(session: Session, settings: Settings, size: tuple[int, int]) -> Calibration:
    from micstream.events import Warned
    from micstream.lab.running import calibrate as measure_path

    known = await measure_path(settings.connection(), size)
    if not known.is_steady:
        session.bus.emit(
            Warned(
                code="not_calibrated",
                message=f"the measuring path is not steady: {_words(known)}",
                hint="nothing is taken off the offsets: close what loads this machine, or measure "
                "from nearer to the server",
            )
        )
    return known


def _read_calibration(file: Path) -> Calibration:
    import json

    from micstream.errors import InputError, reason_of
    from micstream.lab.transport import Calibration

    try:
        lines = [line for line in file.read_text("utf-8").splitlines() if line.strip()]
        told = json.loads(lines[-1]) if lines else None
    except OSError as error:
        raise InputError(
            f"{file}: {reason_of(error)}",
            hint="expected what micstream lipsync calibrate --json prints",
            code="bad_calibration",
        ) from None
    except ValueError:
        told = None
    return Calibration.from_dict(told if isinstance(told, dict) else {})


def _tell(found: Analysis, output: Output) -> None:
    from micstream.lab.words import run_words
    from micstream.view.json_lines import write_json

    if output.json:
        write_json(sys.stdout, dict(found.figures))
        sys.stdout.flush()
        return
    for line in run_words(found.figures):
        typer.echo(line)


def _check_writable(file: Path) -> None:
    """Tell before the run, and not after it, that a file has no place."""
    from micstream.lab.run_file import unwritable

    try:
        with file.open("ab"):
            pass
    except OSError as error:
        raise unwritable(file, error) from None


def _write_report(file: Path, found: Analysis) -> None:
    from micstream.lab.report import page
    from micstream.lab.run_file import unwritable

    try:
        file.write_text(page(found.story), encoding="utf-8")
    except OSError as error:
        raise unwritable(file, error) from None


@takes(_LOOKING)
def calibrate(flags: Flags, output: Output) -> None:
    """Measure what the way to a viewer here puts between sound and picture, by a reference.

    Joins the room twice: as a reference whose flashes and clicks are in step, and as a viewer of
    it. What is found is the path's own, and is taken off by lipsync run. Exit code 0: steady; 1:
    not steady, and of no use.

    Examples:

      micstream lipsync calibrate --room test

      micstream lipsync calibrate --room test --json > calibration.json
    """
    import asyncio

    from micstream.cli.run import quiet_libraries
    from micstream.lab.running import calibrate as measure_path
    from micstream.settings import load
    from micstream.view.json_lines import write_json

    quiet_libraries(verbose=output.verbose)
    if not output.json and not output.quiet:
        typer.echo("a reference flashes and clicks for some twenty seconds ...", err=True)
    known = asyncio.run(measure_path(load(**flags).connection()))
    if output.json:
        write_json(sys.stdout, known.as_dict())
        sys.stdout.flush()
    else:
        typer.echo(f"{_words(known)}; positive: the sound comes before the picture")
        for name, value in (("sound waited", known.sound_ms), ("picture waited", known.held_ms)):
            if value is not None:
                typer.echo(f"{name:<15} {value:.0f} ms")
    raise typer.Exit(int(not known.is_steady))
