"""An avatar that answers and plays nothing is replaced: supervisor and room, in virtual time."""

from __future__ import annotations

import asyncio
import json

import pytest
from livekit import rtc

from micstream.avatars.start import Progress
from micstream.avatars.supervisor import LEAVE_S, Supervisor
from micstream.delivery import wire
from micstream.events import Emitter
from micstream.room.room import Room
from micstream.settings import load
from tests.support.live import Record
from tests.support.sdk import Server
from tests.support.virtual_loop import run

AVATAR = "avatar-anna"


class Servers:
    """Both servers, over the SDK's double."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.brought = 0
        self.removed_at = self.brought_at = 0.0

    async def is_there(self) -> bool:
        """Whether it is in the room."""
        return AVATAR in self._server.others

    async def remove(self) -> None:
        """Take it out."""
        self._server.leave(AVATAR)
        self.removed_at = asyncio.get_running_loop().time()

    async def bring(self, progress: Progress, bus: Emitter, *, timeout_s: float) -> bool:
        """Have another one join."""
        self.brought += 1
        self.brought_at = asyncio.get_running_loop().time()
        self._server.join(AVATAR)
        return True


def test_one_that_plays_nothing_is_taken_out_and_another_brought_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        server, record = Server(), Record()
        monkeypatch.setattr(rtc, "Room", server.new_room)
        settings = load(
            url="ws://127.0.0.1:1",
            api_key="key",
            api_secret="s" * 40,
            license_key="license",
            avatar_id="anna",
            avatar_server="http://127.0.0.1:2",
            keep_avatar=True,
            avatar_state="off",
        )
        servers = Servers(server)
        async with asyncio.timeout(3_600), Room.of(settings, record) as room:
            supervisor = Supervisor(
                settings.supervisor(), room.watch(AVATAR), record, servers=servers
            )
            running = asyncio.create_task(supervisor.run())
            await room.wait_ready(10)
            first = server.others[AVATAR]

            async def say() -> None:
                async with room.utterance() as utterance:
                    await utterance.write(b"\x00\x40" * 16_000)
                await asyncio.sleep(4)

            await say()
            me = server.there[0].local_participant
            me.report(AVATAR, wire.PLAYBACK_STARTED)
            finished = json.dumps({"playback_position": 1.0, "interrupted": False})
            me.report(AVATAR, wire.PLAYBACK_FINISHED, finished)
            for _ in range(6):
                await say()
            assert servers.brought == 2
            assert servers.brought_at - servers.removed_at < LEAVE_S, "it is gone at once"
            second = server.others[AVATAR]
            assert second is not first
            await room.wait_ready(10)
            before = len(second.streams)
            await say()
            assert len(second.streams) == before + 1
            assert [event.EVENT for event in record.events].count("avatar_silent") == 1
            running.cancel()

    run(scene())
