"""The avatar worker, for real: it plays what it is sent, reports it, and ends when told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from livekit import rtc

from micstream.delivery import wire
from micstream.demo import avatar as avatar_module
from micstream.demo import process
from micstream.demo.server import LocalServer
from micstream.errors import MicstreamError
from micstream.room import calls
from testbed.rooms import CLEAR_BUFFER, FINISHED, STARTED, TOPIC, bystander, joined
from testbed.waiting import wait_until
from tests.conftest import SENDER, AvatarFactory

pytestmark = pytest.mark.room

RATE = 16_000


class Sender:
    """The least that speaks the protocol; `reports` are the payloads of what was played."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.started: list[float] = []
        self.reports: list[dict[str, object]] = []
        room.local_participant.register_rpc_method(STARTED, self._started)
        room.local_participant.register_rpc_method(FINISHED, self._finished)

    async def _started(self, _: rtc.RpcInvocationData) -> str:
        self.started.append(time.time())
        return "ok"

    async def _finished(self, call: rtc.RpcInvocationData) -> str:
        self.reports.append(json.loads(call.payload))
        return "ok"

    async def ready(self, avatar: str) -> None:
        """Until the avatar answers: before that it loses what is sent."""
        async with asyncio.timeout(20):
            while True:
                with suppress(rtc.RpcError):
                    assert await self.clear(avatar) == "ok"
                    return
                await asyncio.sleep(0.05)

    async def clear(self, avatar: str) -> str:
        return await self.room.local_participant.perform_rpc(
            destination_identity=avatar, method=CLEAR_BUFFER, payload=""
        )

    async def say(self, avatar: str, pcm: bytes, *, rate: int = RATE, channels: int = 1) -> None:
        """One segment, written at once."""
        writer = await self.room.local_participant.stream_bytes(
            "AUDIO_00000000",
            topic=TOPIC,
            destination_identities=[avatar],
            attributes={"sample_rate": str(rate), "num_channels": str(channels)},
        )
        await writer.write(pcm)
        await writer.aclose()


@asynccontextmanager
async def sender(server: LocalServer, room: str) -> AsyncIterator[Sender]:
    async with joined(server, room, SENDER, kind="agent", auto_subscribe=True) as participant:
        yield Sender(participant)


def tone(seconds: float, *, rate: int = RATE, channels: int = 1, hertz: float = 440) -> bytes:
    at = np.arange(round(rate * seconds)) / rate
    mono = (np.sin(2 * np.pi * hertz * at) * 12_000).astype(np.int16)
    return np.repeat(mono, channels).tobytes()


async def test_plays_what_it_is_sent_and_reports_it(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with (
        avatar(room_name) as worker,
        bystander(server, room_name) as viewer,
        sender(server, room_name) as voice,
    ):
        await voice.ready("avatar-test")
        await wait_until(lambda: viewer.listening and viewer.shows_picture, 10, "its tracks")
        begun = time.time()
        await voice.say("avatar-test", tone(1.0))
        await wait_until(lambda: voice.reports, 15, "a report")
        assert voice.reports == [
            {
                "playback_position": pytest.approx(1.0, abs=0.01),
                "interrupted": False,
                "synchronized_transcript": None,
            }
        ]
        # Reported when it is heard, not when it is handed on.
        assert time.time() - voice.started[0] > 0.5
        await wait_until(lambda: viewer.silent_for() > 0.3, 10, "silence after it")
        made_up_s = await viewer.made_up_s()
        assert 0.9 < viewer.heard_seconds() < 1.1 + made_up_s, made_up_s
        assert viewer.first_heard_at(begun) is not None
        assert viewer.strays == []
        assert worker.alive


async def test_short_segments_one_after_the_other_are_each_reported(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    lengths = [2.5, 0.05, 0.08, 0.5, 0.1]  # the first is still heard when the last has come
    async with avatar(room_name), sender(server, room_name) as voice:
        await voice.ready("avatar-test")
        for seconds in lengths:
            await voice.say("avatar-test", tone(seconds))
            # Without a pause the stock receiver now and then sees the next stream before the last
            # bytes of this one, and drops them. A call comes after the bytes.
            await calls.call(voice.room, "avatar-test", wire.ARRIVED, timeout_s=10)
            await asyncio.sleep(0.3)
        await wait_until(lambda: len(voice.reports) == len(lengths), 20, "all reports")
        positions = [report["playback_position"] for report in voice.reports]
        assert positions == pytest.approx(lengths, abs=0.01)
        assert len(voice.started) == len(lengths)


@pytest.mark.parametrize(("rate", "channels"), [(24_000, 1), (48_000, 2)])
async def test_other_formats_are_played_at_their_own_speed(
    server: LocalServer, room_name: str, avatar: AvatarFactory, rate: int, channels: int
) -> None:
    async with (
        avatar(room_name),
        bystander(server, room_name) as viewer,
        sender(server, room_name) as voice,
    ):
        await voice.ready("avatar-test")
        await wait_until(lambda: viewer.listening, 10, "its sound")
        pcm = tone(1.0, rate=rate, channels=channels, hertz=1000)
        await voice.say("avatar-test", pcm, rate=rate, channels=channels)
        await wait_until(lambda: voice.reports, 10, "a report")
        assert voice.reports[0]["playback_position"] == pytest.approx(1.0, abs=0.03)
        await wait_until(lambda: viewer.silent_for() > 0.3, 5, "silence after it")
        loud = viewer.sound[np.abs(viewer.sound) > 0]
        spectrum = np.abs(np.fft.rfft(loud))
        assert np.argmax(spectrum) * viewer.RATE / loud.size == pytest.approx(1000, abs=30)


async def test_clearing_stops_it_and_the_next_segment_is_played(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with (
        avatar(room_name) as worker,
        bystander(server, room_name) as viewer,
        sender(server, room_name) as voice,
    ):
        await voice.ready("avatar-test")
        await wait_until(lambda: viewer.listening, 10, "its sound")
        for _ in range(3):
            await voice.say("avatar-test", tone(5.0))
            await asyncio.sleep(0.1)
        await wait_until(lambda: viewer.heard_seconds() > 0.5, 10, "its sound")
        assert await voice.clear("avatar-test") == "ok"
        await wait_until(lambda: viewer.silent_for() > 0.2, 8, "silence, with 14 s still to play")
        await wait_until(lambda: voice.reports, 10, "the report")
        assert voice.reports[0]["interrupted"] is True
        heard = viewer.heard_seconds()
        await voice.say("avatar-test", tone(0.5))
        await wait_until(lambda: len(voice.reports) == 2, 10, "the next report")
        assert voice.reports[1]["interrupted"] is False
        await wait_until(lambda: viewer.heard_seconds() > heard + 0.4, 10, "the next segment")
        assert worker.alive


async def test_the_sender_may_be_there_first(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with sender(server, room_name) as voice, avatar(room_name):
        await voice.ready("avatar-test")
        others = voice.room.remote_participants
        # An answer can come before the room's own word of who has joined.
        await wait_until(lambda: "avatar-test" in others, 5, "the avatar")
        assert others["avatar-test"].attributes == {"lk.publish_on_behalf": SENDER}
        assert others["avatar-test"].kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        await voice.say("avatar-test", tone(0.2))
        await wait_until(lambda: voice.reports, 10, "a report")


async def test_ends_with_zero_on_sigterm_and_with_its_context(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with avatar(room_name) as worker:
        os.kill(worker.pid, signal.SIGTERM)
        await wait_until(lambda: not worker.alive, 15, "its end")
        assert worker.exit_code == 0, worker.output
    async with avatar(room_name) as worker, sender(server, room_name) as voice:
        await voice.ready("avatar-test")
        await process.end(worker._process, grace_s=15)
        assert worker.exit_code == 0, worker.output


async def test_ends_with_one_when_its_receiver_dies(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with avatar(room_name) as worker, sender(server, room_name) as voice:
        await voice.ready("avatar-test")
        writer = await voice.room.local_participant.stream_bytes(
            "AUDIO_00000000", topic=TOPIC, destination_identities=["avatar-test"]
        )
        await writer.aclose()  # without its attributes the stock receiver cannot go on
        await wait_until(lambda: not worker.alive, 10, "its end")
        assert worker.exit_code == 1
        assert "sample_rate or num_channels not found" in worker.reason


async def test_ends_when_it_is_put_out_of_the_room(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with avatar(room_name) as worker:
        async with joined(server, room_name, "avatar-test"):  # throws the first one out
            await wait_until(lambda: not worker.alive, 10, "its end")
        assert worker.exit_code == 1
        assert worker.reason == "the room is gone"


async def test_its_secrets_are_shown_nowhere(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with avatar(room_name) as worker:
        running = psutil.Process(worker.pid)
        shown = " ".join(running.cmdline()) + worker.output + repr(worker)
        shown += str(running.environ())
        assert server.api_secret not in shown
        assert "eyJ" not in shown, "its token comes by standard input"


async def test_a_server_that_is_not_there_is_told(room_name: str) -> None:
    with pytest.raises(MicstreamError, match="cannot join the room") as caught:
        async with avatar_module.local_avatar(
            "ws://127.0.0.1:1", "key", "secret" * 8, room_name, SENDER
        ):
            pass
    assert caught.value.code == "avatar_failed"


async def test_without_the_extra_it_says_what_to_install(
    room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MicstreamError, match="PIL") as caught:
        async with avatar_module.local_avatar(
            "ws://127.0.0.1:1", "key", "secret" * 8, room_name, SENDER
        ):
            pass
    assert caught.value.code == "extra_missing"
    assert caught.value.hint == 'pip install "micstream[demo]"'


async def test_without_its_settings_it_names_them(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "micstream.demo.avatar"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("LIVEKIT_")}
    worker = process.start(command, environment=bare, log=log)
    assert await process.ended(worker) == 2
    assert log.read_text().strip() == "set LIVEKIT_URL, LIVEKIT_TOKEN, MICSTREAM_SENDER"
