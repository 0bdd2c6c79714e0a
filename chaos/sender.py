"""The command line as a process, and its `--json` read while it runs."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from chaos.terminal import Terminal
from micstream.demo import process

_POLL_S = 0.01


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


class Sender:
    """A running `micstream`: what it has told so far, and whether it still runs."""

    def __init__(self, running: subprocess.Popen[bytes], log: Path) -> None:
        self.running = running
        self.told: list[Told] = []
        self.said: list[str] = []
        """Lines that are no events: what it printed on stderr."""
        self._log = log
        self._read = 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.running.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.running.send_signal(number)

    def named(self, *names: str, since: float = 0.0) -> list[Told]:
        """What it told under these names since this unix second."""
        self.look()
        return [told for told in self.told if told.name in names and told.at >= since]

    async def until(
        self,
        *names: str,
        since: float = 0.0,
        timeout: float = 20.0,
        where: Callable[[Told], bool] = lambda _: True,
    ) -> Told:
        """The first event of one of these names since then for which `where` holds."""
        deadline = time.monotonic() + timeout
        while True:
            alive = self.alive
            for told in self.named(*names, since=since):
                if where(told):
                    return told
            assert alive, f"it ended with {self.running.returncode} before {'/'.join(names)}"
            assert time.monotonic() < deadline, f"no {'/'.join(names)} within {timeout:g} s"
            await asyncio.sleep(_POLL_S)

    async def ended(self, timeout: float, *, traceback: bool = False) -> int:
        """Its exit code. It leaves no process behind, and shows a traceback only if it may."""
        deadline = time.monotonic() + timeout
        while self.alive:
            assert time.monotonic() < deadline, f"it has not ended within {timeout:g} s"
            await asyncio.sleep(_POLL_S)
        self.look()
        shown = any("Traceback" in line for line in self.said)
        assert traceback or not shown, "it ended with a traceback"
        left = [each.pid for each in psutil.process_iter() if _session(each) == self.running.pid]
        assert not left, f"processes are left running: {left}"
        code = self.running.returncode
        assert isinstance(code, int)
        return code

    def look(self) -> None:
        """Read what has been printed since."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            new, line_break, _ = log.read().rpartition(b"\n")
        self._read += len(new) + len(line_break)
        now = time.time()
        for line in new.decode(errors="replace").splitlines():
            if line.startswith("{"):
                fields = json.loads(line)
                self.told.append(Told(fields["event"], now, fields))
            elif line:
                self.said.append(line)

    def story(self, last: int = 400) -> str:
        """The last that it told and said."""
        self.look()
        return "\n".join([*map(str, self.told[-last:]), *self.said[-last:]])


def _session(each: psutil.Process) -> int | None:
    try:
        fields = Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[3]) if fields[0] != "Z" else None


@asynccontextmanager
async def sender(
    log: Path,
    *words: str,
    environment: Mapping[str, str],
    prefix: Sequence[str] = (),
    patch: str = "",
    terminal: Terminal | None = None,
) -> AsyncIterator[Sender]:
    """`micstream WORDS`, running until the context ends; it is read while it runs.

    `prefix`: a command that runs it elsewhere, such as in a network namespace. `patch`: Python
    that runs in it first, for a fault inside of it. `terminal`: one that writes into `log`.
    """
    start = [sys.executable, "-m", "micstream"]
    if patch:
        start = [sys.executable, "-c", f"{patch}\nfrom micstream.cli import main\nmain()"]
    command = [*prefix, *start, *words]
    if terminal is None:
        running = process.start(command, environment=environment, log=log)
    else:
        running = terminal.start(command, environment)
    started = Sender(running, log)
    reading = asyncio.create_task(_read_on(started))
    try:
        yield started
    finally:
        reading.cancel()
        if terminal is not None:
            terminal.close()
        if started.alive:
            running.send_signal(signal.SIGCONT)
        await process.end(running)


async def _read_on(started: Sender) -> None:
    while True:
        started.look()
        await asyncio.sleep(_POLL_S)
