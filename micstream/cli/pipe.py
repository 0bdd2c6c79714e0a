"""`micstream pipe`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.options import (
    CLEAN,
    JOINING,
    RECORDING,
    SEGMENTATION,
    TRANSPORT,
    FileChannel,
    Flags,
    Output,
    takes,
)

if TYPE_CHECKING:
    from micstream.session import Session
    from micstream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pipe")(pipe)


@takes(JOINING, CLEAN, TRANSPORT, RECORDING, SEGMENTATION)
def pipe(
    flags: Flags,
    output: Output,
    rate: Annotated[
        int | None,
        typer.Option(
            min=4_000,
            max=192_000,
            metavar="Hz",
            help="Sample rate of raw PCM. (default 16000; a WAV knows its own)",
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(min=1, max=64, metavar="N", help="Channels of raw PCM. (default 1)"),
    ] = None,
    cut: Annotated[
        bool, typer.Option("--cut", help="Let the segmenter find the utterances in it.")
    ] = False,
    channel: FileChannel = 0,
) -> None:
    """Speak what comes on standard input: 16-bit PCM, or WAVs. Sent on as it comes.

    Several WAVs one after the other are an utterance each.

    Examples:

      espeak-ng --stdout "Good evening" | micstream pipe

      ffmpeg -i radio.mp3 -f s16le -ar 24000 -ac 1 - | micstream pipe --rate 24000 --cut
    """
    from micstream.cli.run import run

    async def work(session: Session, settings: Settings) -> None:
        from micstream.cli.run import wait_avatar
        from micstream.events import Warned
        from micstream.sources.stdin import StdinSource

        source: StdinSource | None = await StdinSource.open(
            rate=rate, channels=channels, channel=channel
        )
        wait = wait_avatar(settings)
        await session.room.wait_ready(wait, at_least=1)
        while source is not None:
            playing = source
            try:
                await session.speak(playing, cut=cut, wait_avatar=wait)
                source = await playing.following()
            finally:
                for message in playing.warnings:
                    session.bus.emit(Warned(code="stdin", message=message))

    run(work, flags, output)
