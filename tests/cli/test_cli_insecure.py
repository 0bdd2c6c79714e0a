"""Every command that connects keeps its token from the internet's ears, or says that it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from livekit import api

from micstream import Sender, UsageError
from micstream.demo.server import LocalServer
from micstream.room import address
from micstream.room.address import Reach
from testbed.program import NO_DEVICES, environment, run, started_with
from testbed.rooms import wire_avatar
from testbed.speech import HELLO
from tests.conftest import SENDER
from tests.support.senders import voice

PUBLIC = "ws://livekit.example.org"
CREDENTIALS = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 40}


@pytest.mark.parametrize(
    "command",
    [("live",), ("play", str(HELLO)), ("pipe",), ("demo", "--play", "--url", PUBLIC)],
    ids=lambda c: c[0],
)
async def test_plain_to_a_public_host_is_refused(tmp_path: Path, command: tuple[str, ...]) -> None:
    env = started_with(NO_DEVICES, tmp_path, environment(None, LIVEKIT_URL=PUBLIC, **CREDENTIALS))
    code, ours = await run(tmp_path / "run", *command, "--json", env=env, stdin=b"\1\0")
    assert code == 2, ours
    assert ours.named("error")[-1]["code"] == "insecure_url"
    assert PUBLIC in ours.stderr
    assert "--insecure" in ours.stderr


async def test_it_is_refused_from_python_too() -> None:
    settings = {"url": PUBLIC, "api_key": "key", "api_secret": "s" * 40}
    with pytest.raises(UsageError) as refused:
        async with Sender(**settings):
            pass
    assert refused.value.code == "insecure_url"


@pytest.mark.parametrize(
    ("url", "secret", "expected"),
    [
        (PUBLIC, "s" * 40, {"credentials": "failed"}),
        ("wss://127.0.0.1:1", "s" * 40, {"encryption": "ok"}),
        ("ws://127.0.0.1:1", "secret", {"encryption": "ok"}),
        ("ws://stage.local:1", "secret", {"encryption": "warning", "key": "warning"}),
    ],
)
async def test_the_doctor_looks_at_it(
    tmp_path: Path, url: str, secret: str, expected: dict[str, str]
) -> None:
    variables = {"LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": secret}
    env = started_with(NO_DEVICES, tmp_path, environment(None, LIVEKIT_URL=url, **variables))
    _, ours = await run(tmp_path / "run", "doctor", "--json", env=env)
    checks = {check["name"]: check for check in map(json.loads, ours.stdout.splitlines())}
    found = {name: checks[name]["state"] for name in checks if name not in ("device", "server")}
    found = {name: state for name, state in found.items() if name != "PortAudio"}
    assert found == {"credentials": "ok", **expected}
    for name, state in expected.items():
        assert state == "ok" or checks[name]["do"], "what to do"


@pytest.mark.room
async def test_a_private_network_is_warned_of_and_used(
    server: LocalServer, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "reach", lambda _: Reach.NEAR)  # as the tests' own is loopback
    async with wire_avatar(server, room_name), voice(server, room_name, stay=True) as ours:
        warning = await ours.until("warning")
        assert warning.code == "plain_ws"
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as admin:
            who = api.RoomParticipantIdentity(room=room_name, identity=SENDER)
            await admin.room.remove_participant(who)
        await ours.until("ready", 20, count=2)
        codes = [event.code for event in ours.named("warning")]
        assert codes == ["plain_ws", "removed"], "each once"
