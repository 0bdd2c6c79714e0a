"""Where settings come from, and that a secret among them goes nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import jwt
import pytest

from micstream.demo.server import LocalServer
from testbed.program import environment, run
from testbed.rooms import token, wire_avatar
from testbed.speech import HELLO


@pytest.mark.room
async def test_settings_files_in_the_working_directory(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    local = f"LIVEKIT_URL={server.url}\nLIVEKIT_API_SECRET='{server.api_secret}'\n"
    local += f"LIVEKIT_ROOM={room_name}\nMICSTREAM_IDENTITY=from-local\n"
    (tmp_path / ".env.local").write_text(local)
    shared = f"LIVEKIT_API_KEY={server.api_key}\nLIVEKIT_ROOM=not-this\nMICSTREAM_IDENTITY=nor-this"
    (tmp_path / ".env").write_text(shared + "\nMICSTREAM_AVATAR_RATE=8000\n")
    async with wire_avatar(server, room_name, plays=True) as avatar:
        for options, variables, identity in (
            ((), {}, "from-local"),
            ((), {"MICSTREAM_IDENTITY": "from-environment"}, "from-environment"),
            (("-i", "from-option"), {"MICSTREAM_IDENTITY": "from-environment"}, "from-option"),
        ):
            env = environment(None, **variables)
            command = ("play", HELLO, "--pace", "fast", *options)
            code, ours = await run(tmp_path, *command, env=env)
            assert code == 0, ours
            stream = avatar.streams[-1]
            assert stream.sender == identity
            assert stream.info.attributes == {"sample_rate": "8000", "num_channels": "1"}


@pytest.mark.room
@pytest.mark.parametrize("way", ["option", "environment", "file", "token"])
async def test_a_secret_is_in_nothing_that_a_run_leaves_behind(
    server: LocalServer, room_name: str, tmp_path: Path, way: str
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, HOME=str(tmp_path), TMPDIR=str(tmp_path))
    hidden, options = server.api_secret, []
    good = way != "option"  # one of them is wrong, as the SDK logs whole tokens then
    if way == "option":
        hidden = "not-the-right-secret-but-one-all-the-same"
        options = ["--api-secret", hidden]
    elif way == "file":
        del env["LIVEKIT_API_SECRET"]
        (tmp_path / ".env.local").write_text(f"LIVEKIT_API_SECRET={hidden}\n")
    elif way == "token":
        hidden = token(server, room_name, "external-audio-sender", kind="agent")
        env["LIVEKIT_TOKEN"] = hidden
    async with wire_avatar(server, room_name, plays=True):
        shown = ("--verbose", "--json", *options)
        code, ours = await run(tmp_path, "play", HELLO, "--pace", "fast", *shown, env=env)
        assert code == (0 if good else 5), ours
        shown = ("--device", "nowhere", "--through", *shown)
        code, _ = await run(tmp_path / "doctor", "doctor", *shown, env=env)
        assert code == 4
    left = contents(tmp_path)
    assert len(left) >= 6, "both runs' input and output at least"
    for file, content in left.items():
        assert hidden.encode() not in content, file
        assert b"eyJ" not in content, f"a token in {file}"


def contents(folder: Path) -> dict[Path, bytes]:
    """Whatever is in files there, but for the one that we wrote the secret into."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != ".env.local"]
    return {file: file.read_bytes() for file in files}


async def test_a_secret_that_cannot_be_used_is_not_repeated(tmp_path: Path) -> None:
    for variables, words in (
        ({"LIVEKIT_URL": "wss://me:hunter2hunter2@host"}, "carries no user or password"),
        ({"LIVEKIT_URL": "ws://h", "LIVEKIT_TOKEN": "hunter2hunter2"}, "not a JWT"),
    ):
        code, ours = await run(tmp_path, "play", HELLO, env=environment(None, **variables))
        assert code == 2
        assert words in ours.stderr
        assert "hunter2" not in ours.stderr + ours.stdout


@pytest.mark.room
async def test_a_token_of_ours_lets_another_machine_speak(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    options = ("--room", room_name, "--ttl", "0.5", "--json")
    code, minted = await run(tmp_path, "token", *options, env=environment(server))
    assert code == 0
    said = json.loads(minted.stdout)
    claims = jwt.decode(said["token"], server.api_secret, algorithms=["HS256"])
    assert (claims["sub"], claims["kind"]) == ("external-audio-sender", "agent")
    assert claims["exp"] - claims["nbf"] == 1_800
    assert claims["video"]["canPublish"] is False
    env = environment(None, LIVEKIT_URL=server.url, LIVEKIT_TOKEN=said["token"])
    async with wire_avatar(server, room_name, plays=True) as avatar:
        code, ours = await run(tmp_path / "2", "play", HELLO, "--pace", "fast", env=env)
    assert code == 0, ours
    assert len(avatar.streams) == 1

    plain = ("token", "--room", room_name, "--kind", "standard")
    code, watcher = await run(tmp_path / "3", *plain, env=environment(server))
    claims = jwt.decode(watcher.stdout.strip(), server.api_secret, algorithms=["HS256"])
    assert claims.get("kind", "standard") == "standard"
    assert claims["video"]["canPublishData"] is False
