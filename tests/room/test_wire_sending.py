"""Every row of the protocol's sending table, as it is received."""

from __future__ import annotations

import asyncio
import logging
import re
import statistics
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
import soxr
from livekit import api, rtc

from micstream import FileSource, UsageError
from micstream.demo.server import LocalServer
from micstream.listening import Listening
from testbed.rooms import TOPIC, WireAvatar, bystander, wire_avatar
from testbed.speech import HELLO, samples
from testbed.waiting import wait_until
from tests.conftest import SENDER
from tests.support.senders import voice

pytestmark = pytest.mark.room

LENGTH_S = samples(HELLO).size / 16_000


def closed(avatar: WireAvatar) -> int:
    """How many streams it got to their end."""
    return sum(stream.closed for stream in avatar.streams)


@pytest.fixture
def on_the_wire(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Openings and ends of audio streams in the order in which they are sent.

    Whoever receives them is told of each by a task of its own.
    """
    sent: list[str] = []
    open_, close = rtc.LocalParticipant.stream_bytes, rtc.ByteStreamWriter.aclose

    async def opening(
        me: rtc.LocalParticipant, *arguments: Any, **more: Any
    ) -> rtc.ByteStreamWriter:
        if more["topic"] == TOPIC:
            sent.append("opened")
        return await open_(me, *arguments, **more)

    async def closing(writer: rtc.ByteStreamWriter, *arguments: Any, **more: Any) -> None:
        await close(writer, *arguments, **more)
        if writer.info.topic == TOPIC:
            sent.append("closed")

    monkeypatch.setattr(rtc.LocalParticipant, "stream_bytes", opening)
    monkeypatch.setattr(rtc.ByteStreamWriter, "aclose", closing)
    return sent


@pytest.mark.parametrize("mode", ["live", "utterance"])
async def test_the_sending_table(
    server: LocalServer, room_name: str, on_the_wire: list[str], mode: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        bystander(server, room_name, avatar="avatar-wire") as viewer,
        voice(server, room_name, mode=mode) as ours,
    ):
        # A byte stream on the topic for which there is a handler that does nothing.
        assert avatar.room is not None
        session = await avatar.room.local_participant.stream_bytes(
            "session", topic="lk.agent.session", destination_identities=[SENDER]
        )
        await session.write(b"x" * 40_000)
        await session.aclose()
        for _ in range(2):
            await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: sum(s.closed for s in avatar.streams) == 2, 5, "both closed")

        spoken = samples(HELLO).tobytes()
        for stream in avatar.streams:
            assert stream.info.topic == "lk.audio_stream"
            assert re.fullmatch(r"AUDIO_[0-9a-f]{8}", stream.info.name)
            assert stream.info.attributes == {"sample_rate": "16000", "num_channels": "1"}
            assert stream.sender == SENDER
            assert stream.payload == spoken, "raw PCM: the file's own samples, no header"
        first, second = avatar.streams
        assert first.info.name != second.info.name
        assert on_the_wire == ["opened", "closed"] * 2, "never two at once"
        ended = ours.named("utterance_ended")
        assert [event.bytes for event in ended] == [len(spoken)] * 2
        assert [event.id for event in ended] == ["u1", "u2"]
    assert viewer.strays == [], "only the avatar is addressed"
    assert {method for method, _, _ in avatar.calls} == {"lk.clear_buffer"}
    assert {caller for _, _, caller in avatar.calls} == {SENDER}


async def test_a_report_that_is_quicker_than_the_write_it_is_of(
    server: LocalServer, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = rtc.ByteStreamWriter.write
    reported = asyncio.Event()

    async def held_up(writer: rtc.ByteStreamWriter, data: bytes) -> None:
        await write(writer, data)
        await reported.wait()  # as on a machine that has much else to do

    monkeypatch.setattr(rtc.ByteStreamWriter, "write", held_up)
    async with (
        wire_avatar(server, room_name) as avatar,
        voice(server, room_name) as ours,
    ):
        speaking = asyncio.create_task(ours.sender.speak(FileSource(HELLO, pace="fast")))
        await wait_until(lambda: avatar.streams and avatar.streams[0].payload, 5, "the first write")
        await avatar.report_started(SENDER)
        reported.set()
        await speaking
        assert [event.id for event in ours.named("playback_started")] == ["u1"]
        await avatar.report_finished(SENDER, 1.0)


async def test_the_sender_is_an_agent_with_the_least_grants(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name),
        api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client,
    ):
        here = avatar.room
        assert here is not None
        await wait_until(lambda: SENDER in here.remote_participants, 10, "the sender to be seen")
        seen = here.remote_participants[SENDER]
        assert seen.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        asked = api.RoomParticipantIdentity(room=room_name, identity=SENDER)
        permission = (await client.room.get_participant(asked)).permission
        assert not permission.can_publish
        assert permission.can_publish_data
        assert permission.can_subscribe
        assert not permission.can_update_metadata


async def test_what_the_avatar_streams_to_a_session_is_taken_in_silence(
    server: LocalServer, room_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        assert avatar.room is not None
        with caplog.at_level(logging.INFO):
            for topic in ("lk.agent.session", "unheard.of"):
                stream = await avatar.room.local_participant.stream_bytes(
                    "x", topic=topic, destination_identities=[SENDER]
                )
                await stream.write(b"x")
                await stream.aclose()
            await wait_until(lambda: "unheard.of" in caplog.text, 5, "the SDK's complaint")
        assert "lk.agent.session" not in caplog.text
        assert ours.sender.is_ready


@pytest.mark.parametrize(("lead_ms", "chunk_ms"), [(100, 100), (100, 50), (240, 20)])
async def test_lead_and_chunks_are_as_long_as_they_are_set(
    server: LocalServer, room_name: str, lead_ms: int, chunk_ms: int
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name, lead_ms=lead_ms, chunk_ms=chunk_ms) as ours,
    ):
        for number in range(1, 5):  # what a busy machine was in the way of is said again
            await ours.sender.speak(FileSource(HELLO))
            await wait_until(lambda n=number: closed(avatar) == n, 5, "its end")  # type: ignore[misc]
            stream = avatar.streams[-1]
            assert stream.closed_at is not None
            took = stream.closed_at - stream.opened_at
            if abs(took - LENGTH_S + lead_ms / 1000) < 0.3:
                break
        sizes = [len(chunk) // 32 for chunk in stream.chunks]  # milliseconds
        assert lead_ms <= sizes[0] < lead_ms + 40
        assert ours.named("utterance_started")[-1].lead_ms == sizes[0]
        grid = list(accumulate(len(chunk) for chunk in stream.chunks))
        assert all(end % (32 * chunk_ms) == 0 for end in grid[1:-1]), grid
        assert statistics.median(sizes[1:-1]) == chunk_ms, "as it is spoken"
        assert took == pytest.approx(sum(sizes) / 1000 - lead_ms / 1000, abs=0.3)


async def test_a_collected_utterance_goes_out_at_once(server: LocalServer, room_name: str) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name, mode="utterance") as ours,
    ):
        for number in range(1, 5):  # as above
            await ours.sender.speak(FileSource(HELLO))
            await wait_until(lambda n=number: closed(avatar) == n, 5, "its end")  # type: ignore[misc]
            stream = avatar.streams[-1]
            assert stream.closed_at is not None
            took = stream.closed_at - stream.opened_at
            if took < 0.5:
                break
        assert took < 0.5
        assert ours.named("utterance_started")[0].lead_ms == len(stream.payload) // 32


async def test_an_avatar_of_24_khz(server: LocalServer, room_name: str) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name, avatar_rate=24_000) as ours,
    ):
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: avatar.streams and avatar.streams[0].closed, 5, "its end")
        stream = avatar.streams[0]
        assert stream.info.attributes == {"sample_rate": "24000", "num_channels": "1"}
        heard = np.frombuffer(stream.payload, dtype=np.int16)
        spoken = samples(HELLO)
        assert heard.size == pytest.approx(spoken.size * 1.5, abs=24)
        back = soxr.resample(heard, 24_000, 16_000)[: spoken.size]
        assert np.corrcoef(back, spoken[: back.size])[0, 1] > 0.98


async def test_pcm_of_other_rates_is_resampled_for_the_avatar(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        async with ours.sender.utterance(rate=48_000) as utterance:
            for _ in range(10):
                await utterance.write(b"\1\0" * 4_801)
        await wait_until(lambda: avatar.streams and avatar.streams[0].closed, 5, "its end")
        assert avatar.streams[0].info.attributes == {"sample_rate": "16000", "num_channels": "1"}
        assert len(avatar.streams[0].payload) == pytest.approx(32_000, abs=64)


async def test_two_at_once_are_two_after_each_other(server: LocalServer, room_name: str) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):

        async def say(byte: bytes) -> None:
            async with ours.sender.utterance() as utterance:
                for _ in range(20):
                    await utterance.write(byte * 1_600)
                    await asyncio.sleep(0)

        await asyncio.gather(say(b"\1"), say(b"\2"))
        await wait_until(lambda: sum(s.closed for s in avatar.streams) == 2, 5, "both closed")
        assert [stream.payload for stream in avatar.streams] == [b"\1" * 32_000, b"\2" * 32_000]


async def test_a_block_that_fails_still_closes_its_stream(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        with pytest.raises(ZeroDivisionError):
            async with ours.sender.utterance() as utterance:
                await utterance.write(b"\1" * 6_400)
                raise ZeroDivisionError
        await wait_until(lambda: avatar.streams and avatar.streams[0].closed, 5, "its end")
        assert avatar.streams[0].payload == b"\1" * 6_400
        await ours.until("utterance_ended")


async def test_reports_are_taken_from_the_avatar_alone(server: LocalServer, room_name: str) -> None:
    async with (
        wire_avatar(server, room_name) as avatar,
        wire_avatar(server, room_name, identity="somebody") as stranger,
        voice(server, room_name) as ours,
    ):
        async with ours.sender.utterance() as utterance:
            await utterance.write(b"\1" * 32_000)
        assert await stranger.report_started(SENDER) == "reject"
        assert await stranger.report_finished(SENDER, 1.0) == "reject"
        assert await avatar.report_started(SENDER) == "ok"
        for nonsense in ("", "[]", '{"playback_position": "x"}', "{" * 9_000):
            assert await avatar.call(SENDER, "lk.playback_finished", nonsense) == "reject"
        assert not ours.named("playback_finished")
        said = await avatar.report_finished(SENDER, 1.0, synchronized_transcript=None, new=[1])
        assert said == "ok"
        assert [event.id for event in ours.named("playback_started")] == ["u1"]
        (finished,) = ours.named("playback_finished")
        assert (finished.id, finished.position_s, finished.interrupted) == ("u1", 1.0, False)


async def test_an_interrupt_closes_the_stream_then_clears(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        before = avatar.clears
        speaking = asyncio.create_task(ours.sender.speak(FileSource(HELLO)))
        await ours.until("utterance_started")
        await ours.sender.interrupt()
        assert avatar.clears > before
        await wait_until(lambda: avatar.streams[0].closed, 5, "its end")
        assert ours.named("utterance_ended")[0].reason == "interrupt"
        await speaking
        assert len(avatar.streams) == 1, "nothing more of it is sent"
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: len(avatar.streams) == 2 and avatar.streams[1].closed, 5, "next")
        assert avatar.streams[1].payload == samples(HELLO).tobytes()


async def test_a_rate_that_is_none_holds_up_nothing(server: LocalServer, room_name: str) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        with pytest.raises(ValueError, match="rate"):
            async with ours.sender.utterance(rate=0):
                pass
        async with asyncio.timeout(10):
            await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: avatar.streams and avatar.streams[0].closed, 5, "its end")
        assert avatar.streams[0].payload == samples(HELLO).tobytes()


async def test_sources_are_spoken_one_after_the_other(server: LocalServer, room_name: str) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        async with asyncio.timeout(20):
            await asyncio.gather(
                *(ours.sender.speak(FileSource(HELLO, pace="fast")) for _ in range(3))
            )
        await wait_until(lambda: sum(s.closed for s in avatar.streams) == 3, 5, "three")
        assert [s.payload for s in avatar.streams] == [samples(HELLO).tobytes()] * 3


async def test_nothing_else_is_spoken_while_the_microphone_is_listened_to(
    server: LocalServer, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody_speaks(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Listening, "run", nobody_speaks)
    async with wire_avatar(server, room_name), voice(server, room_name) as ours:
        listening = asyncio.create_task(ours.sender.listen())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for other in (ours.sender.speak(FileSource(HELLO)), ours.sender.listen()):
            with pytest.raises(UsageError, match="listened to"):
                await other
        listening.cancel()
        await asyncio.wait([listening])
        await ours.sender.speak(FileSource(HELLO, pace="fast"))


async def test_whoever_leaves_and_is_cancelled_leaves_in_order(
    server: LocalServer, room_name: str
) -> None:
    """As by Ctrl-C in a program of one's own, while the rest of a file still plays."""
    async with wire_avatar(server, room_name, plays=True) as avatar:
        left = asyncio.Event()

        async def program() -> None:
            async with voice(server, room_name) as ours:
                await ours.sender.speak(FileSource(HELLO, pace="fast"))
                await ours.until("playback_finished")
                avatar.plays = False
                await ours.sender.speak(FileSource(HELLO, pace="fast"))
                left.set()

        running = asyncio.create_task(program())
        await left.wait()
        before = avatar.clears
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert avatar.clears == before + 1, "it was told to drop what it has"
        assert all(stream.closed for stream in avatar.streams)
