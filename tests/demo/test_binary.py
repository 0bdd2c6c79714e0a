"""Where the local server comes from: in order, checked, bounded, and given no secret."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import re
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from micstream.demo import binary
from micstream.demo.binary import find_server
from micstream.errors import MicstreamError


def nothing(_: str) -> None:
    """A progress that nobody follows."""


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
    """A release page of our own, whose archive can be spoilt."""

    def __init__(self) -> None:
        self.archive = io.BytesIO()
        self.asked: list[str] = []
        self.goes_on_s: float | None = None
        """Bytes come for ever, so many seconds apart."""
        self.put(stand_in())

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.archive.getvalue()).hexdigest()

    def put(self, content: bytes) -> None:
        self.archive = io.BytesIO()
        with tarfile.open(fileobj=self.archive, mode="w:gz") as tape:
            member = tarfile.TarInfo("livekit-server")
            member.size = len(content)
            tape.addfile(member, io.BytesIO(content))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.match_info["file"])
        if request.match_info["file"] == "checksums.txt":
            return web.Response(text=f"{self.checksum}  {binary._archive_name()}\n")
        if self.goes_on_s is None:
            return web.Response(body=self.archive.getvalue())
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(bytes(1 << 16))
                await asyncio.sleep(self.goes_on_s)
        except ConnectionError:
            return answer


@pytest.fixture
async def release(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Release]:
    page = Release()
    application = web.Application()
    application.router.add_get("/{file}", page.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setattr(binary, "RELEASE", f"http://127.0.0.1:{runner.addresses[0][1]}")
    monkeypatch.setitem(binary.CHECKSUMS, binary._archive_name(), page.checksum)
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


async def test_an_archive_that_was_changed_is_not_used_though_its_own_checksums_say_it_is_good(
    empty_machine: Path, release: Release
) -> None:
    release.put(b"#!/bin/sh\necho livekit-server version 1.13.5; echo and more\n")
    with pytest.raises(MicstreamError, match="does not match its checksum") as caught:
        await find_server(progress=nothing)
    assert "there is no go" in caught.value.message
    assert release.asked == [binary._archive_name()], "its checksums.txt has no say"
    assert not binary.cache_path().exists()


@pytest.mark.parametrize("bound", ["size", "time"])
async def test_a_release_that_never_ends_is_bounded(
    empty_machine: Path, release: Release, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    release.goes_on_s = 0 if bound == "size" else 0.01
    if bound == "size":
        monkeypatch.setattr(binary, "LONGEST_ARCHIVE", 1 << 20)
    else:
        monkeypatch.setattr(binary, "DOWNLOAD_TIMEOUT_S", 0.2)
    with pytest.raises(MicstreamError, match=r"has no end|\(no answer\)"):
        await find_server(progress=nothing)
    assert list(binary.cache_path().parent.iterdir()) == []


async def test_an_archive_without_a_pinned_checksum_is_not_downloaded(
    empty_machine: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "VERSION", "1.99.0")
    with pytest.raises(MicstreamError, match=r"checksum of livekit_1\.99\.0_.* is not known"):
        await find_server(progress=nothing)
    assert release.asked == []


def test_each_release_that_is_made_for_us_has_its_checksum() -> None:
    assert len(set(binary.CHECKSUMS.values())) == len(binary.CHECKSUMS) == 4
    for name, checksum in binary.CHECKSUMS.items():
        assert re.fullmatch(rf"livekit_{binary.VERSION}_(linux|windows)_(amd64|arm64)\..*", name)
        assert re.fullmatch(r"[0-9a-f]{64}", checksum)


async def test_a_server_that_does_not_run_here_is_not_kept(
    empty_machine: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    release.put(b"\x7fELF of another machine")
    monkeypatch.setitem(binary.CHECKSUMS, binary._archive_name(), release.checksum)
    with pytest.raises(MicstreamError, match=r"cannot be run|does not run here"):
        await find_server(progress=nothing)
    assert not binary.cache_path().exists()


SECRETS = {
    "LIVEKIT_API_SECRET": "livekit-secret",
    "LIVEKIT_TOKEN": "livekit-token",
    "AVALUMA_LICENSE_KEY": "avaluma-license",
    "AWS_SECRET_ACCESS_KEY": "aws-secret",
    "GITHUB_TOKEN": "github-token",
    "OPENAI_API_KEY": "openai-key",
}


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("secrets")
async def test_neither_go_nor_what_was_got_finds_a_secret(
    empty_machine: Path, release: Release, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    notes = f"#!/bin/sh\nset >> {seen}\n"
    release.put(f"{notes}echo something else\n".encode())
    monkeypatch.setitem(binary.CHECKSUMS, binary._archive_name(), release.checksum)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    go = f"{notes}[ $1 = version ] && echo go version go1.26.1 linux/amd64 || exit 1\n"
    program(empty_machine / "go", go.encode())
    with pytest.raises(MicstreamError, match="go install failed"):
        await find_server(progress=nothing)
    found = seen.read_text()
    assert found.count("PATH=") >= 3, "the server once, go twice"
    assert "GOTOOLCHAIN='auto'" in found
    assert "GOSUMDB='sum.golang.org'" in found
    assert found.count("HTTPS_PROXY='http://proxy:1'") == 2, "go needs it"
    for name, value in SECRETS.items():
        assert name not in found
        assert value not in found


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


async def test_a_full_disk_is_told(
    empty_machine: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MicstreamError, match="no space left on device") as caught:
        await find_server(progress=nothing)
    assert caught.value.code == "no_server"
