"""Nudges follow the sound on a path that loses: nobody gets them, and the sound is the same."""

from __future__ import annotations

from typing import Any

import pytest
from livekit import rtc

from micstream.delivery.path import NUDGES, Path
from micstream.demo.server import LocalServer
from micstream.room import streams
from micstream.room.network import send_to_ourselves
from testbed.rooms import joined, wire_avatar
from testbed.waiting import wait_until
from tests.support.senders import voice

pytestmark = pytest.mark.room


@pytest.mark.parametrize("loses", [False, True])
async def test_each_write_is_followed_by_packets_that_nobody_gets(
    server: LocalServer, room_name: str, monkeypatch: pytest.MonkeyPatch, loses: bool
) -> None:
    sent: list[rtc.Room] = []
    got: list[rtc.DataPacket] = []

    async def counted(room: rtc.Room) -> None:
        sent.append(room)
        await send_to_ourselves(room)

    def listens(participant: rtc.Room) -> None:
        participant.on("data_received", got.append)

    monkeypatch.setattr("micstream.room.streams.send_to_ourselves", counted)
    if loses:
        monkeypatch.setattr(Path, "nudges", NUDGES)
    async with (
        joined(server, room_name, "somebody", prepare=listens),
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        assert avatar.room is not None
        listens(avatar.room)
        async with ours.sender.utterance() as utterance:
            await utterance.write(bytes([1] * 9_600))
        await ours.until("playback_finished")
        assert avatar.streams[-1].payload == bytes([1] * 9_600)
        assert got == []
        if loses:
            await wait_until(lambda: len(sent) >= NUDGES, 5, "the nudges")
        else:
            assert sent == []


def test_they_never_pile_up() -> None:
    """However long one takes: there is one task, and it is the room's; it sends what is left."""
    spawned: list[Any] = []

    class Tasks:
        def spawn(self, work: Any) -> Any:
            spawned.append(work)
            work.close()
            return Running()

    class Running:
        def done(self) -> bool:
            return len(spawned) > 1

    ours = streams.Streams(Tasks())  # type: ignore[arg-type]
    ours._room = object()  # type: ignore[assignment]
    for _ in range(5):
        ours._nudge(NUDGES)
    assert len(spawned) == 1
    spawned.append(None)
    ours._nudge(0)
    assert len(spawned) == 2
    ours._nudge(NUDGES)
    assert len(spawned) == 3
