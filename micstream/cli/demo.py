"""`micstream demo`."""

from __future__ import annotations

import secrets
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.options import CAPTURE, CLEAN, SEGMENTATION, TRANSPORT, Flags, Output, takes
from micstream.plain_text import printable

if TYPE_CHECKING:
    from micstream.events import Event
    from micstream.session import Session
    from micstream.settings import Settings

_SPEECH = "sentences.flac"
_AVATAR = "demo"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


@takes(CAPTURE, CLEAN, TRANSPORT, SEGMENTATION)
def demo(
    flags: Flags,
    output: Output,
    play: Annotated[
        bool, typer.Option("--play", help="Play the bundled speech even if there is a microphone.")
    ] = False,
    no_stage: Annotated[
        bool, typer.Option("--no-stage", help="Without the page that shows the avatar.")
    ] = False,
) -> None:
    """Everything on this machine: a LiveKit server, an avatar, and you.

    Takes the server of LIVEKIT_URL where it is set, else one on the PATH or in the cache, else gets
    one. Speaks with your microphone, or plays bundled speech where there is none. What it started
    ends with it.

    Examples:

      micstream demo

      micstream demo --play --mode utterance
    """
    import asyncio

    asyncio.run(_run(flags, output, play=play, stage=not no_stage))


async def _run(flags: Flags, output: Output, *, play: bool, stage: bool) -> None:
    import asyncio

    from micstream.cli.live import listen
    from micstream.cli.play import Playlist, play_files
    from micstream.cli.run import quiet_libraries, run_session
    from micstream.cli.stage import demo_page
    from micstream.demo.assets import bundled
    from micstream.signals import set_on_signals
    from micstream.tasks import run_until

    quiet_libraries(verbose=output.verbose)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(set_on_signals(stop))
        settings = await run_until(_prepare(stack, flags), stop)
        if settings is None:
            return
        if stage:
            await stack.enter_async_context(demo_page(settings, _say))
        if play or not _has_microphone(settings):
            speech = bundled(_SPEECH)
            _say(
                f"playing bundled speech, {speech.name}"
                + ("" if play else ": there is no microphone")
            )

            async def work(session: Session, settings: Settings) -> None:
                await play_files(session, settings, Playlist([speech], cut=True))

            await run_session(work, settings, output)
        else:
            _say("speak into your microphone; Ctrl-C or q ends it")
            await run_session(listen, settings, output, live=True)


async def _prepare(stack: AsyncExitStack, flags: Flags) -> Settings:
    """A room with an avatar in it, brought there as any other: by its server."""
    from micstream.avatars.start import ask, order
    from micstream.demo.avatar_server import avatar_server

    key = secrets.token_urlsafe(24)
    # First of all: the avatar gets ready while the room is found.
    _, address = await stack.enter_async_context(avatar_server(key, [_AVATAR]))
    avatar = {"avatar_server": address, "license_key": key, "avatar_id": _AVATAR}
    settings = await _find_room(stack, flags | avatar)
    _say("starting the avatar")
    await ask(order(settings.start()), _Said())
    return settings


async def _find_room(stack: AsyncExitStack, flags: Flags) -> Settings:
    """The server to use and a room of our own on it."""
    from micstream.demo.server import find_server, local_server
    from micstream.room.address import shown
    from micstream.room.connect import credentials
    from micstream.settings import load

    room = f"demo-{secrets.token_hex(3)}"
    settings = load(**flags, room=room, avatar=[f"avatar-{_AVATAR}"])
    if settings.url:
        own = settings.model_copy(update={"token": None})
        own.connection().keys(
            or_else=", or unset LIVEKIT_URL: the demo then brings a server of its own"
        )
        credentials(own.connection())
        _say(f"using the server at {shown(settings.url)}")
        return own
    server = await stack.enter_async_context(local_server(await find_server(progress=_say)))
    _say(f"started a LiveKit server at {server.url}, for this demo only")
    return load(
        **flags,
        room=room,
        avatar=[f"avatar-{_AVATAR}"],
        url=server.url,
        api_key=server.api_key,
        api_secret=server.api_secret,
    ).model_copy(update={"token": None})


def _has_microphone(settings: Settings) -> bool:
    from micstream.errors import AudioDeviceError
    from micstream.sources.portaudio import find_input

    try:
        find_input(settings.device)
    except AudioDeviceError as error:
        if settings.device is not None:
            raise
        _say(error.message)
        return False
    return True


class _Said:
    """The bus of the demo's own start: people read what goes wrong."""

    def emit(self, event: Event) -> None:
        """Say it, where it is a warning."""
        from micstream.events import Warned

        if isinstance(event, Warned):
            _say(event.message)


def _say(line: str) -> None:
    sys.stderr.write(f"demo: {printable(line)}\n")
    sys.stderr.flush()
