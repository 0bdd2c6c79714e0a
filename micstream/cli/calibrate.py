"""`micstream calibrate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.options import CAPTURE, Flags, Output, takes
from micstream.errors import MicstreamError

if TYPE_CHECKING:
    from pathlib import Path

    from micstream.calibrate import Measured
    from micstream.sources.source import Opener
    from micstream.view.meter import MovingMeter, PlainMeter

_NEEDED = tuple(knob for knob in CAPTURE if knob.name in ("device", "channel"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calibrate")(calibrate)


@takes(_NEEDED)
def calibrate(
    flags: Flags,
    output: Output,
    quiet_s: Annotated[
        float, typer.Option(min=1, max=60, metavar="s", help="Listen to the room for so long.")
    ] = 3.0,
    speech_s: Annotated[
        float, typer.Option(min=2, max=120, metavar="s", help="Listen to you for so long.")
    ] = 6.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the figures, and store nothing.")
    ] = False,
) -> None:
    """Measure the microphone, and keep the preset that fits the room and your voice.

    Listens to the room first, then to you; shows noise floor, level of speech, clipping and hum,
    and recommends a gain and a preset. live uses the preset of its device where --preset is not
    given.

    Examples:

      micstream calibrate --device "USB"

      micstream calibrate --speech-s 15 --dry-run --json
    """
    import asyncio

    from micstream.cli.run import quiet_libraries
    from micstream.settings import load

    settings = load(**flags)
    quiet_libraries(verbose=output.verbose)

    from micstream.settings import calibration
    from micstream.sources import opening

    opener = opening.opener(settings.device, channel=settings.channel)
    with _meter(output) as show:
        measured = asyncio.run(_until_stopped(opener, quiet_s, speech_s, show))
    if measured is None:
        return
    place, refused = None, None
    if not dry_run:
        try:
            measured.refuse_unusable()
            place = calibration.save(measured.device, measured.channel, measured.calibration)
        except MicstreamError as error:
            refused = error  # its figures are shown all the same: they say what to do
    if output.json:
        from micstream.view.json_lines import write_json

        said = {**measured.as_dict(), "stored": str(place) if place else None}
        write_json(sys.stdout, said)
    else:
        _print(measured, place, plain=output.plain)
    if refused is not None:
        raise refused


async def _until_stopped(
    opener: Opener, quiet_s: float, speech_s: float, show: MovingMeter | PlainMeter
) -> Measured | None:
    """Result of the measurement; None after Ctrl-C and SIGTERM."""
    import asyncio

    from micstream.calibrate import measure
    from micstream.signals import set_on_signals
    from micstream.tasks import run_until

    stop = asyncio.Event()
    with set_on_signals(stop):

        async def measuring() -> Measured:
            microphone = await opener.open()
            return await measure(microphone, quiet_s=quiet_s, speech_s=speech_s, show=show)

        return await run_until(measuring(), stop)


def _meter(output: Output) -> MovingMeter | PlainMeter:
    """Meter to read while speaking; on stderr where stdout is for a program."""
    from micstream.view.console import Terminal
    from micstream.view.meter import MovingMeter, PlainMeter

    console = Terminal(plain=output.plain)
    if console.is_terminal and not output.json and not output.quiet:
        return MovingMeter(console)
    stream = sys.stderr if output.json else sys.stdout

    def write(line: str) -> None:
        stream.write(line)
        stream.flush()

    return PlainMeter(write, levels=not output.quiet)


def _print(measured: Measured, place: Path | None, *, plain: bool) -> None:
    from micstream.audio.advice import SPEECH_GOAL_DB
    from micstream.view.console import Terminal, printable

    kept, speech = measured.calibration, measured.speech
    gain = "leave it" if kept.gain_db == 0 else f"{abs(kept.gain_db)} dB "
    if kept.gain_db:
        gain += "up" if kept.gain_db > 0 else "down"
        gain += f", at the microphone: speech at {SPEECH_GOAL_DB:.0f} dBFS, peaks below -3"
    lines = [
        ("noise floor", f"{kept.floor_db:.0f} dBFS"),
        ("speech", f"{kept.speech_db:.0f} dBFS, peaks at {kept.peak_db:.0f}"),
        ("between them", f"{kept.speech_db - kept.floor_db:.0f} dB"),
        ("clipping", f"{kept.clipped_share:.1%} of the time" if kept.clipped_share else "none"),
        (
            "hum",
            f"{kept.hum_hz} Hz, {kept.hum_db:.0f} dB over its neighbours: look at cables, "
            "power supplies and dimmers"
            if kept.hum_hz
            else "none",
        ),
        ("gain", gain),
        ("preset", kept.preset),
    ]
    if speech.zeros_s > 1:
        lines.append(("zeros", f"{speech.zeros_s:.0f} s at the end: is it muted?"))
    if abs(measured.room.dc) > 0.01:
        lines.append(("offset", f"{measured.room.dc:.1%} of full scale: the device is faulty"))
    console = Terminal(plain=plain)
    for name, words in lines:
        console.print(f"{name:<13} {words}", soft_wrap=True)
    said = f"kept for {measured.device} in {place}" if place else "nothing was stored"
    console.print(printable(said), style="dim", soft_wrap=True, markup=False)
