"""An avatar that is there and silent, other senders, and two of one name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from micstream.delivery.evidence import LATE_S
from micstream.demo.server import LocalServer
from micstream.room.utterance import AvatarGone
from testbed.rooms import joined, wire_avatar
from testbed.waiting import stays, wait_until
from tests.support.senders import Voice, voice

pytestmark = pytest.mark.room


async def say(ours: Voice, number: int) -> None:
    async with ours.sender.utterance() as utterance:
        await utterance.write(bytes([number] * 9_600))


@pytest.mark.slow
async def test_one_that_has_reported_and_answers_no_more_is_silent(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        await say(ours, 1)
        await ours.until("playback_finished")
        avatar.freeze()
        clears = avatar.clears
        await say(ours, 2)
        await say(ours, 3)
        silent = await ours.until("avatar_silent", 25)
        assert silent.identity == "avatar-wire"
        warning = ours.named("warning")[-1]
        assert warning.code == "avatar_silent"
        assert warning.hint
        assert not ours.sender.is_ready
        await wait_until(lambda: avatar.clears > clears, 5, "it to be told to clear")
        avatar.thaw()
        await ours.until("avatar_ready", 15, count=2)
        await say(ours, 4)
        await ours.until("playback_finished", count=2)
        assert avatar.streams[-1].payload == bytes([4] * 9_600)
        assert len(ours.named("avatar_silent")) == 1


@pytest.mark.slow
async def test_one_that_answers_and_plays_nothing_is_told_and_still_spoken_through(
    server: LocalServer, room_name: str
) -> None:
    """It publishes a sound, of which nothing is heard."""
    async with (
        wire_avatar(server, room_name, plays=True, publish_tracks=True) as avatar,
        voice(server, room_name) as ours,
    ):
        await say(ours, 64)
        await ours.until("playback_finished")
        avatar.plays = False
        for number in range(1, 7):  # what is said while its meter is being read is no evidence
            await say(ours, 64 + number)
            await asyncio.sleep(LATE_S + 1)  # its report is awaited so long
            if ours.named("avatar_silent"):
                break
        silent = await ours.until("avatar_silent", 20)
        assert silent.identity == "avatar-wire"
        warning = ours.named("warning")[-1]
        assert (warning.code, bool(warning.hint)) == ("avatar_dead", True)
        assert not ours.sender.is_ready
        avatar.plays = True
        await say(ours, 90)
        await ours.until("avatar_ready", 15, count=2)
        assert avatar.streams[-1].payload == bytes([90] * 9_600)
        assert ours.sender.is_ready


@pytest.mark.slow
async def test_one_long_utterance_proves_it_too(server: LocalServer, room_name: str) -> None:
    """Nothing follows while nothing arrives, but for a little after each `TRY_S`."""
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        await say(ours, 1)
        await ours.until("playback_finished")
        avatar.freeze()

        async def speak_on() -> None:
            async with ours.sender.utterance() as utterance:
                for _ in range(600):  # tenths of a second, as they are spoken
                    await utterance.write(bytes([2] * 3_200))
                    await asyncio.sleep(0.1)

        speaking = asyncio.create_task(speak_on())
        await ours.until("avatar_silent", 40)
        with pytest.raises(AvatarGone):
            await speaking
        sent = [len(stream.payload) / 32_000 for stream in avatar.streams[1:]]
        assert len(sent) == 3, "what was let through twice, after the first"
        assert sum(sent) < 6
        assert avatar.streams[1].closed
        assert avatar.streams[2].closed


@pytest.mark.slow
@pytest.mark.parametrize("reported_before", [True, False])
async def test_missing_reports_alone_prove_nothing(
    server: LocalServer, room_name: str, reported_before: bool
) -> None:
    async with (
        wire_avatar(server, room_name, plays=reported_before) as avatar,
        voice(server, room_name) as ours,
    ):
        if reported_before:
            await say(ours, 1)
            await ours.until("playback_finished")
            avatar.plays = False  # and it still answers
        for number in range(2, 5):
            await say(ours, number)
        # For how long: tests/delivery/test_watch.py, in virtual time.
        await stays(lambda: not ours.named("avatar_silent", "warning"), 1, "it is no fault")
        assert ours.sender.is_ready
        await wait_until(lambda: len(avatar.streams) >= 3 + reported_before, 10, "all of it")
        assert len(avatar.streams) == 3 + reported_before


@pytest.mark.slow
async def test_one_that_never_reported_is_never_silent(server: LocalServer, room_name: str) -> None:
    async with wire_avatar(server, room_name) as avatar, voice(server, room_name) as ours:
        avatar.freeze()
        for number in range(1, 4):
            await say(ours, number)
        await stays(lambda: not ours.named("avatar_silent", "warning"), 1, "nothing is proved")


async def test_another_sender_is_told_once(server: LocalServer, room_name: str) -> None:
    async with (
        joined(server, room_name, "early", kind="agent"),
        wire_avatar(server, room_name),
        wire_avatar(server, room_name, identity="another-avatar-agent"),
        voice(server, room_name) as ours,
    ):
        for _ in range(2):
            async with joined(server, room_name, "late", kind="agent"):
                await wait_until(lambda: len(told(ours)) == 2, 15, "both")
        async with joined(server, room_name, "viewer"):
            pass
        assert [event.code for event in told(ours)] == ["second_sender"] * 2
        for name, event in zip(("early", "late"), told(ours), strict=True):
            assert name in event.message
            assert event.hint


def told(ours: Voice) -> list[Any]:
    return ours.named("warning")


async def test_of_two_of_one_name_the_first_ends_and_does_not_come_back(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True),
        voice(server, room_name) as first,
        voice(server, room_name, take_over=True) as second,
    ):
        await wait_until(lambda: not first.sender.is_ready, 15, "the end")
        before = len(first.events)
        async with asyncio.timeout(20):
            await say(second, 1)
            await second.until("playback_finished")
        await stays(lambda: second.sender.is_ready, 3, "nobody puts it out in turn")
        assert not [e for e in first.events[before:] if e.EVENT == "connection"]
