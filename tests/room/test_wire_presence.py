"""Avatars that answer in other ways than the stock one, and those that come and go."""

from __future__ import annotations

import asyncio
import datetime
import time

import pytest

from micstream import AvatarUnavailable, ConnectionFailed, FileSource
from micstream.demo.server import LocalServer
from micstream.room.token import mint
from testbed.rooms import WireAvatar, wire_avatar
from testbed.speech import HELLO, samples
from testbed.waiting import wait_until
from tests.support.senders import voice

pytestmark = pytest.mark.room


@pytest.mark.parametrize(("tracks", "how"), [(True, "video"), (False, "active")])
async def test_an_avatar_that_never_answers_is_taken_as_it_is(
    server: LocalServer, room_name: str, tracks: bool, how: str
) -> None:
    async with (
        wire_avatar(
            server, room_name, clear_answer=None, publish_tracks=tracks, plays=True
        ) as avatar,
        voice(server, room_name, ready_timeout=0.5) as ours,
    ):
        assert (await ours.until("avatar_ready")).how == how
        assert [event.code for event in ours.named("warning")] == ["avatar_unproven"]
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: avatar.streams and avatar.streams[0].closed, 5, "its end")
        assert avatar.streams[0].payload == samples(HELLO).tobytes()


async def test_one_that_answered_once_is_not_taken_again_for_its_picture_alone(
    server: LocalServer, room_name: str
) -> None:
    """What the SDK shows after a reconnection may be an avatar that has left since."""
    async with voice(server, room_name, ready=False, ready_timeout=0.5) as ours:
        async with wire_avatar(server, room_name):
            assert (await ours.until("avatar_ready")).how == "probe"
        await ours.until("avatar_left")
        async with wire_avatar(server, room_name, clear_answer=None, publish_tracks=True) as again:
            await wait_until(lambda: len(ours.named("avatar_joined")) == 2, 20, "its return")
            with pytest.raises(AvatarUnavailable):
                await ours.sender.wait_ready(3)
            again.answer_clear("ok")
            await wait_until(lambda: len(ours.named("avatar_ready")) == 2, 20, "its answer")


async def test_an_avatar_bound_to_another_gets_nothing_until_it_is_free(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, clear_answer="reject", plays=True) as avatar,
        voice(server, room_name, ready=False) as ours,
    ):
        warning = await ours.until("warning", 20)
        assert warning.code == "avatar_bound"
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        assert avatar.streams == []
        dropped = ours.named("dropped")
        assert sum(e.seconds for e in dropped) == pytest.approx(samples(HELLO).size / 16_000)
        with pytest.raises(AvatarUnavailable) as refused:
            async with ours.sender.utterance():
                pass
        assert refused.value.code == "avatar_not_listening"
        avatar.answer_clear("ok")
        assert (await ours.until("avatar_ready", 20)).how == "probe"
        assert len(ours.named("warning")) == 1, "told once"


async def test_the_named_avatar_is_taken_and_no_other(server: LocalServer, room_name: str) -> None:
    async with (
        wire_avatar(server, room_name, identity="avatar-a") as a,
        wire_avatar(server, room_name, identity="avatar-b", plays=True) as b,
        voice(server, room_name, avatar=["avatar-b"]) as ours,
    ):
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: b.streams and b.streams[0].closed, 5, "its end")
        assert a.streams == []
        assert a.calls == []
        assert not ours.named("warning")


async def test_of_several_the_first_to_have_joined_is_taken_and_told(
    server: LocalServer, room_name: str
) -> None:
    first = WireAvatar(server, room_name, identity="avatar-z", publish_tracks=True, plays=True)
    async with voice(server, room_name, ready=False) as ours:
        await first.join()
        try:
            async with wire_avatar(
                server, room_name, identity="avatar-a", publish_tracks=True, plays=True
            ) as second:
                await ours.until("avatar_joined", count=2)
                await ours.sender.wait_ready(10)
                await ours.sender.speak(FileSource(HELLO, pace="fast"))
                await wait_until(lambda: first.streams and first.streams[0].closed, 5, "its end")
                assert second.streams == []
                # The next in line takes over once the first has left.
                await first.leave()
                await ours.until("avatar_ready", count=2)
                await ours.sender.speak(FileSource(HELLO, pace="fast"))
                await wait_until(lambda: second.streams and second.streams[0].closed, 5, "its end")
        finally:
            await first.leave()


async def test_an_avatar_that_leaves_in_mid_utterance(server: LocalServer, room_name: str) -> None:
    async with (
        # Of one without tracks the server tells that it left only seconds later.
        wire_avatar(server, room_name, publish_tracks=True, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        speaking = asyncio.create_task(ours.sender.speak(FileSource(HELLO)))
        await ours.until("utterance_started")
        await avatar.leave()
        await speaking
        (ended,) = ours.named("utterance_ended")
        assert ended.reason == "avatar"
        whole = samples(HELLO).size / 16_000
        lost = sum(event.seconds for event in ours.named("dropped"))
        assert ended.duration_s + lost == pytest.approx(whole, abs=0.002), "all is accounted for"
        await avatar.join()
        await ours.until("ready", count=2)
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: avatar.streams[-1].payload == samples(HELLO).tobytes(), 5, "next")


async def test_whoever_takes_our_identity_ends_us(server: LocalServer, room_name: str) -> None:
    async with wire_avatar(server, room_name), voice(server, room_name) as ours:
        async with voice(server, room_name, take_over=True):
            await wait_until(lambda: not ours.sender.is_ready, 5, "the end")
            with pytest.raises(ConnectionFailed) as failed:
                await ours.sender.wait_ready(5)
        assert failed.value.code == "identity_in_use"
        # And so does whatever would be spoken into nothing.
        with pytest.raises(ConnectionFailed):
            await ours.sender.speak(FileSource(HELLO))
        with pytest.raises(ConnectionFailed):
            ours.sender.utterance()


async def test_no_avatar_in_time(server: LocalServer, room_name: str) -> None:
    async with voice(server, room_name, ready=False) as ours:
        begun = time.monotonic()
        with pytest.raises(AvatarUnavailable) as missing:
            await ours.sender.wait_ready(0.5)
        assert time.monotonic() - begun < 8
        assert missing.value.code == "no_avatar"
        assert room_name in missing.value.message


async def test_a_given_token_that_has_expired_is_told_for_what_it_is(
    server: LocalServer, room_name: str
) -> None:
    given = mint(
        api_key=server.api_key,
        api_secret=server.api_secret,
        room=room_name,
        identity="external-audio-sender",
        ttl=datetime.timedelta(minutes=-10),
    )
    with pytest.raises(ConnectionFailed) as refused:
        async with voice(server, room_name, ready=False, token=given):
            pass
    assert refused.value.code == "token_expired"
    assert "LIVEKIT_API_KEY" in refused.value.hint
    assert given not in f"{refused.value} {refused.value.hint}"
