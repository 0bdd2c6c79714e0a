"""What goes wrong ends with its exit code and words that help, never with a traceback."""

from __future__ import annotations

import asyncio
import os
import pty
import struct
import subprocess
from pathlib import Path

import jwt
import pytest

from micstream.demo.server import LocalServer
from testbed import program as programs
from testbed.program import NO_DEVICES, Program, environment, run, started_with
from testbed.speech import HELLO

BAD = {
    "missing": (None, "no such file"),
    "empty": (b"", "it is empty"),
    "text": (b"Good evening, and welcome to the small stage.\n" * 20, "format not recognised"),
    "header only": (HELLO.read_bytes()[:20], ""),
    "no frames": (
        b"RIFF" + struct.pack("<I", 36) + HELLO.read_bytes()[8:40] + bytes(4),
        "no sound",
    ),
    "folder": ("folder", "a directory"),
}


def assert_told(program: Program, *words: str) -> None:
    """One message that begins with our name, and says this."""
    assert program.stderr.startswith("micstream: "), program.stderr
    for word in words:
        assert word in program.stderr, program.stderr


@pytest.mark.parametrize("sort", BAD)
async def test_files_that_cannot_be_used(tmp_path: Path, sort: str) -> None:
    content, words = BAD[sort]
    file = tmp_path / "sound.wav"
    if content == "folder":
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    runs = (run(tmp_path / each, each, file, env=environment()) for each in ("play", "cut"))
    for code, program in await asyncio.gather(*runs):
        assert code == 3, program
        assert_told(program, "sound.wav", words)
        assert len(program.stderr.splitlines()) == 2, "what is wrong, and what to do"
        assert program.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (("play", str(HELLO)), {}, ("LIVEKIT_URL", "micstream demo")),
        (("live",), {"LIVEKIT_URL": "ws://127.0.0.1:1"}, ("LIVEKIT_API_KEY",)),
        (
            ("live",),
            {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_API_KEY": "k"},
            ("LIVEKIT_API_SECRET",),
        ),
        (("live",), {"LIVEKIT_URL": "ftp://example.org"}, ("LIVEKIT_URL", "wss://")),
        (("live",), {"MICSTREAM_LEAD_MS": "soon"}, ("MICSTREAM_LEAD_MS", "--lead-ms", "soon")),
        (("live",), {"MICSTREAM_AVATAR": "a*b"}, ("--avatar", "a*b")),
        (("token",), {}, ("LIVEKIT_API_KEY",)),
        (("live",), {"LIVEKIT_URL": "ws://h", "LIVEKIT_TOKEN": "nonsense"}, ("not a JWT",)),
    ],
)
async def test_settings_that_cannot_be_used(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], words: tuple[str, ...]
) -> None:
    code, program = await run(tmp_path, *arguments, env=environment(None, **variables))
    assert code == 2
    assert_told(program, *words)


SLOW_START = """
import os, time
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
time.sleep(60)
"""
"""What sounddevice does while PortAudio starts, and a sound server that does not answer."""


async def test_what_goes_wrong_while_portaudio_starts_is_told(tmp_path: Path) -> None:
    env = started_with("", tmp_path / "site", environment(None, LIVEKIT_URL="ws://127.0.0.1:1"))
    (tmp_path / "site/sounddevice.py").write_text(SLOW_START)
    code, program = await run(tmp_path, "live", env=env)
    assert code == 2
    assert_told(program, "LIVEKIT_API_KEY is not set")


@pytest.mark.parametrize(
    "arguments",
    [
        ("play", str(HELLO), "--lead-ms", "-1"),
        ("play", str(HELLO), "--mode", "loud"),
        ("play", str(HELLO), "--avatar-rate", "0"),
        ("pipe", "--rate", "0"),
        ("pipe", "--channels", "0"),
        ("pipe", "--rate", "99999999"),
        ("live", "--nonsense"),
        ("cut",),
        ("nonsense",),
    ],
)
async def test_options_that_cannot_be_used(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, program = await run(tmp_path, *arguments, env=environment())
    assert code == 2
    assert "Usage:" in program.stderr
    assert program.stdout == ""


async def test_a_token_with_which_no_avatar_would_listen(tmp_path: Path) -> None:
    given = jwt.encode({"kind": "standard", "video": {"room": "x"}}, "x" * 32, "HS256")
    variables = {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_TOKEN": given}
    code, program = await run(tmp_path, "play", HELLO, env=environment(None, **variables))
    assert code == 2
    assert_told(program, "standard", "agent", "micstream token")
    assert given not in program.stderr


@pytest.mark.room
@pytest.mark.parametrize("json", [True, False])
@pytest.mark.parametrize("fault", ["unreachable", "secret", "key", "no avatar"])
async def test_rooms_that_cannot_be_played_in(
    server: LocalServer, room_name: str, tmp_path: Path, fault: str, json: bool
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name)
    if fault == "unreachable":
        env["LIVEKIT_URL"] = "ws://127.0.0.1:1"
    elif fault == "secret":
        env["LIVEKIT_API_SECRET"] = "wrong-" * 8
    elif fault == "key":
        env["LIVEKIT_API_KEY"] = "APIunheardof"
    options = ["--json"] if json else []
    code, program = await run(tmp_path, "play", HELLO, "--wait-avatar", "1", *options, env=env)
    assert code == (6 if fault == "no avatar" else 5)
    expected = {
        "unreachable": ("not reached", "LIVEKIT_URL"),
        "secret": ("does not accept the token", "LIVEKIT_API_SECRET"),
        "key": ("does not accept the token", "LIVEKIT_API_KEY"),
        "no avatar": ("avatar-*", room_name, "within 1 s", "--avatar"),
    }[fault]
    assert_told(program, *expected)
    for hidden in ("eyJ", env["LIVEKIT_API_SECRET"]):
        assert hidden not in program.stdout + program.stderr
    if json:
        names = [event["event"] for event in program.events]
        assert names[-2:] == ["error", "bye"], names
        assert names.count("error") == 1
        error = program.named("error")[0]
        assert f"micstream: {error['message']}\n  {error['hint']}\n" == program.stderr
        assert program.events[-1]["faults"] == 1


@pytest.mark.room
@pytest.mark.parametrize("command", ["live", "devices", "doctor"])
async def test_no_portaudio(server: LocalServer, tmp_path: Path, command: str) -> None:
    env = started_with(
        "import ctypes.util\nctypes.util.find_library = lambda name: None\n",
        tmp_path,
        environment(server),
    )
    code, program = await run(tmp_path / "run", command, env=env)
    assert code == 4, program
    assert "PortAudio is not installed" in program.stderr + program.stdout
    assert "libportaudio2" in program.stderr + program.stdout


NOWHERE = {
    "LIVEKIT_URL": "ws://127.0.0.1:9",
    "LIVEKIT_API_KEY": "key",
    "LIVEKIT_API_SECRET": "s" * 40,
}
"""A room that cannot be joined: it is not tried before the microphone is there."""


@pytest.mark.parametrize("options", [(), ("--device", "USB")])
async def test_no_device(tmp_path: Path, options: tuple[str, ...]) -> None:
    env = started_with(NO_DEVICES, tmp_path, environment(None, **NOWHERE))
    code, program = await run(tmp_path / "live", "live", "--json", *options, env=env)
    assert code == 4, program
    assert_told(program, "no microphone")
    assert [event["event"] for event in program.events] == ["error", "bye"]
    assert program.named("error")[0]["code"] == "no_device"


@pytest.mark.parametrize("in_terminal", [False, True])
async def test_the_cause_is_all_that_is_said_of_a_wrong_device(
    tmp_path: Path, in_terminal: bool
) -> None:
    """No keys, no connecting, no summary of nothing around it."""
    keyboard, terminal = pty.openpty()
    stdin = terminal if in_terminal else subprocess.DEVNULL
    command = ("live", "--device", "nowhere to be found", "--plain")
    try:
        env = environment(None, **NOWHERE)
        async with programs.program(tmp_path, *command, env=env, stdin=stdin) as ours:
            assert await ours.ended() == 4
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert ours.stdout == ""
    assert_told(ours)
    assert len(ours.stderr.splitlines()) == 2, "what is wrong, and what to do"


async def test_no_device_is_not_an_error_to_the_list_of_devices(tmp_path: Path) -> None:
    env = started_with(NO_DEVICES, tmp_path, environment())
    code, program = await run(tmp_path / "run", "devices", env=env)
    assert code == 0
    assert "no device with an input" in program.stdout
