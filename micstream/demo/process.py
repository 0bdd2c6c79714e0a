"""Child processes that always end with us.

`subprocess.Popen` and polling, not `asyncio.subprocess`: a child is then bound to no event loop, so
it can be started in one and ended in another.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from micstream.demo.lifeline import lifeline

POLL_S = 0.02


def start(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    log: Path,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `command`; what it prints on stdout and stderr is appended to `log`.

    It gets a session of its own (on Windows a console), so that Ctrl-C in the terminal, and its
    end, reach only us and we end it in order. Where we are killed it ends too: see `lifeline`. On
    Linux it does so too when the thread ends that called this.

    Raises:
        OSError: there is no such program.
    """
    words = [str(part) for part in command]
    if shutil.which(words[0], path=environment.get("PATH")) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), words[0])
    with_us = lifeline(words[0], environment.get("PATH"))
    with open(log, "ab", opener=_private) as output:
        child = subprocess.Popen(
            with_us.command(words),
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            **with_us.options,
        )
    with_us.adopt(child)
    return child


async def end(process: subprocess.Popen[bytes], *, grace_s: float = 3.0) -> None:
    """SIGTERM; SIGKILL after `grace_s` seconds, or at once when this wait is cancelled."""
    try:
        process.terminate()
        async with asyncio.timeout(grace_s):
            await ended(process)
    except TimeoutError:
        pass
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of `process`; returns its exit code."""
    while (code := process.poll()) is None:  # noqa: ASYNC110 - see the module's docstring
        await asyncio.sleep(POLL_S)
    return code


def tail(log: Path, *, characters: int = 2000) -> str:
    """The end of a log, empty when there is none."""
    try:
        return log.read_text(errors="replace")[-characters:].strip()
    except OSError:
        return ""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
