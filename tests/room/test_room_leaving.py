"""Leaving never takes the avatar with it, in whatever way we leave."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from micstream import FileSource
from micstream.demo.server import LocalServer
from testbed.program import environment, program
from testbed.speech import HELLO, MONOLOGUE, SENTENCES
from testbed.waiting import stays, wait_until
from tests.conftest import AvatarFactory
from tests.support.senders import voice

pytestmark = [pytest.mark.room, pytest.mark.slow]

ALIVE_S = 25
"""A stock worker whose report finds nobody ends 15 to 24 s later; only it can tell."""
Leaving = Callable[[LocalServer, str, Path], Awaitable[None]]


async def after_the_end(server: LocalServer, room: str, _: Path) -> None:
    async with voice(server, room) as ours:
        await ours.sender.speak(FileSource(HELLO))


async def after_an_interrupt(server: LocalServer, room: str, _: Path) -> None:
    async with voice(server, room) as ours:
        speaking = asyncio.create_task(ours.sender.speak(FileSource(MONOLOGUE)))
        await ours.until("playback_started")
        await ours.sender.interrupt()
        speaking.cancel()
        await asyncio.wait([speaking])


async def with_much_unplayed(server: LocalServer, room: str, _: Path) -> None:
    with pytest.raises(KeyError):
        async with voice(server, room) as ours:
            speaking = asyncio.create_task(ours.sender.speak(FileSource(MONOLOGUE, pace="fast")))
            await wait_until(lambda: ours.sender.backlog > 9, 30, "as much as there may be")
            await ours.until("playback_started")
            speaking.cancel()
            await asyncio.wait([speaking])
            raise KeyError("the caller's own")


async def on_sigterm(server: LocalServer, room: str, folder: Path) -> None:
    await _signalled(server, room, folder, signal.SIGTERM)


async def on_sigint(server: LocalServer, room: str, folder: Path) -> None:
    await _signalled(server, room, folder, signal.SIGINT)


async def on_closed_stdout(server: LocalServer, room: str, folder: Path) -> None:
    """As `micstream play | head` does."""
    read, write = os.pipe()
    command = ("play", SENTENCES, "--cut", "--room", room)
    async with program(folder, *command, env=environment(server), stdout=write) as ours:
        os.close(write)
        with os.fdopen(read, "rb") as lines:  # until it speaks; then nobody reads any more
            while b"the avatar speaks" not in (line := await asyncio.to_thread(lines.readline)):
                assert line, f"it ended before it spoke: {ours.stderr}"
        assert await ours.ended() == 0
        assert ours.stderr == ""


async def _signalled(server: LocalServer, room: str, folder: Path, number: signal.Signals) -> None:
    command = ("play", MONOLOGUE, "--room", room, "--json")
    async with program(folder, *command, env=environment(server)) as ours:
        await ours.until("playback_started")
        ours.send(number)
        assert await ours.ended() == 0
        assert ours.named("utterance_ended")[0]["reason"] == "shutdown"
        assert ours.events[-1]["event"] == "bye"


WAYS: tuple[Leaving, ...] = (
    after_the_end,
    after_an_interrupt,
    with_much_unplayed,
    on_sigterm,
    on_sigint,
    on_closed_stdout,
)


async def test_the_avatar_is_alive_half_a_minute_after_we_have_left(
    server: LocalServer, room_name: str, avatar: AvatarFactory, tmp_path: Path
) -> None:
    rooms = [f"{room_name}-{way.__name__}" for way in WAYS]
    async with AsyncExitStack() as stack:
        starting = (stack.enter_async_context(avatar(room)) for room in rooms)
        workers = await asyncio.gather(*starting)
        for way, room in zip(WAYS, rooms, strict=True):
            await way(server, room, tmp_path / room)

        def all_alive() -> bool:
            dead = [
                f"{way.__name__}: {worker.output}"
                for way, worker in zip(WAYS, workers, strict=True)
                if not worker.alive
            ]
            assert not dead, "\n".join(dead)
            return True

        await stays(all_alive, ALIVE_S, "a worker died")

        async def still_plays(room: str) -> None:
            async with voice(server, room) as ours:
                await ours.sender.speak(FileSource(HELLO))
                finished = await ours.until("playback_finished")
                assert not finished.interrupted

        for room in rooms:
            await still_plays(room)
        assert all_alive()
