"""Provision of the livekit-server of this machine.

In this order: `livekit-server` on the PATH; the one in micstream's cache; the official release
archive, its checksum verified; built by `go install`, which verifies by Go's checksum database.
What was got is kept in the cache.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import platform
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from micstream.demo import process
from micstream.errors import MicstreamError, reason_of

VERSION = "1.13.5"
RELEASE = f"https://github.com/livekit/livekit/releases/download/v{VERSION}"
GO_MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
GO_MINIMUM = (1, 21)  # the first that fetches a newer toolchain by itself

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
BUILD_TIMEOUT_S = 900
VERSION_TIMEOUT_S = 15

Progress = Callable[[str], None]

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class _NotThisWayError(Exception):
    """One way of getting the server failed; the next is tried."""


async def find_server(*, allow_install: bool = True, progress: Progress) -> Path:
    """The path of a livekit-server that runs on this machine.

    `progress` gets a line of text for each step: a build can take two minutes. With
    `allow_install=False` nothing is downloaded or built. Raises MicstreamError (code "no_server")
    that names each way tried.
    """
    if on_path := shutil.which("livekit-server"):
        return Path(on_path)
    place = cache_path()
    if os.access(place, os.X_OK):
        return place
    tried = ["livekit-server is not on the PATH", "there is none in micstream's cache"]
    if allow_install:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _no_server(
                [*tried, f"the cache cannot be written ({reason_of(error)})"]
            ) from error
        for way in (_download, _build):
            try:
                return await way(place, progress)
            except _NotThisWayError as reason:
                tried.append(str(reason))
                progress(f"not this way: {reason}")
    raise _no_server(tried)


def cache_path() -> Path:
    """Path of the server: `livekit-server-<version>` in micstream's folder of the user's cache."""
    ending = ".exe" if os.name == "nt" else ""
    folder = Path(platformdirs.user_cache_dir("micstream", appauthor=False))
    return folder / f"livekit-server-{VERSION}{ending}"


async def _download(place: Path, progress: Progress) -> Path:
    import aiohttp

    archive = _archive_name()
    progress(f"downloading {archive}")
    timeout = aiohttp.ClientTimeout(connect=CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(
            timeout=timeout, trust_env=True, raise_for_status=True
        ) as session:
            async with session.get(f"{RELEASE}/checksums.txt") as response:
                checksums = await response.text()
            async with session.get(f"{RELEASE}/{archive}") as response:
                content = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _NotThisWayError(f"the release could not be downloaded ({_short(error)})") from error
    expected = re.search(rf"^([0-9a-f]{{64}})\s+\*?{re.escape(archive)}$", checksums, re.MULTILINE)
    if expected is None:
        raise _NotThisWayError(f"the release's checksums.txt does not name {archive}")
    if hashlib.sha256(content).hexdigest() != expected[1]:
        raise _NotThisWayError(f"{archive} does not match its checksum: it was thrown away")
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".download-") as folder:
        fresh = Path(folder) / "server"
        fresh.write_bytes(_unpack(archive, content))
        return await _put(fresh, place, progress)


def _archive_name() -> str:
    system = {"linux": "linux", "win32": "windows"}.get(sys.platform)
    machine = _MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise _NotThisWayError(f"no release is made for {sys.platform} on {platform.machine()}")
    return f"livekit_{VERSION}_{system}_{machine}.{'zip' if system == 'windows' else 'tar.gz'}"


def _unpack(archive: str, content: bytes) -> bytes:
    """The server in the archive; only this one member is read, and none of its paths is used."""
    try:
        if archive.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as box:
                return box.read("livekit-server.exe")
        with tarfile.open(fileobj=io.BytesIO(content)) as tape:
            member = tape.extractfile("livekit-server")
            if member is not None:
                return member.read()
    except (tarfile.TarError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise _NotThisWayError(f"{archive} cannot be unpacked ({_short(error)})") from error
    raise _NotThisWayError(f"{archive} holds no livekit-server")


async def _build(place: Path, progress: Progress) -> Path:
    go = await _usable_go()
    progress("building livekit-server with go: about two minutes, once")
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".build-") as folder:
        command = [go, "install", "-trimpath", "-ldflags=-s -w", GO_MODULE]
        settings = {"GOBIN": folder, "GOTOOLCHAIN": "auto", "CGO_ENABLED": "0"}
        code, output = await _run(command, settings, timeout_s=BUILD_TIMEOUT_S)
        built = Path(folder) / ("server.exe" if os.name == "nt" else "server")
        if code != 0 or not built.exists():
            lines = output.strip().splitlines() or [f"exit code {code}"]
            raise _NotThisWayError(f"go install failed ({lines[-1]})")
        return await _put(built, place, progress)


async def _usable_go() -> str:
    wanted = ".".join(map(str, GO_MINIMUM))
    go = shutil.which("go")
    if go is None:
        raise _NotThisWayError(f"there is no go (at least {wanted}) to build it with")
    _, output = await _run([go, "version"], {"GOTOOLCHAIN": "local"}, timeout_s=VERSION_TIMEOUT_S)
    found = re.search(r"go(\d+)\.(\d+)", output)
    if found is None or (int(found[1]), int(found[2])) < GO_MINIMUM:
        version = found[0] if found else "unknown"
        raise _NotThisWayError(f"the go on the PATH is too old ({version}, not {wanted})")
    return go


async def _put(fresh: Path, place: Path, progress: Progress) -> Path:
    """Try what was got, then move it to its place in one step: no one ever sees half of it."""
    await asyncio.to_thread(fresh.chmod, 0o755)
    code, output = await _run([str(fresh), "--version"], {}, timeout_s=VERSION_TIMEOUT_S)
    if code != 0 or VERSION not in output:
        raise _NotThisWayError(f"what was got does not run here ({output.strip()[-200:] or code})")
    await asyncio.to_thread(fresh.replace, place)
    progress(f"livekit-server {VERSION} is in {place}")
    return place


async def _run(
    command: list[str], settings: dict[str, str], *, timeout_s: float
) -> tuple[int, str]:
    """Run to its end; exit code and what it printed. It does not outlive a cancellation."""
    with tempfile.TemporaryDirectory(prefix="micstream-") as folder:
        log = Path(folder) / "output"
        try:
            child = process.start(command, environment={**os.environ, **settings}, log=log)
        except OSError as error:
            raise _NotThisWayError(f"{command[0]} cannot be run ({reason_of(error)})") from error
        try:
            async with asyncio.timeout(timeout_s):
                code = await process.ended(child)
        except TimeoutError:
            raise _NotThisWayError(f"{command[0]} took longer than {timeout_s:g} s") from None
        finally:
            if child.poll() is None:
                await process.end(child)
        return code, process.tail(log)


def _no_server(tried: list[str]) -> MicstreamError:
    ways = [
        "put livekit-server on the PATH (https://docs.livekit.io/transport/self-hosting/local/)"
    ]
    if sys.platform == "darwin":
        ways.insert(0, "brew install livekit")
    elif Path("/etc/debian_version").exists():
        ways.append(_go_hint())
    ways.append(
        "or use a server you have: set LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and "
        'micstream demo --url "$LIVEKIT_URL"'
    )
    return MicstreamError(
        "no livekit-server for this machine: " + "; ".join(tried),
        hint="; ".join(ways),
        code="no_server",
    )


def _go_hint() -> str:
    wanted = ".".join(map(str, GO_MINIMUM))
    become = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    return (
        f"or install go {wanted} or newer and try again ({become}apt-get install golang-go; "
        "Debian 12 has it in bookworm-backports, or see https://go.dev/dl)"
    )


def _short(error: BaseException) -> str:
    return str(error) or type(error).__name__


def main() -> int:
    """Provide the server ahead of its use; returns the exit code."""

    def tell(line: str) -> None:
        sys.stderr.write(f"livekit-server: {line}\n")

    try:
        place = asyncio.run(find_server(progress=tell))
    except MicstreamError as error:
        tell(error.message)
        tell(error.hint)
        return error.exit_code
    sys.stdout.write(f"{place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
