"""What is sent can be tapped: byte for byte what goes to each avatar, and to whom."""

from __future__ import annotations

import pytest

from micstream import FileSource
from micstream.demo.server import LocalServer
from micstream.taps import Sent
from testbed.rooms import wire_avatar
from testbed.speech import HELLO, samples
from tests.support.senders import voice

pytestmark = pytest.mark.room


async def test_a_tap_has_what_each_avatar_gets(server: LocalServer, room_name: str) -> None:
    both = ["avatar-a", "avatar-b"]
    async with (
        wire_avatar(server, room_name, identity="avatar-a", plays=True) as a,
        wire_avatar(server, room_name, identity="avatar-b", plays=True) as b,
        voice(server, room_name, avatar=both) as ours,
    ):
        with ours.sender._session.taps.tap(captured=False) as tap:
            await ours.sender.speak(FileSource(HELLO, pace="fast"))
        got = [sound async for sound in tap]
    assert all(isinstance(sound, Sent) and sound.rate == 16_000 for sound in got)
    for avatar in (a, b):
        own = [each for each in got if isinstance(each, Sent) and each.avatar == avatar.identity]
        assert b"".join(each.pcm for each in own) == samples(HELLO).tobytes()
        assert [stream.payload for stream in avatar.streams] == [samples(HELLO).tobytes()]
        (id,) = {each.utterance for each in own}
        started = [event.id for event in ours.named("utterance_started")]
        assert id in started
        assert [each.at for each in own] == sorted(each.at for each in own)
