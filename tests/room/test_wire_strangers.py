"""Who else is in the room has no say: whatever others send, it is not played, obeyed or kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from livekit import rtc

from micstream import FileSource
from micstream.demo.server import LocalServer
from testbed.program import environment, run
from testbed.rooms import METHODS, joined, wire_avatar
from testbed.speech import HELLO, samples
from testbed.waiting import wait_until
from tests.conftest import SENDER
from tests.support.senders import voice

pytestmark = pytest.mark.room

PAYLOADS = (
    "",
    "ok",
    json.dumps({"playback_position": 1.0, "interrupted": True}),
    json.dumps({"playback_position": 1e308, "interrupted": False}),
    json.dumps({"playback_position": "1", "interrupted": 0, "file": "/etc/passwd"}),
    "\0\u2028\U0001f600" * 1_000,
    "x" * 15_000,  # the longest that the SDK sends
)
TOPICS = ("lk.audio_stream", "lk.agent.session", "lk.transcription", "lk.chat", "", "../../x")


def written(folder: Path) -> list[Path]:
    """What there is in the folder in which we run."""
    return list(folder.iterdir())


async def call_all(who: rtc.Room, answers: set[str]) -> None:
    """Every method that there is or might be, with every payload."""

    async def call(method: str, payload: str) -> None:
        try:
            said = await who.local_participant.perform_rpc(
                destination_identity=SENDER, method=method, payload=payload, response_timeout=30
            )
        except rtc.RpcError as error:
            said = f"error {error.code}"
        answers.add(f"{method}: {said}")

    others = ("mute", "play", "stop", "x" * 64)
    await asyncio.gather(*(call(m, p) for m in (*METHODS, *others) for p in PAYLOADS))


async def send_all(who: rtc.Room) -> None:
    """Streams of bytes and text, and packets, on every topic."""
    me = who.local_participant
    for topic in TOPICS:
        for reliable in (True, False):
            await me.publish_data(b"stop", reliable=reliable, topic=topic)
        attributes = {"sample_rate": "16000", "num_channels": "1"}
        bytes_ = await me.stream_bytes(
            "../../evil.wav", topic=topic, destination_identities=[SENDER], attributes=attributes
        )
        await bytes_.write(samples(HELLO).tobytes())
        await bytes_.aclose()
        text = await me.stream_text(
            topic=topic, destination_identities=[SENDER], attributes=attributes
        )
        await text.write("stop " * 1_000)
        await text.aclose()
        # One that never ends:
        await me.stream_bytes("open", topic=topic, destination_identities=[SENDER])


@pytest.mark.parametrize("kind", ["standard", "agent"])
async def test_whatever_others_send_the_sender_goes_on(
    server: LocalServer, room_name: str, tmp_path: Path, kind: str
) -> None:
    answers: set[str] = set()
    async with (
        wire_avatar(server, room_name, plays=False) as avatar,
        joined(server, room_name, "somebody", kind=kind) as stranger,
        voice(server, room_name) as ours,
    ):
        before = (avatar.clears, len(ours.events))
        async with ours.sender.utterance() as utterance:
            await utterance.write(samples(HELLO).tobytes())
            await call_all(stranger, answers)
            await send_all(stranger)
        # What came after it in the same way has come: so has it.
        await call_all(stranger, answers)
        accepted = {answer for answer in answers if not answer.endswith(("reject", "error 1400"))}
        assert not accepted
        since = {event.EVENT for event in ours.events[before[1] :]}
        assert since <= {"utterance_started", "utterance_ended", "backlog"}
        assert avatar.clears == before[0]
        await wait_until(lambda: avatar.streams and avatar.streams[0].closed, 5, "its end")
        assert [stream.sender for stream in avatar.streams] == [SENDER]
        assert avatar.streams[0].payload == samples(HELLO).tobytes()
        # The avatar's own report still counts, and the next word is heard.
        assert await avatar.report_finished(SENDER, 2.0) == "ok"
        assert (await ours.until("playback_finished")).id == "u1"
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: len(avatar.streams) == 2 and avatar.streams[1].closed, 5, "next")
        assert await avatar.report_finished(SENDER, 2.0) == "ok"
    assert written(tmp_path) == []


async def test_an_avatar_that_is_not_in_use_is_a_stranger_too(
    server: LocalServer, room_name: str
) -> None:
    answers: set[str] = set()
    async with (
        wire_avatar(server, room_name, identity="avatar-a") as avatar,
        wire_avatar(server, room_name, identity="avatar-b") as other,
        voice(server, room_name, avatar=["avatar-a"]) as ours,
    ):
        async with ours.sender.utterance() as utterance:
            await utterance.write(b"\1\0" * 16_000)
        assert other.room is not None
        await call_all(other.room, answers)
        assert {answer.rpartition(": ")[2] for answer in answers} == {"reject", "error 1400"}
        assert not ours.named("playback_started", "playback_finished")
        assert await avatar.report_started(SENDER) == "ok"
        await ours.until("playback_started")
        # Once it has left, its name alone opens nothing to it either.
        await avatar.leave()
        await ours.until("avatar_left", 20)
        told = len(ours.events)
        await call_all(other.room, answers)
        assert {answer.rpartition(": ")[2] for answer in answers} == {"reject", "error 1400"}
        known = {"backlog", "warning"}  # that it left may be told in more than one word
        assert not [event for event in ours.events[told:] if event.EVENT not in known]


async def test_no_payload_of_the_avatar_itself_ends_us(server: LocalServer, room_name: str) -> None:
    async with wire_avatar(server, room_name) as avatar, voice(server, room_name) as ours:
        payloads = (*PAYLOADS, "[1]", '{"playback_position": NaN}', "{" * 9_000)
        for payload in payloads:
            async with ours.sender.utterance() as utterance:
                await utterance.write(b"\1\0" * 16_000)
            assert await avatar.call(SENDER, "lk.playback_started", payload) == "ok"
            assert await avatar.call(SENDER, "lk.playback_finished", payload) in ("ok", "reject")
            assert ours.sender.is_ready
        await wait_until(
            lambda: sum(stream.closed for stream in avatar.streams) == len(payloads), 5, "all"
        )
        assert all(stream.payload == b"\1\0" * 16_000 for stream in avatar.streams)
        for _ in payloads:  # so that leaving has nothing to wait for
            assert await avatar.report_finished(SENDER, 1.0) == "ok"


async def test_no_name_in_the_room_commands_our_terminal(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    name = "avatar-\x1b]0;mine\x07\x1b[2J[/b]"
    env = environment(server, LIVEKIT_ROOM=room_name, MICSTREAM_DEVICE="nowhere")
    async with wire_avatar(server, room_name, identity=name, plays=True):
        for command in (("play", HELLO, "--pace", "fast"), ("doctor",)):
            code, ours = await run(tmp_path, *command, "--plain", env=env, timeout=90)
            assert code == (4 if command[0] == "doctor" else 0), ours
            assert "\x1b" not in ours.stdout + ours.stderr
            assert "avatar-\\x1b]0;mine\\x07\\x1b[2J[/b]" in ours.stdout
