"""A command in a terminal of its own, which can be closed under it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final


class Terminal:
    """A pseudo terminal; all that is written on it goes into a log, until it is closed."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._ours, self._theirs = os.openpty()
        self._open = True
        os.set_blocking(self._ours, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._ours, self._copy)

    def start(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Run `command` in it, as the leader of its session."""
        running = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, *command],
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            env=dict(environment),
            start_new_session=True,
        )
        os.close(self._theirs)
        return running

    def type(self, keys: bytes) -> None:
        """Press keys; b"\\x03" is Ctrl-C."""
        os.write(self._ours, keys)

    def close(self) -> None:
        """Close the window: a hangup for what runs in it."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._ours)
            os.close(self._ours)

    def _copy(self) -> None:
        try:
            said = os.read(self._ours, 65_536)
        except OSError:  # nobody runs in it any more
            said = b""
        if not said:
            self._loop.remove_reader(self._ours)
            return
        with self._log.open("ab") as log:
            log.write(said)


# Not as a `preexec_fn`: see micstream/demo/process.py.
_TAKE_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
