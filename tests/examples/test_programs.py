"""The programs of `examples/` run as their first lines say, and tell what they do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from micstream.demo.server import LocalServer
from testbed.program import environment
from testbed.rooms import wire_avatar
from testbed.speech import HELLO

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECOND = 22_050
TONE = f"""#!{sys.executable}
import struct, sys
assert sys.argv[1:3] == ["--stdout", "--"], sys.argv
if "nothing" in sys.argv[3]:
    sys.exit("no such voice")
unknown = 0x7FFFF000
out = sys.stdout.buffer
out.write(b"RIFF" + struct.pack("<I", unknown + 36) + b"WAVEfmt ")
out.write(struct.pack("<IHHIIHH", 16, 1, 1, {SECOND}, {2 * SECOND}, 2, 16))
out.write(b"data" + struct.pack("<I", unknown) + bytes(2 * {SECOND}))
"""
"""A stand-in for espeak-ng: a second of sound, in the header that it writes."""


async def run_example(name: str, *words: str, env: Mapping[str, str]) -> tuple[int, str, str]:
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / name),
        *words,
        env=dict(env),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, said = await asyncio.wait_for(running.communicate(), 60)
    assert running.returncode is not None
    assert b"Traceback" not in said, said.decode()
    return running.returncode, printed.decode(), said.decode()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which espeak-ng is, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "espeak-ng").write_text(TONE)
    (folder / "espeak-ng").chmod(0o755)
    return str(folder)


@pytest.mark.room
async def test_own_tts_says_each_argument_and_tells_so(
    server: LocalServer, room_name: str, path: str
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, PATH=path)
    async with wire_avatar(server, room_name, plays=True) as avatar:
        code, printed, said = await run_example("own_tts.py", "Good evening", "-v", env=env)
    assert code == 0, said
    assert printed.splitlines() == [
        "waiting for the avatar",
        "saying: Good evening",
        "saying: -v",
        "the avatar has said it all",
    ]
    assert [len(stream.payload) // 32_000 for stream in avatar.streams] == [1, 1]


@pytest.mark.room
async def test_own_tts_tells_what_it_lacks(
    server: LocalServer, room_name: str, path: str, tmp_path: Path
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name)
    async with wire_avatar(server, room_name):
        code, _, said = await run_example("own_tts.py", env={**env, "PATH": str(tmp_path)})
        assert code == 1
        assert "espeak-ng is not installed" in said
        code, _, said = await run_example("own_tts.py", "nothing", env={**env, "PATH": path})
        assert code == 1
        assert "espeak-ng made no sound of 'nothing'" in said


@pytest.mark.room
async def test_the_sender_as_a_task_tells_what_is_heard(
    server: LocalServer, room_name: str
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name)
    async with wire_avatar(server, room_name, plays=True):
        code, printed, said = await run_example("inside_a_program.py", str(HELLO), env=env)
    assert code == 0, said
    assert "is heard after" in printed


@pytest.mark.parametrize("name", ["own_tts.py", "inside_a_program.py"])
async def test_without_a_server_it_says_what_to_set(name: str, tmp_path: Path) -> None:
    code, _, said = await run_example(name, str(HELLO), env=environment())
    assert code == 1
    assert "LIVEKIT_URL is not set" in said
    assert "micstream demo" in said
