"""Several avatars: one microphone to all of them or to one, each with a way of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from micstream import AvatarUnavailable, FileSource, Sender, UsageError
from micstream.demo.server import LocalServer
from micstream.speech.events import End, EndReason, Onset, Speech
from testbed.rooms import WireAvatar, bystander, wire_avatar
from testbed.speech import HELLO, SENTENCES, samples
from testbed.waiting import stays, wait_until
from tests.conftest import AvatarFactory
from tests.support.senders import Voice, voice

pytestmark = pytest.mark.room

BOTH = ["avatar-a", "avatar-b"]
SAID = samples(HELLO).tobytes()
END = End(3_200, 3_200, 3_200, 3_200, True, EndReason.SILENCE)


async def heard(avatar: WireAvatar, streams: int = 1) -> list[bytes]:
    """What it got, once so many streams are closed."""
    await wait_until(
        lambda: sum(stream.closed for stream in avatar.streams) >= streams, 10, avatar.identity
    )
    return [stream.payload for stream in avatar.streams]


@asynccontextmanager
async def two(
    server: LocalServer, room: str, *, plays: bool = True, **changes: Any
) -> AsyncIterator[tuple[WireAvatar, WireAvatar, Voice]]:
    """Two avatars, and who speaks through both."""
    async with (
        wire_avatar(server, room, identity="avatar-a", plays=plays) as a,
        wire_avatar(server, room, identity="avatar-b", plays=plays) as b,
        voice(server, room, avatar=BOTH, **changes) as ours,
    ):
        yield a, b, ours


async def test_what_is_said_is_said_by_all(server: LocalServer, room_name: str) -> None:
    async with two(server, room_name) as (a, b, ours):
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        assert await heard(a) == await heard(b) == [SAID]
        for name in ("utterance_started", "utterance_ended", "playback_finished"):
            await ours.until(name, count=2)
            assert sorted(event.avatar for event in ours.named(name)) == BOTH
        ids = {event.id for event in ours.named("utterance_started", "playback_finished")}
        assert len(ids) == 2, "a segment each"
        assert ours.named("dropped", "warning") == []


async def test_the_route_leads_to_one_and_then_to_the_other(
    server: LocalServer, room_name: str
) -> None:
    async with two(server, room_name, route=2) as (a, b, ours):
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        assert (await heard(b), a.streams) == ([SAID], [])
        ours.sender.route(1)
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        assert await heard(a) == [SAID]
        ours.sender.route(0)
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        assert (await heard(a, 2), await heard(b, 2)) == ([SAID] * 2, [SAID] * 2)
        for name in ("route", "voice"):
            had = [event.avatars for event in ours.named(name)]
            assert had == [("avatar-b",), ("avatar-a",), ("avatar-a", "avatar-b")]
        with pytest.raises(ValueError, match="avatars: 2; there is no 3"):
            ours.sender.route(3)


def test_a_route_to_one_that_is_not_meant_is_refused() -> None:
    with pytest.raises(UsageError, match="--route 3: avatars: 2") as refused:
        Sender(avatar=BOTH, route=3)
    assert "0 (all of them) to 2" in refused.value.hint


async def test_whoever_got_the_onset_gets_all_of_the_utterance(
    server: LocalServer, room_name: str
) -> None:
    """A source that cannot be cut where the route changes goes on to its end."""
    async with two(server, room_name, route=1) as (a, b, ours):
        fan_out = ours.sender._session._fan_out
        fan_out.put(Onset(0, 0, 0), 0.0)
        fan_out.put(Speech(0, SAID[:6_400]), 0.0)
        ours.sender.route(2)
        fan_out.put(Speech(3_200, SAID[6_400:12_800]), 0.0)
        fan_out.put(End(6_400, 6_400, 6_400, 6_400, True, EndReason.SILENCE), 0.0)
        assert await heard(a) == [SAID[:12_800]]
        assert b.streams == []


async def test_one_that_is_not_there_holds_up_no_other(server: LocalServer, room_name: str) -> None:
    async with (
        wire_avatar(server, room_name, identity="avatar-a", plays=True) as a,
        voice(server, room_name, ready=False, avatar=BOTH, wait_avatar=600) as ours,
    ):
        await ours.until("avatar_ready")
        with pytest.raises(AvatarUnavailable, match="avatar-b"):
            await ours.sender.wait_ready(0.1)
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        assert await heard(a) == [SAID]
        missed = ours.named("dropped")
        assert {event.avatar for event in missed} == {"avatar-b"}
        assert sum(event.seconds for event in missed) == pytest.approx(len(SAID) / 32_000)
        assert ours.named("ready") == [], "not all are"
        async with wire_avatar(server, room_name, identity="avatar-b", plays=True) as b:
            await ours.until("ready")
            await ours.sender.speak(FileSource(HELLO, pace="fast"))
            assert (await heard(a, 2), await heard(b)) == ([SAID] * 2, [SAID])


async def test_one_that_hangs_holds_up_no_other(server: LocalServer, room_name: str) -> None:
    async with two(server, room_name) as (a, b, ours):
        b.freeze()
        for _ in range(2):
            fan_out = ours.sender._session._fan_out
            fan_out.put(Onset(0, 0, 0), 0.0)
            fan_out.put(Speech(0, SAID), 0.0)
            end = len(SAID) // 2
            fan_out.put(End(end, end, end, end, True, EndReason.SILENCE), 0.0)
        assert await heard(a, 2) == [SAID] * 2
        b.thaw()


async def test_nor_does_a_source_that_can_wait_wait_for_it(
    server: LocalServer, room_name: str
) -> None:
    async with two(server, room_name) as (a, b, ours):
        b.freeze()
        _, its = ours.sender._session.room.avatars
        ours.sender._session._fan_out.put(Onset(0, 0, 0), 0.0)
        ours.sender._session._fan_out.put(Speech(0, SAID[:6_400]), 0.0)
        ours.sender._session._fan_out.put(END, 0.0)
        await wait_until(lambda: its._delivery.is_stalled(time.monotonic()), 5, "no answer")
        speaking = asyncio.create_task(ours.sender.speak(FileSource(HELLO, pace="fast")))
        await wait_until(lambda: len(a.streams) == 2 and a.streams[1].closed, 7, "all, to one")
        assert a.streams[1].payload == SAID
        speaking.cancel()
        await asyncio.wait([speaking])
        b.thaw()


async def test_an_interrupt_is_for_all(server: LocalServer, room_name: str) -> None:
    async with two(server, room_name, route=1, plays=False) as (a, b, ours):
        before = a.clears, b.clears
        await ours.sender.interrupt()
        assert (a.clears, b.clears) == (before[0] + 1, before[1] + 1)


async def test_nobody_stands_for_two_avatars(server: LocalServer, room_name: str) -> None:
    """Whom one `--avatar` names, no other takes; and where two fit one, each is taken once."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(
            voice(server, room_name, ready=False, avatar=["avatar-*", "avatar-b", "*"])
        )
        avatars = ours.sender._session.room.avatars
        for identity, taken in (
            ("avatar-b", [None, "avatar-b", None]),
            ("avatar-a", ["avatar-a", "avatar-b", None]),
            ("avatar-c", ["avatar-a", "avatar-b", "avatar-c"]),
        ):
            await stack.enter_async_context(wire_avatar(server, room_name, identity=identity))
            await ours.until("avatar_ready", count=sum(each is not None for each in taken))
            assert [avatar.identity for avatar in avatars] == taken
        await stays(lambda: len(ours.named("avatar_ready")) == 3, 0.3, "taken once")


async def test_one_that_leaves_leaves_the_other_alone(server: LocalServer, room_name: str) -> None:
    async with two(server, room_name) as (a, b, ours):
        async with ours.sender.utterance(avatar="avatar-a") as utterance:
            await utterance.write(SAID[:6_400])
            await b.leave()
            await ours.until("avatar_left")
            await utterance.write(SAID[6_400:12_800])
        assert await heard(a) == [SAID[:12_800]]
        assert [event.avatar for event in ours.named("utterance_ended")] == ["avatar-a"]
        with pytest.raises(KeyError):
            ours.sender.utterance(avatar="avatar-c")


async def test_each_is_told_what_the_performer_says_through_it(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, identity="avatar-a", plays=True) as a,
        wire_avatar(server, room_name, identity="avatar-b", plays=True) as b,
    ):
        for avatar in (a, b):
            avatar.register("agent_state_changed")
        async with voice(server, room_name, avatar=BOTH, route=2) as ours:
            await ours.sender.speak(FileSource(HELLO, pace="fast"))
            await wait_until(lambda: ("agent_state_changed", "speaking") in states(b), 5, "b")
            assert ("agent_state_changed", "speaking") not in states(a)


def states(avatar: WireAvatar) -> list[tuple[str, str]]:
    return [(method, payload) for method, payload, _ in avatar.calls]


@pytest.mark.slow
async def test_two_stock_avatars_speak_and_outlive_us(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with (
        avatar(room_name, identity="avatar-a") as first,
        avatar(room_name, identity="avatar-b") as second,
        bystander(server, room_name, avatar="avatar-a", identity="viewer-a") as a,
        bystander(server, room_name, avatar="avatar-b", identity="viewer-b") as b,
    ):
        async with voice(server, room_name, avatar=BOTH) as ours:
            await ours.sender.speak(FileSource(SENTENCES, pace="fast"), cut=True)
            await wait_until(lambda: a.heard_seconds() > 1 and b.heard_seconds() > 1, 20, "both")
            await ours.sender.interrupt()
        assert (first.alive, second.alive) == (True, True)
        async with voice(server, room_name, avatar=BOTH) as ours:
            await ours.sender.speak(FileSource(HELLO, pace="fast"))
            await ours.until("playback_finished", 20, count=2)
        assert {event.avatar for event in ours.named("playback_finished")} == set(BOTH)
