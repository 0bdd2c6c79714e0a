"""The rehearsal room of `micstream demo --serve`."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from micstream.cli.demo import bring, brought_by, say, settings_on, start_server
from micstream.cli.options import Flags, Output

if TYPE_CHECKING:
    from micstream.bus import Bus
    from micstream.demo.rehearsal import SettingsFile
    from micstream.settings import Settings

_ROOM = "show"
"""As in the documentation's commands."""


async def serve_room(output: Output, avatars: Sequence[str], *, stage: bool) -> None:
    """The rehearsal room, until it is told to end."""
    from micstream.bus import Bus
    from micstream.cli.run import make_view, quiet_libraries, showing
    from micstream.signals import set_on_signals
    from micstream.tasks import run_until

    quiet_libraries(verbose=output.verbose)
    bus, stop = Bus(), asyncio.Event()
    with set_on_signals(stop):
        async with showing(bus, make_view(output), stop):
            await run_until(_rehearse(bus, avatars, stage=stage), stop)


async def _rehearse(bus: Bus, avatars: Sequence[str], *, stage: bool) -> None:
    """Open the room, and mind it for ever. Raises MicstreamError where its server ends."""
    from micstream.cli.stage import demo_page
    from micstream.demo.avatar_server import avatar_server
    from micstream.demo.rehearsal import settings_file
    from micstream.events import RehearsalOpen
    from micstream.tasks import run_guarded, task_group

    lost: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    key = secrets.token_urlsafe(24)
    async with AsyncExitStack() as stack:
        _, address = await stack.enter_async_context(
            avatar_server(key, avatars, ended=lambda *told: lost.put_nowait(told))
        )
        flags: Flags = {"room": _ROOM, **brought_by(address, key, avatars)}
        server = await start_server(stack, flags)
        settings = settings_on(server, flags)
        async with task_group() as starting:
            for each in avatars:
                starting.create_task(bring(settings, each))
        if stage:
            await stack.enter_async_context(demo_page(settings, say))
        file = stack.enter_context(settings_file(_variables(settings, key)))
        bus.emit(
            RehearsalOpen(url=server.url, room=_ROOM, avatars=settings.avatar, file=str(file.path))
        )
        for line in invitation(file):
            say(line)

        async def mind_server() -> None:
            raise await server.ended()

        await run_guarded(_mind(lost, settings), mind_server())


async def _mind(lost: asyncio.Queue[tuple[str, str]], settings: Settings) -> None:
    """Bring each avatar back that has failed; one that was taken out of the room stays out."""
    from micstream.demo.avatar import ROOM_GONE

    while True:
        avatar_id, reason = await lost.get()
        say(f"avatar-{avatar_id} has gone: {reason}")
        if reason == ROOM_GONE:
            say(f"to have it back: micstream avatar start --avatar-id {avatar_id}")
        else:
            await bring(settings, avatar_id)


def invitation(file: SettingsFile) -> list[str]:
    """What to type in another terminal."""
    ours = _called()
    if file.is_found:
        lines = [
            f"in another terminal, in this folder ({file.path.name} is here until Ctrl-C):",
            f"  cd {shlex.quote(str(file.path.parent))}",
        ]
    else:
        lines = ["other settings are here already: they stay. In another terminal, first:"]
        lines += [f"  {file.paste}", "and then, there:"]
    lines += [
        f"  {ours} doctor --through",
        f"  {ours} live",
        f"  {ours} play assets/hello_world_16kHz.wav --every 5",
    ]
    if file.token_in.startswith(".env"):
        lines.append(
            f"LIVEKIT_TOKEN in {file.token_in} goes before that: take it out, or type these in "
            "another folder"
        )
    return lines


def _called() -> str:
    """How this program was called: it need not be on the PATH."""
    if shutil.which("micstream"):
        return "micstream"
    called = Path(sys.argv[0])
    words = [sys.executable, "-m", "micstream"] if called.suffix == ".py" else [str(called)]
    return shlex.join(words)


def _variables(settings: Settings, license_key: str) -> dict[str, str]:
    """The settings as other commands read them."""
    api_key, api_secret = settings.connection().keys()
    return {
        "LIVEKIT_URL": settings.url or "",
        "LIVEKIT_API_KEY": api_key,
        "LIVEKIT_API_SECRET": api_secret,
        "LIVEKIT_ROOM": settings.room,
        "MICSTREAM_IDENTITY": settings.identity,
        "AVALUMA_LICENSE_KEY": license_key,
        "AVALUMA_AVATAR_ID": settings.avatar_id or "",
        "AVATAR_SERVER_URL": settings.avatar_server,
    }
