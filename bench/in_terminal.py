"""A program in a terminal of its own, and its events as lines of JSON: `... PROGRAM ARGUMENT...`.

The program is a show with `--control`: it fills the terminal, of 80 by 24, and its events come from
its control server. The first line tells its process and its operator's page.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from typing import Any

import aiohttp

from micstream.show.key_file import RunningShow, running

_ROWS, _COLUMNS = 24, 80
_STARTS_S = 30.0


def _drain(terminal: int) -> None:
    while True:
        try:
            if not os.read(terminal, 65_536):
                return
        except OSError:  # nobody has its other end any more
            return


async def _announced(child: subprocess.Popen[bytes]) -> RunningShow:
    async with asyncio.timeout(_STARTS_S):
        while True:
            for show in running():
                if show.pid == child.pid:
                    return show
            assert child.poll() is None, "the program has ended"
            await asyncio.sleep(0.05)


def _tell(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


async def _events(child: subprocess.Popen[bytes]) -> None:
    show = await _announced(child)
    page = f"{show.url}/{show.key}/"
    _tell({"t": time.time(), "event": "in_terminal", "pid": child.pid, "page": page})
    headers = {"Authorization": f"Bearer {show.key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"{show.url}/api/socket") as socket,
    ):
        ready = False
        async for message in socket:
            said = json.loads(message.data)
            if "event" in said:
                _tell(said)
            elif "state" in said and not ready:
                ready = any(avatar["link"] == "listening" for avatar in said["state"]["avatars"])
                if ready:
                    _tell({"t": time.time(), "event": "ready"})


def main(command: list[str]) -> int:
    """Run it to its end; its exit code."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    child = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, env=environment)
    os.close(inside)
    threading.Thread(target=_drain, args=(terminal,), daemon=True).start()
    try:
        asyncio.run(_events(child))
    except KeyboardInterrupt:
        pass
    finally:
        child.terminate()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
