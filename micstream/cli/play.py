"""`micstream play`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from micstream.cli.options import (
    CLEAN,
    JOINING,
    RECORDING,
    SEGMENTATION,
    START,
    TRANSPORT,
    FileChannel,
    Flags,
    Output,
    takes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from micstream.session import Session
    from micstream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("play")(play)


@takes(JOINING, START, CLEAN, TRANSPORT, RECORDING, SEGMENTATION)
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
    channel: FileChannel = 0,
) -> None:
    """Speak sound files through the avatar: each file one utterance, unless --cut.

    Examples:

      micstream play assets/hello_world_16kHz.wav

      micstream play assets/hello_world_16kHz.wav --every 5

      micstream play assets/sentences.flac --cut --pace fast

      micstream play assets/hello_world_16kHz.wav --every 5 --avatar-id anna --keep-avatar
    """
    from micstream.cli.run import run, with_avatar
    from micstream.sources.files import FileSource

    for file in files:  # what cannot be played is told before anything is joined
        FileSource(file, channel=channel)
    times = loop if loop is not None else (0 if every is not None else 1)
    playlist = Playlist(files, every=every or 0.0, times=times, cut=cut, pace=pace, channel=channel)

    async def work(session: Session, settings: Settings) -> None:
        await with_avatar(play_files(session, settings, playlist), session, settings)

    run(work, flags, output)


@dataclass(frozen=True, slots=True)
class Playlist:
    """Which files are played, and how."""

    files: Sequence[Path]
    every: float = 0.0
    """Seconds from one file's start to the next one's, at least."""
    times: int = 1
    """How often they are all played; 0: for ever."""
    cut: bool = False
    """The segmenter finds the utterances in each file."""
    pace: Literal["realtime", "fast"] = "realtime"
    channel: int = 0
    """The one to use, from 1; 0 mixes them."""


async def play_files(session: Session, settings: Settings, playlist: Playlist) -> None:
    """Wait for the avatar, then play the files one after the other."""
    import asyncio

    from micstream.cli.run import wait_avatar
    from micstream.events import Playing, Warned
    from micstream.sources.files import FileSource

    clock = asyncio.get_running_loop()
    wait = wait_avatar(settings)
    await session.room.wait_ready(wait, at_least=1)
    due, round_ = clock.time(), 0
    while playlist.times == 0 or round_ < playlist.times:
        for file in playlist.files:
            await asyncio.sleep(max(0.0, due - clock.time()))
            due = clock.time() + playlist.every
            source = FileSource(file, pace=playlist.pace, channel=playlist.channel)
            if source.warning and round_ == 0:
                session.bus.emit(Warned(code="short_file", message=source.warning))
            session.bus.emit(Playing(file=str(file), round=round_ + 1))
            if not session.room.is_listening:
                await session.room.wait_ready(wait, at_least=1)
            await session.speak(source, cut=playlist.cut, wait_avatar=wait)
        round_ += 1
