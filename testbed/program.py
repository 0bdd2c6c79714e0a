"""The command line as a process of its own, as a person or a script runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from micstream.demo import process
from micstream.demo.server import LocalServer
from testbed.waiting import wait_until

Event = dict[str, Any]

STEPS = 11
"""Of niceness, by which what keeps time goes before the rest."""
AT_ONCE = ("nice", "-n", f"-{STEPS}")
"""Words before a command (`prefix`) that is to keep time, as the sound server asks for itself: a
microphone waits for nobody. Where it may not, it runs as anything else does."""
_SETTINGS = ("LIVEKIT_", "MICSTREAM_", "AVALUMA_", "AVATAR_")
_OURS = (*_SETTINGS, "PULSE_", "XDG_RUNTIME_DIR")


def environment(server: LocalServer | None = None, **more: str) -> dict[str, str]:
    """That of a person with this server's credentials, and nothing else that concerns us."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    if server is not None:
        clean |= {
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
        }
    return clean | {"COLUMNS": "200", **more}


def at_microphone(around: Mapping[str, str], server: LocalServer, folder: Path) -> dict[str, str]:
    """That of a person at a virtual microphone (`around` is its `env`), with this server's
    credentials, whose settings and state are in the folder."""
    clean = {name: value for name, value in around.items() if not name.startswith(_SETTINGS)}
    given = {k: v for k, v in environment(server).items() if k.startswith("LIVEKIT_")}
    kept = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CONFIG")}
    return clean | given | kept


NO_DEVICES = "import sounddevice\nsounddevice.query_devices = lambda: sounddevice.DeviceList()\n"
"""For `started_with`: a machine without a microphone."""


class Program:
    """A running `micstream`; what it prints is in `stdout` and `stderr` so far."""

    def __init__(self, arguments: tuple[str, ...], running: subprocess.Popen[bytes], folder: Path):
        self.arguments = arguments
        self.running = running
        self.folder = folder

    @property
    def stdout(self) -> str:
        """All that was printed there."""
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        """All that was printed there."""
        return (self.folder / "stderr").read_text()

    @property
    def events(self) -> list[Event]:
        """The whole lines of `--json` so far, each one checked to be an event."""
        whole = self.stdout.rpartition("\n")[0]
        events: list[Event] = [json.loads(line) for line in whole.splitlines()]
        assert all(isinstance(event["t"], float) and event["event"] for event in events)
        return events

    def named(self, *names: str) -> list[Event]:
        """Its events of these names."""
        return [event for event in self.events if event["event"] in names]

    async def until(self, name: str, timeout: float = 20.0, *, count: int = 1) -> Event:
        """The `count`th event of this name, waited for."""

        def come() -> bool:
            ended = self.running.poll() is not None  # first: what it says last it says before
            enough = len(self.named(name)) >= count
            assert enough or not ended, f"it ended before {name}:\n{self}"
            return enough

        try:
            await wait_until(come, timeout, f"{count} x {name}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self}") from None
        return self.named(name)[count - 1]

    async def ended(self, timeout: float = 20.0) -> int:
        """Its exit code, waited for. However it ends, it shows nobody a traceback."""
        await wait_until(
            lambda: self.running.poll() is not None, timeout, lambda: f"the end of\n{self}"
        )
        assert "Traceback" not in self.stdout + self.stderr, str(self)
        assert self.running.returncode is not None
        return self.running.returncode

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.running.send_signal(number)

    def __str__(self) -> str:
        return f"micstream {' '.join(self.arguments)}\n{self.stdout}\n{self.stderr}"


@asynccontextmanager
async def program(
    folder: Path,
    *arguments: str | Path,
    env: Mapping[str, str],
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = None,
    prefix: Sequence[str] = (),
) -> AsyncIterator[Program]:
    """`micstream ARGUMENTS` running in `folder`, an own one for each; it ends with the context.

    `prefix`: words before its command, as `chaos.relay` has.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a moment
    words = tuple(str(argument) for argument in arguments)
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        running = subprocess.Popen(  # noqa: ASYNC220 - polled, see micstream.demo.process
            [*prefix, sys.executable, "-m", "micstream", *words],
            cwd=folder,
            env=env,
            stdin=stdin,
            stdout=out if stdout is None else stdout,
            stderr=err,
        )
    try:
        yield Program(words, running, folder)
    finally:
        if running.stdin is not None:
            running.stdin.close()
        await process.end(running)


async def run(
    folder: Path,
    *arguments: str | Path,
    env: Mapping[str, str],
    stdin: bytes = b"",
    timeout: float = 30.0,
    prefix: Sequence[str] = (),
) -> tuple[int, Program]:
    """Run it to its end with this input: the exit code, and what it said."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a moment
    (folder / "stdin").write_bytes(stdin)
    with (folder / "stdin").open("rb") as given:
        started_as = program(folder, *arguments, env=env, stdin=given.fileno(), prefix=prefix)
        async with started_as as started:
            return await started.ended(timeout), started


def started_with(code: str, folder: Path, env: dict[str, str]) -> dict[str, str]:
    """An environment in which Python runs this at its start: a double at PortAudio's level."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    before = [env["PYTHONPATH"]] if env.get("PYTHONPATH") else []
    return env | {"PYTHONPATH": os.pathsep.join([str(folder), *before])}
