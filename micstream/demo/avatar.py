"""The demo's avatar: a worker in a process of its own, made to speak for one sender.

    python -m micstream.demo.avatar

is that worker. Its settings come by environment: LIVEKIT_URL, LIVEKIT_TOKEN (its own: of kind
agent) and MICSTREAM_SENDER (the identity it listens to). It prints `ready` when it has joined,
exits with 0 on SIGTERM, and with 1 and its reason when anything in it has ended. With `--spare` it
loads all it needs, which takes seconds, prints `spare`, and reads its settings from standard input:
one line, a JSON object of `url`, `token` and `sender`. At the end of the input it ends. With
`--stock` livekit-agents' runner and receiver are as they are; else the face is there before its
sender, and is encoded in one size.
"""

from __future__ import annotations

import asyncio
import datetime
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from micstream.demo import process
from micstream.errors import MicstreamError

LOAD_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 20.0
IDENTITY = "avatar-demo"
REASON = "ended: "  # marks the worker's own last word: the libraries below it print lines too
ROOM_GONE = "the room is gone"
"""Why it ends when it was taken out of the room, too."""

_LIFE = datetime.timedelta(hours=6)


@dataclass(frozen=True)
class AvatarProcess:
    """A running avatar worker; a spare one until it has been told to `join`."""

    _process: subprocess.Popen[bytes] = field(repr=False)
    _log: Path = field(repr=False)

    @property
    def alive(self) -> bool:
        """It runs: the process ends as soon as its runner does."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def output(self) -> str:
        """The end of what it printed."""
        return process.tail(self._log)

    @property
    def reason(self) -> str:
        """Why it ended by itself, in one line; empty when it did not, or could not say."""
        lines = [line for line in self.output.splitlines() if line.startswith(REASON)]
        return lines[-1].removeprefix(REASON) if lines else ""

    async def join(self, url: str, token: str, sender: str) -> None:
        """Have it join, once, and listen to `sender` alone, who may come before or after it.

        Raises MicstreamError (code "avatar_failed") when it has not joined within 20 seconds, or is
        not loaded within a minute.
        """
        await self._said("spare", "did not load", LOAD_TIMEOUT_S)
        assert self._process.stdin is not None
        line = json.dumps({"url": url, "token": token, "sender": sender}) + "\n"
        try:
            with self._process.stdin as settings:
                settings.write(line.encode())
        except BrokenPipeError:
            pass  # it has ended: told below
        await self._said("ready", "did not join", READY_TIMEOUT_S)

    async def _said(self, word: str, failure: str, timeout: float) -> None:
        """Wait for a word from it. Raises MicstreamError: it has ended, or takes too long."""
        try:
            async with asyncio.timeout(timeout):
                while self.alive and word not in self.output.splitlines():  # noqa: ASYNC110 - a file
                    await asyncio.sleep(process.POLL_S)
        except TimeoutError:
            raise _failed(f"{failure} within {timeout:g} s", self) from None
        if not self.alive:
            raise _failed(f"ended with {self.exit_code}", self)

    async def ended(self) -> None:
        """Wait until it has ended."""
        await process.ended(self._process)

    async def end(self) -> None:
        """SIGTERM, and SIGKILL when it has not ended within three seconds."""
        await process.end(self._process)


@asynccontextmanager
async def spare_avatar(*, stock: bool = False) -> AsyncIterator[AvatarProcess]:
    """An avatar that gets ready to join; it ends with the context.

    Raises MicstreamError (code "extra_missing") without the extra `demo`.
    """
    missing = [name for name in ("livekit.agents", "PIL") if not _importable(name)]
    if missing:
        raise MicstreamError(
            f"the demo's avatar needs {' and '.join(missing)}, not installed here",
            hint='pip install "micstream[demo]"',
            code="extra_missing",
        )
    private = ("LIVEKIT_", "AVALUMA_")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(private)
    }
    with tempfile.TemporaryDirectory(prefix="micstream-avatar-") as folder:
        log = Path(folder) / "avatar.log"
        running = process.start(
            [sys.executable, "-m", "micstream.demo.avatar", "--spare", *["--stock"] * stock],
            environment=environment | {"PYTHONUNBUFFERED": "1"},
            log=log,
            stdin=subprocess.PIPE,
        )
        avatar = AvatarProcess(running, log)
        try:
            yield avatar
        finally:
            await avatar.end()
            if running.stdin is not None:
                running.stdin.close()


@asynccontextmanager
async def local_avatar(
    url: str, api_key: str, api_secret: str, room: str, sender: str, identity: str = IDENTITY
) -> AsyncIterator[AvatarProcess]:
    """A stock avatar in `room` that listens to `sender` alone; it ends with the context.

    Raises MicstreamError as `spare_avatar` and `AvatarProcess.join` do.
    """
    from micstream.room.token import mint_avatar

    token = mint_avatar(
        api_key=api_key,
        api_secret=api_secret,
        room=room,
        identity=identity,
        sender=sender,
        ttl=_LIFE,
    )
    async with spare_avatar(stock=True) as avatar:
        await avatar.join(url, token, sender)
        yield avatar


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _failed(what: str, avatar: AvatarProcess) -> MicstreamError:
    said = avatar.reason or avatar.output.rpartition("\n")[2] or "it printed nothing"
    return MicstreamError(f"the avatar worker {what}: {said}", code="avatar_failed")


def main() -> int:
    """Be the worker; returns the exit code."""
    names = ("LIVEKIT_URL", "LIVEKIT_TOKEN", "MICSTREAM_SENDER")
    if "--spare" in sys.argv:
        from micstream.demo.worker import run

        print("spare", flush=True)  # noqa: T201 - what the parent process waits for
        line = sys.stdin.readline()
        if not line:
            return 0
        told = json.loads(line)
        settings = [told[name] for name in ("url", "token", "sender")]
    else:
        settings = [os.environ.get(name, "") for name in names]
        if not all(settings):
            print(f"set {', '.join(names)}", file=sys.stderr)  # noqa: T201
            return 2
        from micstream.demo.worker import run

    url, token, sender = settings
    reason = asyncio.run(run(url=url, token=token, sender=sender, stock="--stock" in sys.argv))
    if reason is not None:
        print(f"{REASON}{reason}", file=sys.stderr)  # noqa: T201
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main())
