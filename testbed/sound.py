"""A microphone without hardware: a sound server of our own, whose sink is heard by PortAudio."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from micstream.demo import process
from testbed.program import AT_ONCE
from testbed.waiting import until, wait_until

PROGRAMS = {
    "pulseaudio": "pulseaudio",
    "paplay": "pulseaudio-utils",
    "pactl": "pulseaudio-utils",
}
SINK = "vmic"
BUFFERED = ("--latency-msec=1000", "--process-time-msec=490")
"""The sink asks for 10 ms at a time (half of what is left between the two); what is said waits in
the sound server, so that a speaker that gets no turn for half a second is not heard to stutter."""
_SOON = ("--latency-msec=40", "--process-time-msec=10")
"""As much is asked for at a time, and little waits: what was said ends as soon as it is to. Without
the second word the sink asks for half a millisecond at a time, and its clock is too fast."""
_AGAIN_S = 0.05


class VirtualMicrophone:
    """What is spoken into it comes out of PortAudio's devices `pulse` and `default`.

    PortAudio reads the environment when it is initialised, so the program under test is a
    subprocess that gets `env`.
    """

    DEVICE = "pulse"

    def __init__(self, folder: Path, *, rate: int = 48_000, channels: int = 1) -> None:
        self.folder, self.rate, self.channels = folder, rate, channels
        self.log = folder / "pulseaudio.log"
        self._socket = folder / "native"
        self._server: subprocess.Popen[bytes] | None = None
        self._replaced: list[subprocess.Popen[bytes]] = []
        self._sink = (
            "module-null-sink",
            f"sink_name={SINK}",
            f"rate={rate}",
            f"channels={channels}",
        )

    @property
    def env(self) -> dict[str, str]:
        """The environment of a program that is to hear this microphone, and of a speaker."""
        ours = {
            "XDG_RUNTIME_DIR": str(self.folder),
            "PULSE_RUNTIME_PATH": str(self.folder),
            "PULSE_COOKIE": str(self.folder / "cookie"),
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_SINK": SINK,
            "PULSE_SOURCE": f"{SINK}.monitor",
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        }
        return {**os.environ, **ours}

    async def start(self) -> None:
        """Start the sound server (again); returns when it has its sink."""
        command = [
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"),
            "--use-pid-file=no",
            *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}"),
            *("-L", " ".join(self._sink)),
        ]
        # Its own variables are those of a client, except for the folders.
        environment = {k: v for k, v in self.env.items() if k != "PULSE_SERVER"}
        self._server = process.start(command, environment=environment, log=self.log)
        try:
            await wait_until(self._has_sink, 10, "pulseaudio's sink")
        except AssertionError as error:
            raise AssertionError(f"pulseaudio: {process.tail(self.log)}") from error

    async def stop(self) -> None:
        """End the sound server, as when it crashes under a running program."""
        if self._server is not None:
            await process.end(self._server)
        while self._replaced:
            await process.end(self._replaced.pop(), grace_s=0.0)

    async def replace(self) -> None:
        """Start another sound server in place of one that stands still, and goes on doing so."""
        assert self._server is not None
        self._replaced.append(self._server)
        await asyncio.to_thread(self._socket.unlink)
        await self.start()

    def signal(self, number: signal.Signals) -> None:
        """Send the sound server a signal: killed, or stopped and continued."""
        assert self._server is not None
        self._server.send_signal(number)

    def unplug(self) -> None:
        """The device goes; the sound server stays."""
        self.control("unload-module", "module-null-sink")

    def plug(self) -> None:
        """It comes back under the same name."""
        self.control("load-module", *self._sink)

    def control(self, *words: str) -> None:
        """Have pactl tell the sound server something."""
        command = ["pactl", *words]
        subprocess.run(command, check=True, env=self.env, capture_output=True, timeout=5)

    async def speak(self, wav: Path) -> None:
        """Say a WAV file; returns when its last sample has been said."""
        command = [*AT_ONCE, "paplay", f"--device={SINK}", *BUFFERED, str(wav)]
        speaker = process.start(command, environment=self.env, log=self.folder / "paplay.log")
        try:
            code = await process.ended(speaker)
        finally:
            await process.end(speaker)
        assert code == 0, f"paplay: {process.tail(self.folder / 'paplay.log')}"

    async def keep_speaking(self, wav: Path) -> None:
        """Say it again and again, whatever happens to the sound server; hushed when cancelled."""
        command = ["paplay", f"--device={SINK}", *_SOON, str(wav)]
        while True:
            speaker = process.start(command, environment=self.env, log=self.folder / "paplay.log")
            try:
                await process.ended(speaker)
            finally:
                await process.end(speaker)
            await asyncio.sleep(_AGAIN_S)

    @asynccontextmanager
    async def speaking(self, wav: Path) -> AsyncIterator[None]:
        """Says it within the context, from its beginning to its end, mixed with all else."""
        before = self.count("sink-inputs")
        task = asyncio.create_task(self.speak(wav))
        try:
            await self.until_listed("sink-inputs", 10, "something that plays", more_than=before)
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def heard_by_someone(self, timeout: float = 10.0) -> None:
        """Until a program records from it: what is said before that is lost to it."""
        await self.until_listed("source-outputs", timeout, "a recording program")

    async def until_listed(
        self, kind: str, timeout: float, what: str, *, more_than: int = 0
    ) -> None:
        """Until there are more of a kind; the loop goes on meanwhile."""

        async def more() -> bool:
            return await asyncio.to_thread(self.count, kind) > more_than

        await until(more, what, timeout)

    def _has_sink(self) -> bool:
        assert self._server is not None and self._server.poll() is None, "pulseaudio has ended"
        return self._socket.exists() and SINK in self.listed("sinks")

    def count(self, what: str) -> int:
        """How many of these the sound server lists."""
        return self.listed(what).count("\n")

    def listed(self, what: str) -> str:
        """What the sound server lists of sinks, sink-inputs, source-outputs: a line each."""
        command = ["pactl", "list", "short", what]
        done = subprocess.run(
            command, check=False, env=self.env, capture_output=True, text=True, timeout=5
        )
        return done.stdout


@asynccontextmanager
async def virtual_microphone(
    *, rate: int = 48_000, channels: int = 1
) -> AsyncIterator[VirtualMicrophone]:
    """A running VirtualMicrophone; the test fails where PulseAudio is missing."""
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: install the package {package}")
    with tempfile.TemporaryDirectory(prefix="micstream-vmic-") as folder:
        microphone = VirtualMicrophone(Path(folder), rate=rate, channels=channels)
        try:
            await microphone.start()
            yield microphone
        finally:
            await microphone.stop()
