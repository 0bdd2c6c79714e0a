"""`micstream demo`."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from micstream.cli.options import CAPTURE, CLEAN, SEGMENTATION, TRANSPORT, Flags, Output, takes
from micstream.plain_text import printable

if TYPE_CHECKING:
    from micstream.demo.server import LocalServer
    from micstream.events import Event
    from micstream.session import Session
    from micstream.settings import Settings

_SPEECH = "sentences.flac"
_AVATAR = "demo"
REHEARSING = ("anna", "ben")
"""Avatars of the rehearsal room: those of the documentation's commands."""
_LOADING_S = 90.0
"""For an avatar: libraries that are read for the first time, on a machine that is slow."""
_NOT_THE_SERVERS = ("token", "route")
"""Settings for another room than the demo's."""


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
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="A rehearsal room: server, avatar and page, but nobody who speaks. All other "
            "commands work against it, in another terminal, until Ctrl-C.",
        ),
    ] = False,
    avatars: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=len(REHEARSING),
            metavar="N",
            help="With --serve: one avatar (avatar-anna) or two (and avatar-ben). (default 1)",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Use this LiveKit server, with LIVEKIT_API_KEY and LIVEKIT_API_SECRET, in place "
            "of one on this machine.",
            show_default=False,
        ),
    ] = None,
    no_stage: Annotated[
        bool, typer.Option("--no-stage", help="Without the page that shows the avatar.")
    ] = False,
) -> None:
    """Everything on this machine: a LiveKit server, an avatar, and you.

    Starts a server from the PATH or the cache, else gets one; LIVEKIT_URL is not used, --url is.
    Speaks with your microphone, or plays bundled speech where there is none. What it started ends
    with it.

    Examples:

      micstream demo

      micstream demo --play --mode utterance

      micstream demo --serve --avatars 2
    """
    import asyncio

    if not serve:
        _refuse({"--avatars": avatars}, "it is for --serve")
        with _told():
            asyncio.run(_run(flags, output, url, play=play, stage=not no_stage))
        return
    _refuse(
        {"--play": play or None, "--url": url}, "--serve starts a server, and nobody who speaks"
    )
    given = {f"--{name.replace('_', '-')}": value for name, value in flags.items()}
    _refuse(given, "nobody speaks with --serve: give it to the command that does")
    from micstream.cli.rehearsal import serve_room

    with _told():
        asyncio.run(serve_room(output, REHEARSING[: avatars or 1], stage=not no_stage))


@contextmanager
def _told() -> Iterator[None]:
    """Tell in words what the system refuses: a folder, a file, a process."""
    from micstream.errors import MicstreamError, reason_of

    try:
        yield
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise MicstreamError(
            f"the demo needs what this machine refuses: {reason_of(error)}{where}",
            hint="it writes logs and settings into the folder for temporary files (TMPDIR), and "
            "starts processes: is there space, and is this folder still there?",
            code="demo_refused",
        ) from None


def _refuse(given: dict[str, object], why: str) -> None:
    """Refuse those options that were given."""
    from micstream.errors import UsageError

    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{option} cannot be used here: {why}",
                hint="micstream demo --help",
                code="bad_settings",
            )


async def _run(flags: Flags, output: Output, url: str | None, *, play: bool, stage: bool) -> None:
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
        settings = await run_until(_prepare(stack, flags, url), stop)
        if settings is None:
            return
        if stage:
            await stack.enter_async_context(demo_page(settings, say))
        if play or not _has_microphone(settings):
            speech = bundled(_SPEECH)
            say(
                f"playing bundled speech, {speech.name}"
                + ("" if play else ": there is no microphone")
            )

            async def work(session: Session, settings: Settings) -> None:
                await play_files(session, settings, Playlist([speech], cut=True))

            await run_session(work, settings, output)
        else:
            say("speak into your microphone; Ctrl-C or q ends it")
            await run_session(listen, settings, output, live=True)


async def _prepare(stack: AsyncExitStack, flags: Flags, url: str | None) -> Settings:
    """A room with an avatar in it, brought there as any other: by its server."""
    from micstream.demo.avatar_server import avatar_server

    if url is not None:
        await _check_server(flags, url)
    key = secrets.token_urlsafe(24)
    # First of all: the avatar gets ready while the room is found.
    _, address = await stack.enter_async_context(avatar_server(key, [_AVATAR]))
    flags = flags | brought_by(address, key, [_AVATAR]) | {"room": f"demo-{secrets.token_hex(3)}"}
    if url is not None:
        settings = _settings(flags, url=url)
    else:
        server = await start_server(stack, flags)
        settings = settings_on(server, flags)
    await bring(settings, _AVATAR)
    return settings


def brought_by(address: str, key: str, avatars: Sequence[str]) -> Flags:
    """Settings for the avatars of our own avatar server."""
    return {
        "avatar_server": address,
        "license_key": key,
        "avatar_id": avatars[0],
        "avatar": [f"avatar-{each}" for each in avatars],
    }


async def bring(settings: Settings, avatar_id: str) -> None:
    """Have our avatar server bring one in. Raises ConnectionFailed: it cannot."""
    from micstream.avatars.start import ask, order

    say(f"starting the avatar, avatar-{avatar_id}")
    wanted = order(settings.model_copy(update={"avatar_id": avatar_id}).start())
    await ask(wanted, _Said(), timeout_s=_LOADING_S)


async def _check_server(flags: Flags, url: str) -> None:
    """Find out whether that server can be used, before anything is started."""
    from micstream.room import admin
    from micstream.room.address import shown

    settings = _settings(flags, url=url)
    settings.connection().keys(or_else=", or leave --url out: the demo brings a server of its own")
    await admin.find(settings.connection(), settings.avatar)
    say(f"using the server at {shown(url)}")


async def start_server(stack: AsyncExitStack, flags: Flags) -> LocalServer:
    """A server on this machine; other settings are looked at before it is got."""
    from micstream.demo.server import find_server, local_server
    from micstream.room.address import shown
    from micstream.settings.variables import FILES, layered

    _settings(flags, url="ws://127.0.0.1", api_key="none-yet", api_secret="none-yet")  # noqa: S106
    elsewhere = layered(FILES).get("LIVEKIT_URL")
    server = await stack.enter_async_context(local_server(await find_server(progress=say)))
    say(f"started a LiveKit server at {server.url}, for this demo only")
    if elsewhere is not None:
        other, place = elsewhere
        say(
            f"all stays on this machine: {shown(other)}, which LIVEKIT_URL in {place} names, is "
            "not used (it would be with --url)"
        )
    return server


def settings_on(server: LocalServer, flags: Flags) -> Settings:
    """Settings for a room on our own server."""
    return _settings(flags, url=server.url, api_key=server.api_key, api_secret=server.api_secret)


def _settings(flags: Flags, **server: str) -> Settings:
    """The settings, in which no variable has a say about room, avatar and token."""
    from micstream.settings import load

    return load(**flags, **server, _without=_NOT_THE_SERVERS)


def _has_microphone(settings: Settings) -> bool:
    from micstream.errors import AudioDeviceError
    from micstream.sources.portaudio import find_input

    try:
        find_input(settings.device)
    except AudioDeviceError as error:
        if settings.device is not None:
            raise
        say(error.message)
        return False
    return True


class _Said:
    """The bus of the demo's own start: people read what goes wrong."""

    def emit(self, event: Event) -> None:
        """Say it, where it is a warning."""
        from micstream.events import Warned

        if isinstance(event, Warned):
            say(event.message)


def say(line: str) -> None:
    """Write a line for people on standard error, where that can be written."""
    with suppress(OSError, AttributeError):  # it may be closed, or not be there at all
        sys.stderr.write(f"demo: {printable(line)}\n")
        sys.stderr.flush()
