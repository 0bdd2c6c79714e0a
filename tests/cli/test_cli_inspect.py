"""`micstream inspect` in real rooms: a sender that does it right, ones that do not, an avatar."""

from __future__ import annotations

from pathlib import Path

import pytest
from livekit import rtc

from micstream.delivery.wire import AUDIO_TOPIC, CLEAR_BUFFER, stream_attributes
from micstream.demo.server import LocalServer
from testbed.program import Program, environment, program, run
from testbed.rooms import joined
from testbed.speech import HELLO, samples
from testbed.waiting import wait_until
from tests.conftest import AvatarFactory

pytestmark = [pytest.mark.room, pytest.mark.slow]

PCM = samples(HELLO).tobytes()


async def ended(ours: Program) -> int:
    """Its exit code, after Ctrl-C."""
    ours.running.terminate()
    return await ours.ended()


async def test_our_own_sender_breaks_nothing_and_is_answered_as_by_a_stock_avatar(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(server)
    options = ("--room", room_name, "--json", "--strict", "--chunks")
    async with program(tmp_path / "inspect", "inspect", *options, env=env) as ours:
        await ours.until("inspecting")
        say = ("play", HELLO, HELLO, "--room", room_name, "--json")
        code, said = await run(tmp_path / "play", *say, env=env)
        assert code == 0, said
        await ours.until("segment_ended", count=2)
        await ours.until("report", count=4)  # told when it is answered: after its sender's own word
        assert await ended(ours) == 0
    assert ours.named("inspecting")[0]["how"] == "avatar"
    assert [each["end"] for each in ours.named("segment_ended")] == ["closed", "closed"]
    assert sum(each["bytes"] for each in ours.named("segment_chunk")) == sum(
        each["bytes"] for each in ours.named("segment_ended")
    )
    first = ours.named("segment_ended")[0]
    assert abs(first["seconds"] - len(PCM) / 32_000) < 0.1
    # A machine that is late with the first chunk or the last is not so twice.
    assert any(0.8 < each["pace"] < 1.2 for each in ours.named("segment_ended"))
    assert CLEAR_BUFFER in [each["method"] for each in ours.named("call")]
    assert {each["answer"] for each in ours.named("report")} == {"ok"}
    reports = [(each["report"], each["segment"]) for each in ours.named("report")]
    assert reports == [("started", "s1"), ("finished", "s1"), ("started", "s2"), ("finished", "s2")]
    # What the machine does to the pace is heard, and breaks nothing.
    assert {each["code"] for each in ours.named("violation")} <= {"gaps"}
    assert ours.events[-1]["event"] == "inspected"
    assert ours.events[-1]["segments"] == 2
    assert [event["id"] for event in said.named("playback_finished")] == ["u1", "u2"]


async def test_what_a_sender_does_wrong_is_told_with_what_to_do(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(server)
    options = ("--room", room_name, "--json", "--strict")
    async with program(tmp_path, "inspect", *options, env=env) as ours:
        await ours.until("inspecting")

        def told_of() -> set[str]:
            return {each["code"] for each in ours.named("violation")}

        async with joined(server, room_name, "clumsy", kind="agent") as room:
            await send(room, PCM, stream_attributes(16_000))
            await send(room, PCM, {})
            await send(room, b"RIFF" + PCM[:32_000], stream_attributes(16_000))
            await wait_until(lambda: "no_handler" in told_of(), 40, lambda: str(told_of()))
            left = await room.local_participant.stream_bytes(
                "AUDIO_1",
                topic=AUDIO_TOPIC,
                destination_identities=["avatar-inspect"],
                attributes=stream_attributes(16_000),
            )
            await left.write(PCM[:32_000])
            await ours.until("segment_opened", count=4)
            await ours.until(
                "participant"
            )  # who leaves before that was never there, for the server
        wrong = {"no_rate", "no_channels", "header", "left_open", "no_handler"}
        await wait_until(lambda: wrong <= told_of(), 20, lambda: str(told_of()))
        assert await ended(ours) == 1, "the protocol was broken, and --strict asks for that"
    told = {each["code"]: each for each in ours.named("violation")}
    assert all(each["breaks"] and each["hint"] for each in told.values() if each["code"] != "gaps")
    assert "too_early" in told, "it never asked whether it was heard"
    assert "two_open" not in told
    assert ours.stderr == ""


async def send(room: rtc.Room, pcm: bytes, attributes: dict[str, str]) -> None:
    writer = await room.local_participant.stream_bytes(
        "AUDIO_1",
        topic=AUDIO_TOPIC,
        destination_identities=["avatar-inspect"],
        attributes=attributes,
    )
    await writer.write(pcm)
    await writer.aclose()


async def test_one_of_kind_standard_is_told_that_no_avatar_hears_it(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    env = environment(server)
    options = ("--room", room_name, "--plain", "--quiet")
    async with program(tmp_path, "inspect", *options, env=env) as ours:
        await until_joined(server, room_name)
        async with joined(server, room_name, "page", kind="standard") as room:
            await send(room, PCM, stream_attributes(16_000))
            await wait_until(lambda: "wrong_kind" in ours.stdout, 20, "a word of its kind")
        assert await ended(ours) == 0
    assert "participants of kind agent" in ours.stdout
    assert "opened by" not in ours.stdout, "--quiet tells of trouble alone"
    assert "breaks the protocol: " in ours.stdout.splitlines()[-1]


async def until_joined(server: LocalServer, room_name: str) -> None:
    async with joined(server, room_name, "looks") as room:
        await wait_until(lambda: "avatar-inspect" in room.remote_participants, 20, "it to join")


async def test_beside_an_avatar_it_watches_and_takes_nothing_of_it(
    server: LocalServer, room_name: str, avatar: AvatarFactory, tmp_path: Path
) -> None:
    env = environment(server)
    async with avatar(room_name) as worker:
        options = ("--room", room_name, "--json")
        async with program(tmp_path / "inspect", "inspect", *options, env=env) as ours:
            await ours.until("inspecting")
            assert ours.named("inspecting")[0]["how"] == "beside"
            say = ("play", HELLO, "--room", room_name, "--json")
            code, said = await run(tmp_path / "play", *say, env=env)
            assert code == 0, said
            await ours.until("heard", count=2)
            assert await ended(ours) == 0
        assert worker.alive
    heard = [each for each in ours.named("heard") if each["identity"] == "avatar-test"]
    assert [each["state"] for each in heard][:1] == ["sound"]
    assert heard[-1]["state"] == "silence"
    assert {"sound", "picture"} <= {each["track"] for each in ours.named("track")}
    assert ours.named("segment_opened", "call") == [], "these go to the avatar alone"


async def test_a_room_that_is_not_to_be_had_is_told(tmp_path: Path) -> None:
    code, none = await run(tmp_path / "1", "inspect", "--room", "show", env=environment(None))
    assert code == 2
    assert "LIVEKIT_URL" in none.stderr
    env = environment(None) | {
        "LIVEKIT_URL": "ws://127.0.0.1:1",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "a-secret-that-is-long-enough-for-it",
    }
    code, none = await run(tmp_path / "2", "inspect", "--room", "show", env=env)
    assert code == 5
    assert "was not reached" in none.stderr
    assert "a-secret-that" not in none.stdout + none.stderr
