"""The local server: where it comes from, that it answers, and that it always ends."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import signal
import sys
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from aiohttp import web
from livekit import api

from micstream.demo import binary, process
from micstream.demo.server import LocalServer, find_server, local_server
from micstream.errors import MicstreamError
from testbed.waiting import wait_until

pytestmark = pytest.mark.room


def nothing(_: str) -> None:
    """A progress that nobody follows."""


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
    await wait_until(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 5, "its end"
    )


async def test_a_program_that_is_no_server_is_told_with_its_words(tmp_path: Path) -> None:
    program = tmp_path / "livekit-server"
    program.write_text("#!/bin/sh\necho no such thing today\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(MicstreamError, match="no such thing today") as caught:
        async with local_server(program):
            pass
    assert caught.value.code == "server_failed"


# Where the server comes from.


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No livekit-server, no go, an empty cache; returns the folder that is the PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    (path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path


def stand_in(version: str = binary.VERSION) -> bytes:
    """A program that says it is a livekit-server of this version."""
    return f"#!/bin/sh\necho livekit-server version {version}\n".encode()


def program(place: Path, text: bytes) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text)
    place.chmod(0o755)
    return place


async def test_the_path_goes_first_then_the_cache(empty_machine: Path) -> None:
    cached = program(binary.cache_path(), stand_in())
    assert await find_server(progress=nothing) == cached
    ours = program(empty_machine / "livekit-server", stand_in())
    assert await find_server(progress=nothing) == ours


async def test_nothing_is_got_where_that_is_not_allowed(empty_machine: Path) -> None:
    with pytest.raises(MicstreamError, match="not on the PATH") as caught:
        await find_server(allow_install=False, progress=nothing)
    assert caught.value.code == "no_server"
    assert "LIVEKIT_URL" in caught.value.hint
    assert not binary.cache_path().parent.exists()


class Release:
    """A release page of our own: its archive and its checksums can be spoilt."""

    def __init__(self) -> None:
        self.archive = io.BytesIO()
        self.checksum = ""
        self.put(stand_in())

    def put(self, content: bytes) -> None:
        self.archive = io.BytesIO()
        with tarfile.open(fileobj=self.archive, mode="w:gz") as tape:
            member = tarfile.TarInfo("livekit-server")
            member.size = len(content)
            tape.addfile(member, io.BytesIO(content))
        self.checksum = hashlib.sha256(self.archive.getvalue()).hexdigest()

    async def serve(self, request: web.Request) -> web.Response:
        if request.match_info["file"] == "checksums.txt":
            return web.Response(text=f"{self.checksum}  {binary._archive_name()}\n")
        return web.Response(body=self.archive.getvalue())


@pytest.fixture
async def release(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Release]:
    page = Release()
    application = web.Application()
    application.router.add_get("/{file}", page.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setattr(binary, "RELEASE", f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield page
    await runner.cleanup()


async def test_the_release_is_downloaded_and_kept(empty_machine: Path, release: Release) -> None:
    said: list[str] = []
    found = await find_server(progress=said.append)
    assert found == binary.cache_path()
    assert found.read_bytes() == stand_in()
    assert os.access(found, os.X_OK)
    assert any("downloading" in line for line in said)
    assert list(found.parent.iterdir()) == [found]


async def test_two_at_once_get_one_whole_server(empty_machine: Path, release: Release) -> None:
    found = await asyncio.gather(*(find_server(progress=nothing) for _ in range(3)))
    assert set(found) == {binary.cache_path()}
    assert binary.cache_path().read_bytes() == stand_in()


async def test_an_archive_that_was_changed_is_not_used(
    empty_machine: Path, release: Release
) -> None:
    release.checksum = "0" * 64
    with pytest.raises(MicstreamError, match="does not match its checksum") as caught:
        await find_server(progress=nothing)
    assert "there is no go" in caught.value.message
    assert not binary.cache_path().exists()


async def test_a_server_that_does_not_run_here_is_not_kept(
    empty_machine: Path, release: Release
) -> None:
    release.put(b"\x7fELF of another machine")
    with pytest.raises(MicstreamError, match=r"cannot be run|does not run here"):
        await find_server(progress=nothing)
    assert not binary.cache_path().exists()


async def test_an_unreachable_release_falls_to_go_and_says_what_it_said(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "RELEASE", "http://127.0.0.1:1")
    program(
        empty_machine / "go",
        b'#!/bin/sh\n[ "$1" = version ] && { echo go version go1.26.1 linux/amd64; exit; }\n'
        b"echo proxy says no; exit 1\n",
    )
    with pytest.raises(MicstreamError, match=r"could not be downloaded.*proxy says no"):
        await find_server(progress=nothing)


async def test_what_go_builds_is_kept(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "RELEASE", "http://127.0.0.1:1")
    text = stand_in().decode()
    program(
        empty_machine / "go",
        b'#!/bin/sh\n[ "$1" = version ] && { echo go version go1.21.0 linux/amd64; exit; }\n'
        b"while IFS= read -r line; do echo \"$line\"; done > $GOBIN/server <<'END'\n"
        + text.encode()
        + b"END\n",
    )
    assert await find_server(progress=nothing) == binary.cache_path()
    assert binary.cache_path().read_text() == text


async def test_a_go_that_is_too_old_is_told(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "RELEASE", "http://127.0.0.1:1")
    program(empty_machine / "go", b"#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    with pytest.raises(MicstreamError, match=r"too old \(go1\.19, not 1\.21\)"):
        await find_server(progress=nothing)
