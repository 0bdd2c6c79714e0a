"""With livekit-agents' own avatar worker, as its viewer hears it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from micstream import FileSource
from micstream.demo.server import LocalServer
from testbed.rooms import bystander, joined
from testbed.speech import HELLO, SENTENCES, samples
from testbed.waiting import wait_until
from tests.conftest import AvatarFactory
from tests.support.senders import Voice, voice

pytestmark = pytest.mark.room

LENGTH_S = samples(HELLO).size / 16_000


@pytest.mark.parametrize("first", ["avatar", "sender", "both"])
async def test_the_very_first_utterance_is_heard(
    server: LocalServer, room_name: str, avatar: AvatarFactory, first: str
) -> None:
    async with bystander(server, room_name) as viewer, AsyncExitStack() as stack:
        ours = voice(server, room_name, ready=False)
        if first == "avatar":
            await stack.enter_async_context(avatar(room_name))
            speaking = await stack.enter_async_context(ours)
        elif first == "sender":
            speaking = await stack.enter_async_context(ours)
            await stack.enter_async_context(avatar(room_name))
        else:
            speaking, _ = await asyncio.gather(
                stack.enter_async_context(ours), stack.enter_async_context(avatar(room_name))
            )
        await speaking.sender.wait_ready(20)
        await speaking.sender.speak(FileSource(HELLO))
        await speaking.until("playback_finished")
        assert_played(speaking, 1)
        assert speaking.named("avatar_ready")[0].how == "probe"
        # Its pauses are silence, and a viewer may be subscribed a moment late; it hears it later
        # than it is reported.
        await wait_until(lambda: viewer.heard_seconds() > 0.5 * LENGTH_S, 15, "it")
        await wait_until(lambda: viewer.silent_for() > 0.3, 15, "silence after it")
        await heard_soon(speaking)
        assert viewer.strays == []


async def test_the_avatar_leaves_and_comes_back(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with bystander(server, room_name) as viewer, voice(server, room_name, ready=False) as we:
        async with avatar(room_name):
            await we.until("ready", 60)
            await we.sender.speak(FileSource(HELLO))
            await we.until("playback_finished")
        await we.until("avatar_left")
        assert not we.sender.is_ready
        await we.sender.speak(FileSource(HELLO, pace="fast"))
        assert sum(event.seconds for event in we.named("dropped")) == pytest.approx(LENGTH_S)
        before = viewer.heard_seconds()
        async with avatar(room_name) as worker:
            await we.until("ready", 60, count=2)
            await we.sender.speak(FileSource(HELLO))
            await we.until("playback_finished", count=2)
            assert_played(we, 2)
            await wait_until(lambda: viewer.heard_seconds() - before > 0.5 * LENGTH_S, 15, "sound")
            assert worker.alive


async def test_one_that_is_bound_to_another_sender_is_told_at_once(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with (
        joined(server, room_name, "another", kind="agent", auto_subscribe=True),
        avatar(room_name, sender="another") as worker,
        voice(server, room_name, ready=False) as ours,
    ):
        await ours.until("warning", 8, count=2)
        # One may be seen before the other.
        assert {each.code for each in ours.named("warning")} == {"second_sender", "avatar_bound"}
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        assert sum(event.seconds for event in ours.named("dropped")) == pytest.approx(LENGTH_S)
        assert not ours.named("utterance_started", "ready")
        assert worker.alive


async def test_it_plays_with_no_viewer_but_us_and_stops_when_it_is_told_to(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with (
        avatar(room_name) as worker,
        voice(server, room_name, max_backlog=60) as ours,
    ):
        await ours.sender.speak(FileSource(HELLO))
        await ours.until("playback_finished")
        assert_played(ours, 1)
        async with bystander(server, room_name) as viewer:
            long = asyncio.create_task(ours.sender.speak(FileSource(SENTENCES, pace="fast")))
            await long  # half a minute, taken in by the avatar before it is heard
            assert ours.sender.backlog > 25
            await wait_until(lambda: viewer.heard_seconds() > 0.5, 10, "it")
            await ours.sender.interrupt()
            stopped = await ours.until("playback_finished", count=2)
            assert stopped.interrupted
            assert stopped.position_s < 20
            assert ours.sender.backlog < 0.5
            await wait_until(lambda: viewer.silent_for() > 0.5, 8, "silence")
            await ours.sender.speak(FileSource(HELLO))
            last = await ours.until("playback_finished", count=3)
            assert (last.id, last.interrupted) == ("u3", False)
            assert last.position_s == pytest.approx(LENGTH_S, abs=0.05)
        assert worker.alive


def assert_played(ours: Voice, count: int) -> None:
    """So many utterances, and all that was sent of them, are reported as heard."""
    ids = [f"u{number}" for number in range(1, count + 1)]
    assert [event.id for event in ours.named("playback_started")] == ids
    finished = ours.named("playback_finished")
    assert [event.id for event in finished] == ids
    assert not any(event.interrupted for event in finished)
    assert [event.position_s for event in finished] == pytest.approx([LENGTH_S] * count, abs=0.05)


async def heard_soon(ours: Voice) -> None:
    """It is heard within a second. What is late on a busy machine is late: said again then."""
    for _ in range(3):
        if ours.named("playback_started")[-1].delay_ms < 1_000:
            break
        told = len(ours.named("playback_finished"))
        await ours.sender.speak(FileSource(HELLO))
        await ours.until("playback_finished", count=told + 1)
    assert ours.named("playback_started")[-1].delay_ms < 1_000
