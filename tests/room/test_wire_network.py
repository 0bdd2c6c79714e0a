"""A server that is not heard of any more: told at once, whether anybody speaks or not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from micstream.demo.server import local_server
from testbed.rooms import wire_avatar
from testbed.waiting import stays, wait_until
from tests.support.senders import Voice, voice

pytestmark = [pytest.mark.room, pytest.mark.slow]


def gone(ours: Voice) -> int:
    return sum(warning.code == "network_gone" for warning in ours.named("warning"))


def connected(ours: Voice) -> int:
    return sum(event.state == "connected" for event in ours.named("connection"))


@pytest.mark.parametrize("speaking", [True, False])
async def test_a_server_that_stands_still_is_told_and_when_it_goes_on(
    server_binary: Path, room_name: str, speaking: bool
) -> None:
    before = {child.pid for child in psutil.Process().children()}
    async with local_server(server_binary) as server:
        (process,) = (c for c in psutil.Process().children() if c.pid not in before)
        async with wire_avatar(server, room_name, plays=True), voice(server, room_name) as ours:

            async def speak() -> None:
                async with ours.sender.utterance() as utterance:
                    while True:
                        await utterance.write(bytes(3_200))
                        await asyncio.sleep(0.1)

            task = asyncio.create_task(speak()) if speaking else None
            await stays(lambda: gone(ours) == 0 and connected(ours) == 1, 3, "a false alarm")
            process.suspend()
            try:
                await wait_until(lambda: gone(ours) == 1, 5, "it to be told")
                await stays(lambda: gone(ours) == 1 and connected(ours) == 1, 1, "told again")
            finally:
                process.resume()
            await wait_until(lambda: connected(ours) == 2, 15, "it is back")
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
