"""A real avatar with lip-sync errors put in: livekit-agents' own runner and receiver, our face.

    python -m testbed.lipsynced

is its worker, in a process of its own, as livekit-agents takes seconds to import. Its settings come
by environment: LIVEKIT_URL, LIVEKIT_TOKEN (its own: of kind agent), MICSTREAM_SENDER (the identity
it listens to) and LIPSYNC_ERRORS (JSON: what `Errors` has). It prints `ready` when it has joined,
exits with 0 on SIGTERM, and with 1 and its reason when anything in it has ended.

Each frame is stamped (`FrameMetadata.user_timestamp`, unix time in microseconds) with the moment at
which it was made; what is put in as `transport_ms` comes after that. What is put in otherwise is in
the drawing, and picture and sound go out in step.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from micstream.demo import process
from micstream.demo.avatar import REASON, AvatarProcess
from micstream.room.token import mint_avatar
from testbed.mouths import Errors
from testbed.program import AT_ONCE
from testbed.rooms import Server
from testbed.waiting import wait_until

IDENTITY: Final = "avatar-lipsynced"
SETTINGS: Final = "LIPSYNC_ERRORS"
_SOURCES: Final = Path(__file__).resolve().parents[1]
_LIFE: Final = datetime.timedelta(hours=6)
_READY_S: Final = 80.0


@asynccontextmanager
async def lipsynced(
    server: Server, room: str, sender: str, *, identity: str = IDENTITY, **errors: Any
) -> AsyncIterator[AvatarProcess]:
    """Such an avatar in the room, that listens to `sender` alone; it ends with the context.

    `errors`: see `Errors`. It shows itself once its sender is there and somebody subscribes to its
    sound, as a stock one does.
    """
    with tempfile.TemporaryDirectory(prefix="micstream-lipsynced-") as folder:
        log = Path(folder) / "worker.log"
        running = process.start(
            [*AT_ONCE, sys.executable, "-m", "testbed.lipsynced"],  # what it puts in is to be exact
            environment=_environment(server, room, sender, identity, Errors(**errors)),
            log=log,
        )
        try:
            await wait_until(lambda: _is_up(running, log), _READY_S, lambda: process.tail(log))
            assert running.poll() is None, f"the avatar has ended: {process.tail(log)}"
            yield AvatarProcess(running, log)
        finally:
            await process.end(running)


def _environment(
    server: Server, room: str, sender: str, identity: str, errors: Errors
) -> Mapping[str, str]:
    private = ("LIVEKIT_", "MICSTREAM_", "AVALUMA_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    token = mint_avatar(
        api_key=server.api_key,
        api_secret=server.api_secret,
        room=room,
        identity=identity,
        sender=sender,
        ttl=_LIFE,
    )
    return clean | {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_TOKEN": token,
        "MICSTREAM_SENDER": sender,
        SETTINGS: json.dumps(asdict(errors)),
        "PYTHONPATH": str(_SOURCES),
        "PYTHONUNBUFFERED": "1",
    }


def _is_up(running: subprocess.Popen[bytes], log: Path) -> bool:
    return running.poll() is not None or "ready" in process.tail(log).splitlines()


def main() -> int:
    """Be the worker; returns the exit code."""
    from testbed.lipsynced_worker import run

    names = ("LIVEKIT_URL", "LIVEKIT_TOKEN", "MICSTREAM_SENDER")
    url, token, sender = (os.environ[name] for name in names)
    errors = Errors(**json.loads(os.environ.get(SETTINGS, "{}")))
    reason = asyncio.run(run(url=url, token=token, sender=sender, errors=errors))
    if reason is not None:
        print(f"{REASON}{reason}", file=sys.stderr)  # noqa: T201 - into its log
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main())
