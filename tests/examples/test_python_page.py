"""The programs of docs/python.md do what it says, as they are pasted."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from micstream.demo.server import LocalServer
from testbed.program import environment
from testbed.rooms import wire_avatar
from tests.conftest import AvatarFactory
from tests.support.avatar_servers import Avatars

pytestmark = pytest.mark.room

PAGE = Path(__file__).resolve().parents[2] / "docs/python.md"
SPEAKING, STARTING = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)
ROOM = "show"


async def run_pasted(program: str, folder: Path, env: Mapping[str, str]) -> None:
    """Run a program in a folder without settings; its end is 0, and nobody complains."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        cwd=folder,
        env=dict(env),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(running.communicate(), 60)
    assert (running.returncode, said.decode()) == (0, "")


async def test_the_first_program_speaks_its_second_of_sound(
    server: LocalServer, tmp_path: Path
) -> None:
    async with wire_avatar(server, ROOM, plays=True) as avatar:
        await run_pasted(SPEAKING, tmp_path, environment(server))
    (stream,) = avatar.streams
    assert stream.closed
    assert len(stream.payload) == pytest.approx(2 * 16_000, abs=64)


async def test_at_its_end_a_program_says_nothing_of_the_sdks(
    server: LocalServer, avatar: AvatarFactory, tmp_path: Path
) -> None:
    """Of a track that was let go, as an avatar's is once it plays, the SDK writes at the end."""
    async with avatar(ROOM):
        await run_pasted(SPEAKING, tmp_path, environment(server))


async def test_the_second_brings_the_avatar_in(
    server: LocalServer, avatars: Avatars, tmp_path: Path
) -> None:
    env = environment(server, AVALUMA_AVATAR_ID="demo", **avatars.env)
    await run_pasted(STARTING, tmp_path, env)
