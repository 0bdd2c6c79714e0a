"""The local server: where it comes from, that it answers, and that it always ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from livekit import api

from micstream.demo import process
from micstream.demo.server import LocalServer, local_server
from micstream.errors import MicstreamError
from testbed.waiting import has_ended, wait_until

pytestmark = pytest.mark.room


async def rooms(server: LocalServer) -> int:
    """How many rooms the server has; fails when it does not take its own keys."""
    async with api.LiveKitAPI(
        server.url.replace("ws", "http"), server.api_key, server.api_secret
    ) as client:
        return len((await client.room.list_rooms(api.ListRoomsRequest())).rooms)


async def test_answers_with_its_keys_and_ends_with_the_context(server_binary: Path) -> None:
    async with local_server(server_binary) as server:
        assert server.running
        assert await rooms(server) == 0
        child = psutil.Process(server._process.pid if server._process else -1)
    assert not child.is_running()
    assert not server.log_path.exists()


async def test_listens_on_loopback_alone(server_binary: Path) -> None:
    async with local_server(server_binary) as server:
        assert server._process is not None
        places = psutil.Process(server._process.pid).net_connections("inet")
        assert {place.laddr.ip for place in places} == {"127.0.0.1"}


async def test_the_secret_is_long_and_shown_nowhere(server_binary: Path) -> None:
    async with local_server(server_binary) as server:
        assert len(server.api_secret.encode()) >= 32
        assert server.api_secret not in repr(server)
        assert server.api_secret not in server.log_path.read_text()
        assert server._process is not None
        assert server.api_secret not in " ".join(psutil.Process(server._process.pid).cmdline())


async def test_comes_back_on_the_same_port_with_the_same_keys(server_binary: Path) -> None:
    async with local_server(server_binary) as server:
        url = server.url
        await server.kill()
        assert not server.running
        await server.start()
        assert server.url == url
        assert await rooms(server) == 0
        await server.restart()
        assert await rooms(server) == 0


async def test_two_at_once_do_not_meet(server_binary: Path) -> None:
    async with local_server(server_binary) as one, local_server(server_binary) as other:
        assert one.url != other.url
        assert one.api_secret != other.api_secret


async def test_takes_other_ports_when_its_own_are_taken(server_binary: Path) -> None:
    async with local_server(server_binary) as one:
        late = LocalServer(server_binary, one.log_path.with_name("late.log"), _ports=one._ports)
        try:
            await late.start()
            assert late.url != one.url
            assert await rooms(late) == 0
        finally:
            await late.stop()


async def test_ends_when_the_task_is_cancelled(server_binary: Path) -> None:
    started: asyncio.Future[LocalServer] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        async with local_server(server_binary) as server:
            started.set_result(server)
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    server = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not server.running


async def test_ends_when_we_are_killed(server_binary: Path, tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib\n"
        "from micstream.demo.server import local_server\n"
        "async def main():\n"
        f"    async with local_server(pathlib.Path({str(server_binary)!r})) as server:\n"
        "        print(server._process.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    log = tmp_path / "log"
    parent = process.start([sys.executable, "-c", program], environment=os.environ, log=log)
    try:
        await wait_until(lambda: log.read_text().endswith("\n"), 15, "the server's start")
        child = psutil.Process(int(log.read_text()))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    await wait_until(lambda: has_ended(child), 5, "its end")


async def test_a_program_that_is_no_server_is_told_with_its_words(tmp_path: Path) -> None:
    program = tmp_path / "livekit-server"
    program.write_text("#!/bin/sh\necho no such thing today\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(MicstreamError, match="no such thing today") as caught:
        async with local_server(program):
            pass
    assert caught.value.code == "server_failed"
