"""`micstream doctor`: each check as it is found in a real room, with a real microphone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from micstream.demo.server import LocalServer
from testbed.program import environment, run
from testbed.rooms import joined, wire_avatar
from testbed.rooms import token as mint_token
from testbed.sound import VirtualMicrophone
from tests.conftest import SENDER, AvatarFactory
from tests.support.senders import voice
from tests.support.signals import made, room

pytestmark = [pytest.mark.room, pytest.mark.sound]

Checks = dict[str, dict[str, Any]]


async def diagnosis(
    folder: Path, *options: str, env: Mapping[str, str]
) -> tuple[int, Checks, list[str]]:
    """Exit code, checks by name, and which of them failed."""
    code, done = await run(folder, "doctor", "--json", *options, env=env)
    assert done.stderr == ""
    said = [json.loads(line) for line in done.stdout.splitlines()]
    checks = {check["name"]: check for check in said}
    assert len(checks) == len(said), "each once"
    for check in said:
        assert set(check) == {"name", "state", "found", "expected", "do"}
        assert check["found"]
        if check["state"] == "failed":
            assert check["expected"]
            assert check["do"]
    return code, checks, [name for name, check in checks.items() if check["state"] == "failed"]


def on_this(microphone: VirtualMicrophone, server: LocalServer) -> dict[str, str]:
    """An environment with the microphone and the server's credentials."""
    ours = environment(server)
    return microphone.env | {k: v for k, v in ours.items() if k.startswith("LIVEKIT_")}


async def test_a_microphone_that_is_muted_and_one_that_is_not(
    server: LocalServer, room_name: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    env = on_this(microphone, server)
    noise = tmp_path / "noise.wav"
    generator = np.random.default_rng(1)
    soundfile.write(noise, generator.normal(0, 0.03, 16_000 * 20), 16_000)
    options = ("--device", microphone.DEVICE, "--room", room_name)
    async with wire_avatar(server, room_name):
        code, checks, failed = await diagnosis(tmp_path / "1", *options, env=env)
        assert (code, failed) == (4, ["sound"])
        assert "only silence" in checks["sound"]["found"]
        assert checks["device"]["state"] == "ok"

        speaking = asyncio.create_task(microphone.speak(noise))
        code, checks, failed = await diagnosis(tmp_path / "2", *options, env=env)
        assert (code, failed) == (0, [])
        assert checks["sound"]["state"] == "ok"
        level, unit = checks["sound"]["found"].split()
        assert unit == "dBFS"
        assert float(level) == pytest.approx(-30, abs=6)  # it begins with some silence
        # A failed microphone does not hide what comes after it.
        code, checks, failed = await diagnosis(
            tmp_path / "3", "--device", "nowhere", "--room", "empty-" + room_name, env=env
        )
        assert (code, failed) == (4, ["device", "avatar"])
        speaking.cancel()
        await asyncio.wait([speaking])


@pytest.mark.parametrize("fault", ["secret", "unreachable", "none", "url"])
async def test_a_server_that_cannot_be_used(
    server: LocalServer, tmp_path: Path, fault: str
) -> None:
    env = environment(server)
    if fault == "secret":
        env["LIVEKIT_API_SECRET"] = "wrong-" * 8
    elif fault == "unreachable":
        env["LIVEKIT_URL"] = "ws://127.0.0.1:1"
    elif fault == "none":
        del env["LIVEKIT_API_SECRET"]
    else:
        del env["LIVEKIT_URL"]
    # Without a device the first failure is the microphone's: the later one is what counts here.
    code, checks, failed = await diagnosis(tmp_path, "--device", "nowhere", env=env)
    last = {"secret": "token", "unreachable": "server"}.get(fault, "credentials")
    assert failed == ["device", last]
    assert list(checks)[-1] == last, "what depends on it is left out"
    assert code == 4, "the first that failed"


async def test_each_of_several_avatars_is_looked_for(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(
        server,
        LIVEKIT_ROOM=room_name,
        MICSTREAM_DEVICE="nowhere",
        MICSTREAM_AVATAR="avatar-a,avatar-b",
    )
    async with wire_avatar(server, room_name, identity="avatar-a"):
        _, checks, failed = await diagnosis(tmp_path, env=env)
    assert failed == ["device", "avatar avatar-b"]
    assert checks["avatar avatar-a"]["state"] == "ok"


async def test_what_is_in_the_room_is_seen_for_what_it_is(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, MICSTREAM_DEVICE="nowhere")
    async with AsyncExitStack() as stack:
        _, checks, failed = await diagnosis(tmp_path / "1", env=env)
        assert failed == ["device", "avatar"]
        assert room_name in checks["avatar"]["found"]
        assert checks["identity"]["state"] == checks["other agents"]["state"] == "ok"

        avatar = await stack.enter_async_context(wire_avatar(server, room_name))
        await stack.enter_async_context(joined(server, room_name, SENDER, kind="agent"))
        await stack.enter_async_context(joined(server, room_name, "helper", kind="agent"))
        await stack.enter_async_context(joined(server, room_name, "viewer"))
        _, checks, failed = await diagnosis(tmp_path / "2", env=env)
        assert failed == ["device"]
        assert checks["avatar"]["found"] == "avatar-wire is active, no picture yet"
        assert checks["identity"]["state"] == "warning"
        assert checks["other agents"]["state"] == "warning"
        assert checks["other agents"]["found"] == "helper"
        assert checks["viewers"]["state"] == "ok"
        assert avatar.calls == []
        assert avatar.streams == []

        await avatar.publish_tracks()
        await stack.enter_async_context(wire_avatar(server, room_name, identity="avatar-b"))
        _, checks, failed = await diagnosis(tmp_path / "3", env=env)
        assert failed == ["device"]
        assert checks["avatar"]["state"] == "warning"
        assert "shows a picture; also here: avatar-b" in checks["avatar"]["found"]


async def test_through_the_stock_avatar_and_away_again(
    server: LocalServer,
    room_name: str,
    avatar: AvatarFactory,
    microphone: VirtualMicrophone,
    tmp_path: Path,
) -> None:
    env = on_this(microphone, server) | {"LIVEKIT_ROOM": room_name, "MICSTREAM_DEVICE": "nowhere"}
    async with avatar(room_name) as worker:
        # Without --through it does not as much as begin: it waits for its sender still.
        _, checks, failed = await diagnosis(tmp_path / "1", env=env)
        assert failed == ["device"]
        assert checks["avatar"]["found"] == "avatar-test is active, no picture yet"
        _, checks, failed = await diagnosis(tmp_path / "2", "--through", env=env)
        assert failed == ["device"]
        assert checks["through"]["state"] == "ok"
        assert worker.alive
        async with voice(server, room_name) as ours:
            async with ours.sender.utterance() as utterance:
                await utterance.write(b"\1\0" * 8_000)
            assert not (await ours.until("playback_finished")).interrupted
        assert worker.alive


async def test_through_an_avatar_that_is_bound_to_another(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, MICSTREAM_DEVICE="nowhere")
    async with wire_avatar(server, room_name, clear_answer="reject"):
        options = ("--through", "--ready-timeout", "1.5")
        _, checks, failed = await diagnosis(tmp_path, *options, env=env)
    assert failed == ["device", "through"]
    assert "bound to another sender" in checks["through"]["found"]


async def test_through_an_avatar_that_answers_and_plays_nothing(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, MICSTREAM_DEVICE="nowhere")
    async with wire_avatar(server, room_name, plays=True) as avatar:
        _, checks, failed = await diagnosis(tmp_path / "1", "--through", env=env)
        assert failed == ["device"], "there is no sound of it to be heard"
        assert avatar.streams == [], "nor is it asked to speak"
        await avatar.publish_tracks()
        _, checks, failed = await diagnosis(tmp_path / "2", "--through", env=env)
    assert failed == ["device", "through"]
    assert checks["through"]["found"] == "avatar-wire answers, and nothing is heard of it"
    assert "start the avatar anew" in checks["through"]["do"]
    assert [stream.closed for stream in avatar.streams] == [True]


async def test_through_each_of_two_avatars(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, MICSTREAM_DEVICE="nowhere")
    async with (
        wire_avatar(server, room_name, identity="avatar-a") as one,
        wire_avatar(server, room_name, identity="avatar-b") as other,
    ):
        _, checks, failed = await diagnosis(tmp_path / "1", "--through", env=env)
        assert failed == ["device"]
        for identity in ("avatar-a", "avatar-b"):
            assert checks[f"through {identity}"]["state"] == "ok", checks
            assert identity in checks[f"through {identity}"]["found"]
        assert one.calls and other.calls
        token = mint_token(server, room_name, SENDER, kind="agent")
        alone = {k: v for k, v in env.items() if not k.startswith("LIVEKIT_API")}
        _, checks, failed = await diagnosis(
            tmp_path / "2", "--through", env=alone | {"LIVEKIT_TOKEN": token}
        )
        assert failed == ["device"]
        assert checks["through"]["state"] in ("ok", "warning")
        left_out = [each for each in checks.values() if each["state"] == "left out"]
        assert any("not asked" in each["found"] for each in left_out)
        assert "lk.clear_buffer" not in str(checks)


async def test_through_two_avatars_of_which_one_is_bound_to_another(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(server, LIVEKIT_ROOM=room_name, MICSTREAM_DEVICE="nowhere")
    options = ("--through", "--ready-timeout", "1.5")
    async with (
        wire_avatar(server, room_name, identity="avatar-a", clear_answer="reject"),
        wire_avatar(server, room_name, identity="avatar-b"),
    ):
        _, checks, failed = await diagnosis(tmp_path / "1", *options, env=env)
        assert failed == ["device"], "one of them will do"
        bound = checks["through avatar-a"]
        assert bound["state"] == "warning"
        assert "bound to another sender" in bound["found"]
        assert "live speaks through avatar-b" in bound["found"]
        assert "start the avatar for our identity" in bound["do"]
        assert checks["through avatar-b"]["state"] == "ok"
        both = {"MICSTREAM_AVATAR": "avatar-a,avatar-b"}
        _, checks, failed = await diagnosis(tmp_path / "2", *options, env=env | both)
        assert failed == ["device", "through avatar-a"], "both are asked for by name"


async def test_an_avatar_that_takes_the_first_agent_is_not_bound_by_a_diagnosis(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    """As a stock receiver without a sender's identity waits: for the first of kind agent."""
    from livekit.agents.utils import wait_for_participant

    env = environment(server, LIVEKIT_ROOM=room_name, MICSTREAM_DEVICE="nowhere")
    async with wire_avatar(server, room_name) as avatar:
        assert avatar.room is not None
        from livekit import rtc

        agent = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        binding = asyncio.create_task(wait_for_participant(avatar.room, kind=agent))
        await diagnosis(tmp_path, env=env)
        assert not binding.done()
        async with voice(server, room_name):
            async with asyncio.timeout(10):
                assert (await binding).identity == SENDER


async def test_for_people(server: LocalServer, room_name: str, tmp_path: Path) -> None:
    options = ("--room", room_name, "--device", "nowhere", "--plain")
    code, done = await run(tmp_path, "doctor", *options, env=environment(server))
    assert code == 4
    lines = done.stdout.splitlines()
    assert lines[-1] == "not ready yet"
    assert any(line.startswith("✗ avatar ") for line in lines)
    assert sum("what to do" in line for line in lines) >= 2


async def test_a_microphone_that_hums_and_clips(
    server: LocalServer, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    bad = made(tmp_path / "bad.wav", 2 * room(-40, 20, hum_db=-3))
    env = on_this(microphone, server) | {"LIVEKIT_URL": "ws://127.0.0.1:1"}
    async with microphone.speaking(bad):
        _, checks, failed = await diagnosis(tmp_path, "--device", microphone.DEVICE, env=env)
    assert failed == ["server"]
    assert checks["sound"]["state"] == checks["hum"]["state"] == "warning"
    assert "clips" in checks["sound"]["found"]
    assert checks["hum"]["found"].startswith("50 Hz at ")
