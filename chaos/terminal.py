"""A command in a terminal of its own, which can be closed under it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from chaos.output import Output, Reader


class Terminal:
    """A pseudo terminal; what is written on it goes into an output, until it is closed."""

    def __init__(self, output: Output) -> None:
        self._ours, self._theirs = os.openpty()
        self._reader = Reader(self._ours, output)

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

    def look(self) -> None:
        """Read what is there now, without waiting for more."""
        self._reader.look()

    def close(self) -> None:
        """Close the window: a hangup for what runs in it."""
        self._reader.close()


# Not as a `preexec_fn`: see micstream/demo/process.py.
_TAKE_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
