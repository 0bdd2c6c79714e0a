"""Child processes that always end with us.

`subprocess.Popen` and polling, not `asyncio.subprocess`: a child is then bound to no event loop, so
it can be started in one and ended in another.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

POLL_S = 0.02
PR_SET_PDEATHSIG = 1


def stop_on_signals(stop: asyncio.Event) -> None:
    """Have SIGTERM and Ctrl-C set `stop`, in a process that is all ours.

    Windows has no such handlers: there Ctrl-C is a KeyboardInterrupt, and a child is ended without
    being asked.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)


def start(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    log: Path,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `command`; what it prints on stdout and stderr is appended to `log`.

    It gets a session of its own, so that Ctrl-C in the terminal reaches only us and we end it in
    order. On Linux the kernel ends it should we be killed without a chance to; it does so too when
    the thread ends that called this. Raises OSError.
    """
    with open(log, "ab", opener=_private) as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=os.name == "posix",
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 - all it needs is there before the fork
        )


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


def _die_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    try:
        libc = ctypes.CDLL(None)
    except OSError:  # a static Python: then without
        return None
    parent = os.getpid()

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent went before the kernel was asked
            os._exit(1)

    return ask_kernel
