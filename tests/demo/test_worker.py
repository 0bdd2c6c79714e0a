"""The avatar's picture, as a viewer gets it, and the states that its sender tells."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import numpy.typing as npt
import pytest
from livekit import rtc
from PIL import Image

from micstream.demo import worker
from micstream.demo.face import HEIGHT, WIDTH
from micstream.demo.lips import SHUT, Shape
from micstream.demo.motion import Mood
from micstream.demo.server import LocalServer
from micstream.demo.talker import FPS, TalkingFace
from micstream.demo.worker import BACKGROUND, colour
from micstream.errors import MicstreamError
from testbed.rooms import CLEAR_BUFFER, joined, token
from testbed.waiting import wait_until
from tests.conftest import SENDER, AvatarFactory

AVATAR = "avatar-test"
Pixels = npt.NDArray[np.uint8]


@dataclasses.dataclass
class Seen:
    """The pictures that a viewer gets: how many, and the last one."""

    count: int = 0
    last: Pixels | None = None
    watching: set[asyncio.Task[None]] = dataclasses.field(default_factory=set)

    def prepare(self, room: rtc.Room) -> None:
        room.on("track_subscribed", self._subscribed)

    def _subscribed(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            self.watching.add(asyncio.create_task(self._watch(track)))

    async def _watch(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24)
        async for event in stream:
            frame = event.frame
            assert frame.width * HEIGHT == frame.height * WIDTH
            whole = Image.frombytes("RGB", (frame.width, frame.height), bytes(frame.data))
            self.last = np.asarray(whole.resize((WIDTH, HEIGHT)))  # a short machine sends less
            self.count += 1


@asynccontextmanager
async def watched(server: LocalServer, room: str) -> AsyncIterator[Seen]:
    seen = Seen()
    async with joined(server, room, "viewer", auto_subscribe=True, prepare=seen.prepare):
        try:
            yield seen
        finally:
            for task in seen.watching:
                task.cancel()
            await asyncio.gather(*seen.watching, return_exceptions=True)


async def call(room: rtc.Room, method: str, payload: str = "") -> str:
    """The avatar's answer, as soon as it knows the method."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await room.local_participant.perform_rpc(
                    destination_identity=AVATAR, method=method, payload=payload
                )
            except rtc.RpcError:
                await asyncio.sleep(0.05)


@pytest.mark.room
async def test_its_picture_is_whole_moves_and_can_be_keyed_out(
    server: LocalServer,
    room_name: str,
    avatar: AvatarFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(BACKGROUND, "#00ff00")
    async with (
        watched(server, room_name) as seen,
        joined(server, room_name, SENDER, kind="agent") as sender,
        avatar(room_name),
    ):
        assert await call(sender, CLEAR_BUFFER) == "ok"
        # The encoder begins coarse, and finds the colour as its bitrate grows.
        await wait_until(lambda: seen.count > 10 and _backdrop_is_green(seen.last), 20, "green")
        assert seen.last is not None
        first = seen.last.astype(int)
        assert np.abs(first[300:420, 600:680] - (0, 255, 0)).max(axis=2).mean() > 80
        await wait_until(lambda: _differs(first, seen.last), 10, "another picture")


def _backdrop_is_green(picture: Pixels | None) -> bool:
    if picture is None:
        return False
    backdrop = picture.astype(int)[100:600, 40:160]
    return bool(np.abs(backdrop - (0, 255, 0)).max(axis=2).mean() < 12)


def _differs(one: npt.NDArray[np.int_], other: Pixels | None) -> bool:
    return other is not None and bool(np.abs(one - other.astype(int))[200:500, 400:900].max() > 60)


@pytest.mark.room
async def test_it_heeds_the_states_that_its_sender_tells_and_no_others(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with (
        joined(server, room_name, SENDER, kind="agent") as sender,
        joined(server, room_name, "stranger") as stranger,
        avatar(room_name),
    ):
        for method in ("user_state_changed", "agent_state_changed"):
            assert await call(sender, method, "listening") == "ok"
            assert await call(stranger, method, "speaking") == "reject"


@pytest.mark.room
async def test_a_background_that_is_no_colour_is_told(
    room_name: str, avatar: AvatarFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BACKGROUND, "green")
    with pytest.raises(MicstreamError, match="'green': expected a colour such as #00ff00"):
        async with avatar(room_name):
            pass


def test_a_colour_is_six_hexadecimal_digits_or_nothing() -> None:
    assert colour("") is None
    assert colour("#00fF7f") == (0, 255, 127)
    for wrong in ("00ff00", "#0f0", "#00ff0g", " #00ff00", "#00ff00\n"):
        with pytest.raises(ValueError, match="expected a colour"):
            colour(wrong)


class Told:
    """Stands in for face and performer: notes with what it is asked for a picture."""

    def __init__(self) -> None:
        self.asked: list[tuple[Shape, Mood]] = []
        self.data = bytearray(WIDTH * HEIGHT * 3 // 2)

    def at(self, _: float, sound: Shape, mood: Mood) -> Told:
        self.asked.append((sound, mood))
        return self

    def draw(self, _: Told) -> Told:
        return self


async def test_the_mouth_is_the_sound_that_is_heard_while_the_picture_is_shown() -> None:
    told = Told()
    talker = TalkingFace(16_000, told, told)  # type: ignore[arg-type]
    at = np.arange(1_600) / 16_000
    talker._add((np.sin(2 * np.pi * 700 * at) * 9_000).astype(np.int16))
    for _ in range(5):
        talker._sound(10.0)  # heard from 10.0 to 10.1
    for frame in range(-1, 200):
        talker._picture(10.0 + frame / FPS, frame / FPS)
    opened = [shape.openness > 0 for shape, _ in told.asked[1:]]
    assert opened[:3] == [True] * 3
    assert not any(opened[3:])
    moods = [mood for _, mood in told.asked[1:]]
    assert moods[0] == moods[12] == Mood.SPEAKING
    assert moods[30] == Mood.LISTENING
    assert moods[-1] == Mood.IDLE
    talker.agent = "thinking"
    talker._picture(99.0, 89.0)
    assert told.asked[-1] == (SHUT, Mood.THINKING)


async def test_while_nobody_watches_the_last_picture_is_sent_again() -> None:
    told = Told()
    talker = TalkingFace(16_000, told, told)  # type: ignore[arg-type]
    talker.watched = False
    first = talker._picture(0.0, 0.0)
    assert all(talker._picture(at / FPS, at / FPS) is first for at in range(1, 50))
    assert len(told.asked) == 1
    talker.watched = True
    assert talker._picture(3.0, 3.0) is not first
    assert talker._picture(3.04, 3.04) is not first
    assert len(told.asked) == 3


@pytest.mark.room
@pytest.mark.slow
async def test_it_rests_while_nobody_watches(server: LocalServer, room_name: str) -> None:
    told = Told()
    talker = TalkingFace(worker.RATE, told, told)  # type: ignore[arg-type]
    async with (
        joined(server, room_name, SENDER, kind="agent", prepare=_hear) as sender,
        _performing(server, room_name, talker),
    ):
        assert await call(sender, CLEAR_BUFFER) == "ok"
        await wait_until(lambda: told.asked, 20, "its first picture")
        await wait_until(lambda: not talker.watched, 60, "rest")
        async with watched(server, room_name) as seen:
            await wait_until(lambda: talker.watched, 20, "notice of a viewer")
            before = len(told.asked)
            await wait_until(lambda: len(told.asked) > before, 20, "a picture of its own")
            await wait_until(lambda: seen.count, 20, "a picture at the viewer")
        await wait_until(lambda: not talker.watched, 60, "rest again")


def _hear(room: rtc.Room) -> None:
    """Subscribe to sound alone."""

    def published(publication: rtc.RemoteTrackPublication, _: rtc.RemoteParticipant) -> None:
        if publication.kind == rtc.TrackKind.KIND_AUDIO:
            publication.set_subscribed(True)

    room.on("track_published", published)


@asynccontextmanager
async def _performing(server: LocalServer, name: str, talker: TalkingFace) -> AsyncIterator[None]:
    """The worker's part in a room, in this process."""
    room = rtc.Room()
    options = rtc.RoomOptions(auto_subscribe=False, dynacast=True)
    await room.connect(server.url, token(server, name, AVATAR, kind="agent"), options)
    performing = asyncio.create_task(worker._perform(room, SENDER, talker))
    try:
        yield
    finally:
        performing.cancel()
        await asyncio.gather(performing, return_exceptions=True)
        await room.disconnect()
