"""What a running `micstream` prints, read as it comes: events, and lines that are none."""

from __future__ import annotations

import asyncio
import fcntl
import json
import mmap
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from micstream.viewer.changes import Changes

_PIECE = 65_536


@dataclass(frozen=True)
class Told:
    """An event and the unix second at which its line was read."""

    name: str
    at: float
    fields: Mapping[str, Any]

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]

    def __str__(self) -> str:
        shown = {key: value for key, value in self.fields.items() if key not in ("t", "event")}
        return f"{self.at % 1000:7.2f} {self.name} {json.dumps(shown)}"


class Output:
    """Lines so far; `changes` tells whoever waits for one."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.said: list[str] = []
        """Lines that are no events: what it printed on stderr."""
        self.changes = Changes()
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take what was printed next, however it is divided."""
        whole, line_break, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest
        if not line_break:
            return
        now = time.time()
        for line in whole.decode(errors="replace").splitlines():
            if line.startswith("{"):
                fields = json.loads(line)
                self.told.append(Told(fields.get("event", ""), now, fields))
            elif line:
                self.said.append(line)
        self.changes.tell()


class Source(Protocol):
    """Where it is printed to: a pipe, or a terminal."""

    def look(self) -> None:
        """Read what is there now, without waiting for more."""

    def close(self) -> None:
        """Read no more."""


class Reader:
    """Reads a descriptor into an output whenever there is something; owns the descriptor."""

    def __init__(self, descriptor: int, output: Output) -> None:
        self._descriptor = descriptor
        self._output = output
        self._open = True
        self._stalled = False
        os.set_blocking(descriptor, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self.look)

    def look(self) -> None:
        """Read what is there now, without waiting for more."""
        while self._open and not self._stalled:
            try:
                said = os.read(self._descriptor, _PIECE)
            except BlockingIOError:
                return
            except OSError:  # a terminal in which nobody runs any more
                said = b""
            if not said:
                self._loop.remove_reader(self._descriptor)
                return
            self._output.feed(said)

    def stall(self) -> None:
        """Read nothing until `go_on`, and leave no place for anything more: it must be a pipe."""
        self.look()
        self._stalled = True
        self._loop.remove_reader(self._descriptor)
        fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, mmap.PAGESIZE)
        filling = os.open(f"/proc/self/fd/{self._descriptor}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            while True:
                os.write(filling, b"\n")  # an empty line is nothing
        except BlockingIOError:
            pass
        finally:
            os.close(filling)

    def go_on(self) -> None:
        """Read again."""
        self._stalled = False
        self._loop.add_reader(self._descriptor, self.look)
        self.look()

    def close(self) -> None:
        """Read no more; a terminal is hung up by it."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
