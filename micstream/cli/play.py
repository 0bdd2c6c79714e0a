"""`micstream play`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from micstream.cli.options import (
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
    from collections.abc import Sequence

    from micstream.monitor import Monitor
    from micstream.pipeline import Performance
    from micstream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("play")(play)


@takes(CONNECTION, START, CLEAN, TRANSPORT, SEGMENTATION)
def play(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="WAV, FLAC, MP3 or OGG.")],
    flags: Flags,
    output: Output,
    every: Annotated[
        float | None,
        typer.Option(min=0.1, max=86_400, metavar="s", help="Start a file every so often."),
    ] = None,
    loop: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1_000_000,
            metavar="N",
            help="Play them all N times; 0 for ever. (default 1, with --every 0)",
        ),
    ] = None,
    cut: Annotated[
        bool, typer.Option("--cut", help="Let the segmenter find the utterances in each file.")
    ] = False,
    pace: Annotated[
        Literal["realtime", "fast"],
        typer.Option(help="As fast as it would be spoken, or as fast as it can be sent."),
    ] = "realtime",
) -> None:
    """Speak sound files through the avatar: each file one utterance, unless --cut.

    Examples:

      micstream play assets/hello_world_16kHz.wav

      micstream play assets/hello_world_16kHz.wav --every 5

      micstream play assets/sentences.flac --cut --pace fast

      micstream play assets/hello_world_16kHz.wav --every 5 --avatar-id anna --keep-avatar
    """
    from micstream.cli.perform import perform, with_avatar
    from micstream.sources.files import FileSource

    for file in files:  # what cannot be played is told before anything is joined
        FileSource(file)
    times = loop if loop is not None else (0 if every is not None else 1)

    async def work(performance: Performance, settings: Settings, monitor: Monitor) -> None:
        playing = play_files(
            performance, settings, monitor, files, every=every, times=times, cut=cut, pace=pace
        )
        await with_avatar(playing, settings, monitor)

    perform(work, flags, output)


async def play_files(
    performance: Performance,
    settings: Settings,
    monitor: Monitor,
    files: Sequence[Path],
    *,
    every: float | None = None,
    times: int = 1,
    cut: bool = False,
    pace: Literal["realtime", "fast"] = "realtime",
) -> None:
    """Wait for the avatar, then play the files one after the other, `times` over (0: for ever)."""
    from micstream.cli.perform import patience
    from micstream.events import Warned
    from micstream.sources.files import FileSource

    clock = asyncio.get_running_loop()
    wait = patience(settings)
    await performance.room.wait_ready(wait, least=1)
    due, round_ = clock.time(), 0
    while times == 0 or round_ < times:
        for file in files:
            await asyncio.sleep(max(0.0, due - clock.time()))
            due = clock.time() + (every or 0.0)
            source = FileSource(file, pace=pace)
            if source.warning and round_ == 0:
                monitor.emit(Warned(code="short_file", message=source.warning))
            if not performance.room.is_heard:
                await performance.room.wait_ready(wait, least=1)
            await performance.speak(source, cut=cut, patience=wait)
        round_ += 1
