"""What is written, where, and who may read it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from micstream.demo.server import LocalServer
from testbed.program import environment, run
from testbed.rooms import wire_avatar
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO, SENTENCES

OWN = {"stdin", "stdout", "stderr"}
"""What `run` keeps of a program."""


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """Under which what is made without thought can be read by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def home(folder: Path) -> dict[str, str]:
    """An environment in which whatever is written by itself lands within `folder`."""
    for name in ("home", "tmp"):
        (folder / name).mkdir(parents=True)
    return {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "home/.cache"),
        "XDG_CONFIG_HOME": str(folder / "home/.config"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def written(folder: Path) -> set[str]:
    """All files there and below, but for what the test itself put there."""
    files = {str(f.relative_to(folder)) for f in folder.rglob("*") if not f.is_dir()}
    return {name for name in files if Path(name).name not in OWN}


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


@pytest.mark.usefixtures("usual_umask")
async def test_what_somebody_said_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    options = ("--labels", "l.txt", "--out", "new/out")
    env = environment(None, **home(tmp_path / "kept"))
    code, done = await run(tmp_path / "run", "cut", SENTENCES, *options, env=env)
    assert code == 0, done
    folder = tmp_path / "run/new/out"
    assert mode(folder) == 0o700
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"sentences-{n:03d}.wav" for n in range(1, 11)]
    assert {mode(file) for file in files} == {0o600}
    assert written(tmp_path / "run") == {"l.txt", *(f"new/out/{file.name}" for file in files)}
    assert written(tmp_path / "kept") == set()


@pytest.mark.usefixtures("usual_umask")
async def test_a_folder_that_is_there_stays_and_what_is_written_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir(mode=0o755)
    first = folder / "sentences-001.wav"
    first.write_bytes(b"older")
    for _ in range(2):
        code, done = await run(tmp_path, "cut", SENTENCES, "--out", "out", env=environment())
        assert code == 0, done
    assert (mode(folder), mode(first)) == (0o755, 0o600)
    assert first.read_bytes().startswith(b"RIFF")
    assert mode(folder / "sentences-002.wav") == 0o600


@pytest.mark.room
@pytest.mark.sound
async def test_a_run_writes_no_file(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    ours = environment(server, LIVEKIT_ROOM=room_name, **home(tmp_path / "kept"))
    env = {**microphone.env, **ours, "MICSTREAM_DEVICE": "nowhere"}
    async with wire_avatar(server, room_name, plays=True):
        for command, stdin in (
            (("play", str(HELLO), "--pace", "fast"), b""),
            (("play", str(SENTENCES), "--cut", "--pace", "fast", "--json"), b""),
            (("pipe", "--json", "--verbose"), HELLO.read_bytes()),
            (("live",), b""),
            (("live", "--device", "pulse", "--wait-avatar", "0", "--avatar", "nobody"), b""),
            (("doctor", "--through"), b""),
            (("doctor", "--device", "pulse"), b""),
            (("token",), b""),
            (("devices",), b""),
        ):
            await run(tmp_path / "run", *command, env=env, stdin=stdin)
            assert written(tmp_path / "run") == set(), command
            assert written(tmp_path / "kept") == set(), command
