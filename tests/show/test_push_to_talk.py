"""Push-to-talk whose holder is gone: killed, asleep, cut off; the gate is shut all the same."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest

from micstream.gating import Gating
from micstream.show.client import KEEPALIVE_S
from micstream.speech.cutter import Gate
from testbed.waiting import stays, wait_until
from tests.support.desk import KEY, Desk, kept_long
from tests.support.desk import desk as served

HOLDER = """
import asyncio, sys, aiohttp
async def hold(url, key):
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as client:
        async with client.ws_connect(f"{url}/api/socket") as socket:
            async def keep():
                while True:
                    await socket.send_json({"do": "talk", "argument": "on"})
                    await asyncio.sleep(0.3)
            keeping = asyncio.create_task(keep())
            async for _ in socket:
                pass
            await keeping
asyncio.run(hold(*sys.argv[1:]))
"""
"""A program that holds it as a page does: it asks again every 300 ms."""
GONE_S = KEEPALIVE_S + 1.3
"""Its keepalive, the tail, and a loaded machine."""


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with served() as (ours, _):
        ours.controls.manual("off")
        yield ours


@contextmanager
def holder(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "holder.log").open("wb") as log:
        running = subprocess.Popen([sys.executable, "-c", HOLDER, url, KEY], stderr=log)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


class Cable:
    """A way to the server that can be cut: nothing goes through any more, and nobody is told."""

    def __init__(self, to: int) -> None:
        self.whole = True
        self._to = to

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass(reader, far_writer))
                tasks.create_task(self._pass(far_reader, writer))
        finally:
            writer.close()
            far_writer.close()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if self.whole:
                sink.write(data)


@asynccontextmanager
async def cable(url: str) -> AsyncIterator[tuple[Cable, str]]:
    made = Cable(int(url.rpartition(":")[2]))
    carrying: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        carrying.add(task)
        await made.carry(reader, writer)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield made, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


async def test_a_program_that_is_killed_holds_nothing(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holder(desk.url, tmp_path) as running:
        await wait_until(lambda: desk.controls.gate is Gate.OPEN, 30, "the gate to be open")
        await stays(lambda: desk.controls.gate is Gate.OPEN, 1.5, "it was not held")
        await kept_long(desk, monkeypatch)
        running.kill()
        await wait_until(lambda: desk.controls.gate is Gate.CLOSED, 10, "it to be let go")


async def test_a_program_that_stands_still_holds_nothing(desk: Desk, tmp_path: Path) -> None:
    """As a tablet that has fallen asleep: its connection is still there."""
    with holder(desk.url, tmp_path) as running:
        await wait_until(lambda: desk.controls.gate is Gate.OPEN, 30, "the gate to be open")
        running.send_signal(signal.SIGSTOP)
        await wait_until(lambda: desk.controls.gate is Gate.CLOSED, GONE_S, "it to be let go")
        running.send_signal(signal.SIGCONT)
        await wait_until(lambda: desk.controls.gate is Gate.OPEN, 10, "it to be held again")


async def test_a_network_that_is_cut_holds_nothing(desk: Desk, tmp_path: Path) -> None:
    async with cable(desk.url) as (way, url):
        with holder(url, tmp_path):
            await wait_until(lambda: desk.controls.gate is Gate.OPEN, 30, "the gate to be open")
            way.whole = False
            await wait_until(lambda: desk.controls.gate is Gate.CLOSED, GONE_S, "it to be let go")
            await wait_until(lambda: desk.server.clients == 0, 8, "its connection to be given up")


async def test_one_of_two_is_gone_and_the_other_goes_on_holding(desk: Desk, tmp_path: Path) -> None:
    with holder(desk.url, tmp_path) as one, holder(desk.url, tmp_path):
        await wait_until(lambda: desk.server.clients == 2, 30, "both to be there")
        await wait_until(lambda: desk.controls.gate is Gate.OPEN, 30, "the gate to be open")
        await wait_until(lambda: len(desk.controls._gating.holders) == 2, 10, "both to hold it")
        one.kill()
        await stays(lambda: desk.controls.gate is Gate.OPEN, 1.5, "the other one holds it")


async def test_by_requests_it_is_held_for_a_second_at_a_time(desk: Desk) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(headers=headers) as client:
        for _ in range(4):
            async with client.post(f"{desk.url}/api/talk/on") as reply:
                assert (await reply.json())["state"]["held"] is True
            await asyncio.sleep(0.4)
        assert desk.controls.gate is Gate.OPEN
        await wait_until(lambda: desk.controls.gate is Gate.CLOSED, GONE_S, "it to be let go")


def test_a_mute_ends_it_at_once_and_what_is_held_on_does_not_open_it() -> None:
    gating = Gating(manual=True, tail_s=0.1)
    gating.hold("page", 0.0, keepalive_s=1.0)
    gating.mute("on")
    assert gating.gate is Gate.CLOSED
    gating.hold("page", 0.3, keepalive_s=1.0)
    assert gating.gate is Gate.CLOSED
