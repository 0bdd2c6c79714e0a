"""The command line as a process, and its `--json` read as it comes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import psutil

from chaos.output import Output, Reader, Source, Told
from chaos.terminal import Terminal
from micstream.demo import process

T = TypeVar("T")

_PIPE_BYTES: Final = 1 << 20
"""So much may be printed while we are busy with something else."""


class Sender:
    """A running `micstream`: what it has told so far, and whether it still runs."""

    def __init__(self, running: subprocess.Popen[bytes], output: Output, source: Source) -> None:
        self.running = running
        self._output = output
        self._source = source
        self._exit = os.pidfd_open(running.pid)
        asyncio.get_running_loop().add_reader(self._exit, self._ended)

    @property
    def told(self) -> list[Told]:
        """Its events so far."""
        return self._output.told

    @property
    def said(self) -> list[str]:
        """Lines that are no events: what it printed on stderr."""
        return self._output.said

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

        def found() -> Told | None:
            alive = self.alive
            for told in self.named(*names, since=since):
                if where(told):
                    return told
            assert alive, f"it ended with {self.running.returncode} before {'/'.join(names)}"
            return None

        told = await self._until(found, timeout, f"no {'/'.join(names)}")
        assert told is not None
        return told

    async def ended(self, timeout: float, *, traceback: bool = False) -> int:
        """Its exit code. It leaves no process behind, and shows a traceback only if it may."""
        await self._until(lambda: not self.alive, timeout, "it has not ended")
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
        self._source.look()

    def stall(self) -> None:
        """Read nothing of what it prints, as one whose reader has stopped; until `read_on`."""
        assert isinstance(self._source, Reader), "it prints into a terminal"
        self._source.stall()

    def read_on(self) -> None:
        """Read again."""
        assert isinstance(self._source, Reader)
        self._source.go_on()

    def close(self) -> None:
        """Read no more."""
        self._ended()
        self._source.close()

    async def _until(self, condition: Callable[[], T], timeout: float, what: str) -> T:
        try:
            async with asyncio.timeout(timeout):
                return await self._output.changes.until(condition)
        except TimeoutError:
            raise AssertionError(f"{what} within {timeout:g} s") from None

    def _ended(self) -> None:
        if self._exit >= 0:
            asyncio.get_running_loop().remove_reader(self._exit)
            os.close(self._exit)
            self._exit = -1
            self._output.changes.tell()

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
    *words: str,
    environment: Mapping[str, str],
    prefix: Sequence[str] = (),
    patch: str = "",
    in_terminal: bool = False,
) -> AsyncIterator[tuple[Sender, Terminal | None]]:
    """`micstream WORDS`, running until the context ends; it is read while it runs.

    `prefix`: a command that runs it elsewhere, such as in a network namespace. `patch`: Python
    that runs in it first, for a fault inside of it. `in_terminal`: in one of its own.
    """
    start = [sys.executable, "-m", "micstream"]
    if patch:
        start = [sys.executable, "-c", f"{patch}\nfrom micstream.cli import main\nmain()"]
    command = [*prefix, *start, *words]
    output = Output()
    terminal = Terminal(output) if in_terminal else None
    if terminal is not None:
        source: Source = terminal
        running = terminal.start(command, environment)
    else:
        ours, theirs = os.pipe()
        source = Reader(ours, output)
        fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:  # by its name: what starts a program opens what it prints into
            place = Path(f"/proc/self/fd/{theirs}")
            running = process.start(command, environment=environment, log=place)
        finally:
            os.close(theirs)
    started = Sender(running, output, source)
    try:
        yield started, terminal
    finally:
        if terminal is not None:
            terminal.close()
        if started.alive:
            running.send_signal(signal.SIGCONT)
        await process.end(running)
        started.close()
