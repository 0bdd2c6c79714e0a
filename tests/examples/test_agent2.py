"""examples/agent2: a real agent brings a real avatar in, which speaks what the sender sends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from livekit import api

from micstream.demo import process
from micstream.demo.server import LocalServer
from testbed.program import environment, program
from testbed.rooms import Bystander, bystander
from testbed.sound import VirtualMicrophone
from testbed.speech import HELLO, SENTENCES
from testbed.waiting import until, wait_until
from tests.conftest import SENDER
from tests.support.avatar_servers import KEY, Avatars

pytestmark = [pytest.mark.room, pytest.mark.slow]

AGENT = Path(__file__).resolve().parents[2] / "examples/agent2/agent.py"
AVATAR = "avatar-demo"
BEHALF = "lk.publish_on_behalf"
AGENT_KIND = api.ParticipantInfo.AGENT


class Agent:
    """The example as a running worker."""

    def __init__(self, running: subprocess.Popen[bytes], log: Path) -> None:
        self.running = running
        self.log = log

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.log.read_text()

    async def end(self) -> int:
        """SIGTERM; its exit code."""
        self.running.send_signal(signal.SIGTERM)
        await wait_until(
            lambda: self.running.poll() is not None, 30, lambda: f"its end\n{self.said}"
        )
        assert self.running.returncode is not None
        return self.running.returncode


@asynccontextmanager
async def agent(folder: Path, env: Mapping[str, str]) -> AsyncIterator[Agent]:
    """Started as its README says, and ready for the next room that is made."""
    log = folder / "agent.log"
    words = [sys.executable, str(AGENT), "start"]
    ours = Agent(process.start(words, environment=env, log=log), log)
    try:
        await wait_until(
            lambda: "registered worker" in ours.said or ours.running.poll() is not None, 60, "it"
        )
        assert ours.running.poll() is None, ours.said
        yield ours
    finally:
        await process.end(ours.running)


def env(server: LocalServer, avatars: Avatars, **more: str) -> dict[str, str]:
    return environment(server, AVALUMA_AVATAR_ID="demo", AGENT2_PORT="0", **avatars.env, **more)


async def people(server: LocalServer, room: str) -> dict[str, api.ParticipantInfo]:
    """Who is in the room, as the server sees it."""
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client:
        found = await client.room.list_participants(api.ListParticipantsRequest(room=room))
    return {each.identity: each for each in found.participants}


async def assert_bound_to_the_sender(server: LocalServer, room: str) -> None:
    """Sender, session and avatar are three participants; the avatar is the sender's."""
    there = await people(server, room)
    (session,) = there.keys() - {AVATAR, SENDER, "viewer"}
    assert session.startswith("agent-")
    assert {there[name].kind for name in (AVATAR, SENDER, session)} == {AGENT_KIND}
    assert there[AVATAR].attributes[BEHALF] == SENDER
    assert not there[session].tracks, "the session keeps its sound to itself"
    assert not there[SENDER].tracks


async def until_spoken(viewer: Bystander, agent: Agent, seconds: float) -> None:
    heard = viewer.heard_seconds() + seconds
    await wait_until(
        lambda: viewer.heard_seconds() > heard, 90, lambda: f"{seconds} s of speech\n{agent.said}"
    )


async def until_taken_out(server: LocalServer, room: str, avatars: Avatars) -> None:
    await wait_until(lambda: not avatars.server.sessions, 15, "the avatar's end")

    async def is_out() -> bool:
        return AVATAR not in await people(server, room)

    await until(is_out, "the avatar to be out of the room", 10)


async def lose_the_avatar(server: LocalServer, room: str) -> None:
    """As one whose program has ended; until it has been brought back."""
    lost = (await people(server, room))[AVATAR].sid
    place = api.RoomParticipantIdentity(room=room, identity=AVATAR)
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client:
        await client.room.remove_participant(place)

    async def is_back() -> bool:
        there = (await people(server, room)).get(AVATAR)
        return there is not None and there.sid != lost

    await until(is_back, "another avatar", 45)


async def test_the_sender_as_a_task_in_the_agent(
    server: LocalServer, room_name: str, avatars: Avatars, tmp_path: Path
) -> None:
    async with (
        agent(tmp_path, env(server, avatars)) as ours,
        bystander(server, room_name, avatar=AVATAR) as viewer,
    ):
        await until_spoken(viewer, ours, 1.0)
        await assert_bound_to_the_sender(server, room_name)
        await until_spoken(viewer, ours, 1.0)  # and again
        await lose_the_avatar(server, room_name)
        await until_spoken(viewer, ours, 1.0)
        await assert_bound_to_the_sender(server, room_name)
        assert await ours.end() == 0, ours.said
        await until_taken_out(server, room_name, avatars)

        async def is_empty() -> bool:
            return (await people(server, room_name)).keys() == {"viewer"}

        await until(is_empty, "nobody but the viewer", 10)
    assert_quiet(ours, server)


@pytest.mark.sound
async def test_the_microphone_as_a_task_in_the_agent(
    server: LocalServer,
    room_name: str,
    avatars: Avatars,
    microphone: VirtualMicrophone,
    tmp_path: Path,
) -> None:
    heard_by = {"AGENT2_SOUND": "microphone", "MICSTREAM_DEVICE": microphone.DEVICE}
    async with (
        agent(tmp_path, microphone.env | env(server, avatars, **heard_by)) as ours,
        bystander(server, room_name, avatar=AVATAR) as viewer,
    ):
        await microphone.heard_by_someone(90)
        async with microphone.speaking(SENTENCES):
            await until_spoken(viewer, ours, 2.0)
        await assert_bound_to_the_sender(server, room_name)
        assert await ours.end() == 0, ours.said
        await until_taken_out(server, room_name, avatars)
    assert_quiet(ours, server)


async def test_the_sender_as_a_program_that_was_there_first_and_an_agent_that_comes_twice(
    server: LocalServer, room_name: str, avatars: Avatars, tmp_path: Path
) -> None:
    here = {"LIVEKIT_ROOM": room_name}
    theirs = env(server, avatars, AGENT2_SOUND="elsewhere", **here)
    options = ("--every", "3", "--wait-avatar", "90", "--json")
    async with (
        bystander(server, room_name, avatar=AVATAR) as viewer,
        program(
            tmp_path / "sender", "play", HELLO, *options, env=environment(server, **here)
        ) as sender,
    ):
        await sender.until("connection", count=2)
        for number in (1, 2):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            async with agent(folder, theirs) as ours:
                await until_spoken(viewer, ours, 1.0)
                await assert_bound_to_the_sender(server, room_name)
                await sender.until("playback_finished", count=2 * number)
                assert await ours.end() == 0, ours.said
            await until_taken_out(server, room_name, avatars)
            await sender.until("avatar_left", count=number)
            assert_quiet(ours, server)
        told = {event["code"] for event in sender.named("warning", "error")}
        assert "second_sender" in told, "the session is of kind agent too"
        sender.send(signal.SIGTERM)
        assert await sender.ended() == 0


async def test_an_avatar_that_cannot_be_had_ends_the_job_and_says_why(
    server: LocalServer, room_name: str, avatars: Avatars, tmp_path: Path
) -> None:
    refused = env(server, avatars) | {"AVALUMA_LICENSE_KEY": "not-the-key"}
    async with (
        agent(tmp_path, refused) as ours,
        bystander(server, room_name, avatar=AVATAR),
    ):
        said = "does not accept the license key"
        await wait_until(lambda: said in ours.said, 60, lambda: f"{said}\n{ours.said}")
        await wait_until(
            lambda: '"reason": "' in ours.said, 30, lambda: f"the job's end\n{ours.said}"
        )
        assert await ours.end() == 0, ours.said
    assert not avatars.server.sessions
    assert_quiet(ours, server)


def assert_quiet(agent: Agent, server: LocalServer) -> None:
    """Nothing crashed, and no secret was told."""
    assert "Traceback" not in agent.said, agent.said
    for secret in (server.api_secret, KEY):
        assert secret not in agent.said
