"""The demo's avatar: a worker in a process of its own, made to speak for one sender.

    python -m micstream.local.avatar

is that worker. Its settings come by environment: LIVEKIT_URL, LIVEKIT_TOKEN (its own: of kind
agent) and MICSTREAM_SENDER (the identity it listens to). It prints `ready` when it has joined,
exits with 0 on SIGTERM, and with 1 and its reason when anything in it has ended.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from micstream.errors import MicstreamError
from micstream.local import process

READY_TIMEOUT_S = 20.0
IDENTITY = "avatar-demo"
REASON = "ended: "  # marks the worker's own last word: the libraries below it print lines too


@dataclass(frozen=True)
class AvatarProcess:
    """A running avatar worker."""

    identity: str
    _process: subprocess.Popen[bytes] = field(repr=False)
    _log: Path = field(repr=False)

    @property
    def alive(self) -> bool:
        """Whether it runs: the process ends as soon as its runner does."""
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

    async def end(self) -> None:
        """SIGTERM, and SIGKILL when it has not ended within three seconds."""
        await process.end(self._process)

    async def _ready(self) -> None:
        while self.alive and "ready" not in self.output.splitlines():  # noqa: ASYNC110 - a file
            await asyncio.sleep(process.POLL_S)


@asynccontextmanager
async def local_avatar(
    url: str, api_key: str, api_secret: str, room: str, sender: str, identity: str = IDENTITY
) -> AsyncIterator[AvatarProcess]:
    """An avatar in `room` that listens to `sender` alone; it ends with the context.

    `sender` may join before or after it. Raises MicstreamError: code "extra_missing" without the
    extra `demo`, "avatar_failed" when it has not joined within 20 seconds.
    """
    missing = [name for name in ("livekit.agents", "PIL") if not _importable(name)]
    if missing:
        raise MicstreamError(
            f"the demo's avatar needs {' and '.join(missing)}, not installed here",
            hint='pip install "micstream[demo]"',
            code="extra_missing",
        )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("LIVEKIT_")
    }
    environment |= {
        "LIVEKIT_URL": url,
        "LIVEKIT_TOKEN": avatar_token(api_key, api_secret, room, sender, identity),
        "MICSTREAM_SENDER": sender,
        "PYTHONUNBUFFERED": "1",
    }
    with tempfile.TemporaryDirectory(prefix="micstream-avatar-") as folder:
        log = Path(folder) / "avatar.log"
        command = [sys.executable, "-m", "micstream.local.avatar"]
        avatar = AvatarProcess(
            identity, process.start(command, environment=environment, log=log), log
        )
        try:
            try:
                async with asyncio.timeout(READY_TIMEOUT_S):
                    await avatar._ready()
            except TimeoutError:
                raise _failed(f"did not join within {READY_TIMEOUT_S:g} s", avatar) from None
            if not avatar.alive:
                raise _failed(f"ended with {avatar.exit_code}", avatar)
            yield avatar
        finally:
            await avatar.end()


def avatar_token(api_key: str, api_secret: str, room: str, sender: str, identity: str) -> str:
    """The token of an avatar that speaks for `sender`; valid for six hours."""
    from livekit import api

    grants = api.VideoGrants(room_join=True, room=room)
    return (
        api.AccessToken(api_key, api_secret)
        .with_kind("agent")
        .with_identity(identity)
        .with_name(identity)
        .with_attributes({"lk.publish_on_behalf": sender})
        .with_grants(grants)
        .to_jwt()
    )


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
    settings = [os.environ.get(name, "") for name in names]
    if not all(settings):
        print(f"set {', '.join(names)}", file=sys.stderr)  # noqa: T201
        return 2
    from micstream.local.worker import run

    url, token, sender = settings
    reason = asyncio.run(run(url=url, token=token, sender=sender))
    if reason is not None:
        print(f"{REASON}{reason}", file=sys.stderr)  # noqa: T201
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main())
