"""A viewer in a real room: sound and picture with their times, presence, and everything closed."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import numpy as np
import pytest
from livekit import api, rtc

from micstream.demo.server import LocalServer
from micstream.errors import ConnectionFailed, UsageError
from micstream.settings import load
from micstream.settings.pieces import ConnectionSettings
from micstream.viewer.picture import PictureFrame
from micstream.viewer.recording import SoundRecording
from micstream.viewer.tap import Tap
from micstream.viewer.viewer import viewing
from testbed.pictured import FPS, number_of, pictured
from testbed.rooms import joined
from testbed.waiting import wait_until

pytestmark = pytest.mark.room

AVATAR = "avatar-test"
SIZE = (768, 432)


def settings(server: LocalServer, room: str) -> ConnectionSettings:
    ours = load(url=server.url, api_key=server.api_key, api_secret=server.api_secret, room=room)
    return ours.connection()


def readers() -> list[str]:
    """What reads tracks now."""
    names = (task.get_name() for task in asyncio.all_tasks())
    return [name for name in names if name.startswith("viewer ")]


async def apart_s(tap: Tap[PictureFrame], sound: SoundRecording) -> float:
    """How much later than the next flash its beep arrives."""
    async with asyncio.timeout(30):
        while number_of((frame := await anext(tap)).luma) % FPS:
            pass
        since = frame.arrived_unix - 0.3
        await sound.until(lambda: sound.first_loud_at(since))
    beep = sound.first_loud_at(since)
    assert beep is not None
    return beep - frame.arrived_unix


async def test_sound_and_picture_arrive_in_step_each_with_its_time(
    server: LocalServer, room_name: str
) -> None:
    async with (
        pictured(server, room_name, size=SIZE),
        viewing(settings(server, room_name), "viewer") as viewer,
    ):
        sound, picture = viewer.record_sound(AVATAR), viewer.record_picture(AVATAR)
        async with asyncio.timeout(30):
            await picture.until_frames(1)
            await sound.until_loud(0.0)
            numbers: list[tuple[int, float]] = []
            tap = viewer.watch(AVATAR, capacity=2 * FPS)  # a busy machine takes several at once
            while len(numbers) < 2 * FPS:
                frame = await anext(tap)
                assert abs(frame.arrived_unix - frame.arrived - time.time() + time.monotonic()) < 1
                numbers.append((number_of(frame.luma), frame.arrived_unix))
        assert (frame.width, frame.height) == SIZE == picture.size
        assert [number for number, _ in numbers] == sorted({number for number, _ in numbers})
        assert tap.lost == 0
        # A beep begins with every 25th picture: how far apart do they arrive? On a busy machine
        # one may be late: each second is looked at anew.
        viewer.detach(tap)
        tap = viewer.watch(AVATAR, capacity=2 * FPS)
        for _ in range(10):
            apart = await apart_s(tap, sound)
            if abs(apart) < 0.3:
                break
        assert abs(apart) < 0.3
        starts = np.array([start for start, _ in sound.arrivals])
        assert np.all(np.diff(starts) == sound.RATE // 100)


async def test_only_what_somebody_takes_is_subscribed_to(
    server: LocalServer, room_name: str
) -> None:
    async with (
        pictured(server, room_name, size=SIZE),
        viewing(settings(server, room_name), "viewer") as viewer,
        asyncio.timeout(30),
    ):

        def subscribed() -> set[int]:
            who = viewer.find(AVATAR)
            assert who is not None
            tracks = who.track_publications.values()
            return {track.kind for track in tracks if track.subscribed}

        both = {rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO}
        await viewer.until(lambda: viewer.publishes_picture(AVATAR))
        assert viewer.publishes_sound(AVATAR)
        assert subscribed() == set()
        viewer.subscribe(AVATAR, picture=True)
        first, second = viewer.listen(AVATAR), viewer.listen(AVATAR)
        block = await anext(first)
        assert (block.position, len(block.pcm)) == (0, 320)
        await wait_until(lambda: subscribed() == both, 5, "both")
        assert len(readers()) == 1, "a picture that nobody takes is not read"
        viewer.detach(first)
        assert all([each.pcm async for each in first]), "what is held can be taken, then it ends"
        assert (await anext(second)).pcm
        viewer.detach(second)
        await wait_until(lambda: subscribed() == both - {rtc.TrackKind.KIND_AUDIO}, 5, "one")
        await wait_until(lambda: readers() == [], 5, "nothing is read")
        again = viewer.listen(AVATAR, capacity_s=0.05)
        assert (await anext(again)).position > 0, "one timeline, whoever takes it"
        await wait_until(lambda: again.lost > 3, 5, "nobody takes it")
    assert readers() == []


async def test_it_goes_on_with_one_who_comes_later_and_comes_back(
    server: LocalServer, room_name: str
) -> None:
    async with viewing(settings(server, room_name), "viewer") as viewer, asyncio.timeout(60):
        tap = viewer.listen(AVATAR)
        frames = viewer.record_picture(AVATAR)
        tracks = []
        for turn in range(2):
            async with pictured(server, room_name, size=SIZE):
                await viewer.until(lambda: viewer.find(AVATAR))
                tracks.append((await anext(tap)).track)
                await frames.until_frames(frames.frames + 1)
            await viewer.until(lambda: viewer.find(AVATAR) is None)
            await wait_until(lambda: readers() == [], 5, f"turn {turn}: nothing is read")
            while tap._items:
                await anext(tap)
        assert len(set(tracks)) == 2


async def test_a_room_that_is_lost_for_good_ends_all_waiting(
    server: LocalServer, room_name: str
) -> None:
    ours = settings(server, room_name)
    async with AsyncExitStack() as stack:
        viewer = await stack.enter_async_context(viewing(ours, "viewer"))
        tap = viewer.listen(AVATAR)
        waiting = asyncio.create_task(viewer.until(lambda: viewer.find(AVATAR)))
        url = server.url.replace("ws://", "http://")
        async with api.LiveKitAPI(url, server.api_key, server.api_secret) as admin:
            await admin.room.delete_room(api.DeleteRoomRequest(room=room_name))
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionFailed) as caught:
                await waiting
            with pytest.raises(ConnectionFailed):
                await anext(tap)
        assert caught.value.code == "viewer_lost"


async def test_it_is_seen_as_a_viewer_and_leaves_nothing_behind(
    server: LocalServer, room_name: str
) -> None:
    async with joined(server, room_name, "somebody") as other:
        with pytest.raises(ValueError, match="in the middle"):
            async with viewing(settings(server, room_name), "looker") as viewer:
                viewer.listen(AVATAR)
                await wait_until(lambda: other.remote_participants, 5, "it is seen")
                (seen,) = other.remote_participants.values()
                assert seen.identity.startswith("looker-")
                assert seen.kind == rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
                raise ValueError("in the middle")
        await wait_until(lambda: not other.remote_participants, 5, "it has left")


async def test_without_a_room_it_says_why(room_name: str) -> None:
    nowhere = load(url="ws://127.0.0.1:1", api_key="key", api_secret="s" * 40, room=room_name)
    with pytest.raises(ConnectionFailed):
        async with viewing(nowhere.connection(), "viewer"):
            pass
    with pytest.raises(UsageError):
        async with viewing(load(url="ws://127.0.0.1:1").connection(), "viewer"):
            pass
