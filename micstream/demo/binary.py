"""Provision of the livekit-server of this machine.

In this order: `livekit-server` on the PATH; the one in micstream's cache; the official release
archive, if it is the one whose checksum stands here; built by `go install`, which verifies by Go's
checksum database. What was got is kept in the cache. Neither go nor what was got is given more of
the environment than it needs: whoever has altered them finds no secret there.
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
from micstream.errors import MicstreamError, UsageError, reason_of

VERSION = "1.13.5"
RELEASE = f"https://github.com/livekit/livekit/releases/download/v{VERSION}"
GO_MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
GO_MINIMUM = (1, 21)  # the first that fetches a newer toolchain by itself

CHECKSUMS = {
    "livekit_1.13.5_linux_amd64.tar.gz": (
        "c020fac437b7cc9b776eef1ad5ea8af77be9acfa07602eca20a3a44930dfbc70"
    ),
    "livekit_1.13.5_linux_arm64.tar.gz": (
        "332015305518765fe05bad74fc3a9d9583e635e7dd130de3c4fc563d69c550f3"
    ),
    "livekit_1.13.5_windows_amd64.zip": (
        "3ec7eaa76ef64063bf21f78364733703e0969612cb92ffd60661ed45fa4a8906"
    ),
    "livekit_1.13.5_windows_arm64.zip": (
        "9a0facddf31346f22854a1beaeaaa2c623c165078c54765115b249d771eb0b66"
    ),
}
"""SHA-256 of each archive of this release; its checksums.txt comes from where they come from."""

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
DOWNLOAD_TIMEOUT_S = 600
LONGEST_ARCHIVE = 64 << 20
"""Bytes; the archives have 16 to 18 MiB."""
BUILD_TIMEOUT_S = 900
VERSION_TIMEOUT_S = 15

_SYSTEM = ("PATH", "HOME", "USERPROFILE", "LANG", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "PATHEXT")
_FOR_GO = (
    *("LOCALAPPDATA", "APPDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("GOROOT", "GOPATH", "GOCACHE", "GOMODCACHE", "GOTMPDIR", "GOENV"),
    *("GOPROXY", "GONOPROXY", "GOVCS", "GOAUTH"),
)

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
            except OSError as error:  # a full disk, for example
                tried.append(f"{place.parent} cannot be written ({reason_of(error)})")
    raise _no_server(tried)


def cache_path() -> Path:
    """Path of the server: `livekit-server-<version>` in micstream's folder of the user's cache."""
    ending = ".exe" if os.name == "nt" else ""
    folder = Path(platformdirs.user_cache_dir("micstream", appauthor=False))
    return folder / f"livekit-server-{VERSION}{ending}"


async def _download(place: Path, progress: Progress) -> Path:
    archive = _archive_name()
    progress(f"downloading {archive}")
    content = await _fetch(f"{RELEASE}/{archive}")
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[archive]:
        raise _NotThisWayError(f"{archive} does not match its checksum: it was thrown away")
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".download-") as folder:
        fresh = Path(folder) / "server"
        fresh.write_bytes(_unpack(archive, content))
        return await _put(fresh, place, progress)


async def _fetch(url: str) -> bytes:
    """What is there, within bounds of size and time."""
    import aiohttp

    from micstream.room import web

    timeout = aiohttp.ClientTimeout(DOWNLOAD_TIMEOUT_S, CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    try:
        async with web.session(url, timeout, judge=True) as session, session.get(url) as response:
            content = await web.read_up_to(response, LONGEST_ARCHIVE + 1)
    except UsageError as error:  # the proxy
        raise _NotThisWayError(error.message) from None
    except aiohttp.ClientResponseError as error:
        raise _NotThisWayError(f"the release could not be downloaded ({error.status})") from None
    except web.ODD as error:
        reason = web.why(error, url)
        raise _NotThisWayError(f"the release could not be downloaded ({reason})") from None
    if len(content) > LONGEST_ARCHIVE:
        raise _NotThisWayError("the release has no end: it was thrown away")
    return content


def _archive_name() -> str:
    system = {"linux": "linux", "win32": "windows"}.get(sys.platform)
    machine = _MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise _NotThisWayError(f"no release is made for {sys.platform} on {platform.machine()}")
    archive = f"livekit_{VERSION}_{system}_{machine}.{'zip' if system == 'windows' else 'tar.gz'}"
    if archive not in CHECKSUMS:
        raise _NotThisWayError(f"the checksum of {archive} is not known here")
    return archive


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
        settings = _inherited(*_FOR_GO)
        settings |= {"GOBIN": folder, "GOTOOLCHAIN": "auto", "CGO_ENABLED": "0"}
        settings["GOSUMDB"] = "sum.golang.org"  # what is built is checked, whoever serves it
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
    _, output = await _run(
        [go, "version"],
        _inherited(*_FOR_GO) | {"GOTOOLCHAIN": "local"},
        timeout_s=VERSION_TIMEOUT_S,
    )
    found = re.search(r"go(\d+)\.(\d+)", output)
    if found is None or (int(found[1]), int(found[2])) < GO_MINIMUM:
        version = found[0] if found else "unknown"
        raise _NotThisWayError(f"the go on the PATH is too old ({version}, not {wanted})")
    return go


async def _put(fresh: Path, place: Path, progress: Progress) -> Path:
    """Try what was got, then move it to its place in one step: no one ever sees half of it."""
    await asyncio.to_thread(fresh.chmod, 0o755)
    code, output = await _run([str(fresh), "--version"], _inherited(), timeout_s=VERSION_TIMEOUT_S)
    if code != 0 or VERSION not in output:
        raise _NotThisWayError(f"what was got does not run here ({output.strip()[-200:] or code})")
    await asyncio.to_thread(fresh.replace, place)
    progress(f"livekit-server {VERSION} is in {place}")
    return place


def _inherited(*more: str) -> dict[str, str]:
    """Those variables of the environment that a program cannot do without, and these."""
    return {name: os.environ[name] for name in (*_SYSTEM, *more) if name in os.environ}


async def _run(
    command: list[str], environment: dict[str, str], *, timeout_s: float
) -> tuple[int, str]:
    """Run to its end; exit code and what it printed. It does not outlive a cancellation."""
    with tempfile.TemporaryDirectory(prefix="micstream-") as folder:
        log = Path(folder) / "output"
        try:
            child = process.start(command, environment=environment, log=log)
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
