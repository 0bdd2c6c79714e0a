"""The senders that are measured, and the stage that each of them gets to itself."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.recording import Ears, Samples, ears
from bench.spoken import write_wav
from chaos.relay import relay
from micstream.demo import process
from micstream.demo.avatar import IDENTITY as AVATAR
from micstream.demo.avatar import AvatarProcess, local_avatar
from micstream.demo.server import LocalServer, find_server, local_server
from micstream.viewer.recording import SoundRecording
from testbed.rooms import viewing
from testbed.sound import VirtualMicrophone, virtual_microphone
from testbed.waiting import wait_until

IDENTITY = "external-audio-sender"
ROOM = "bench"
MICSTREAM = Path(sys.executable).with_name("micstream")
ROOT = Path(__file__).resolve().parents[1]
_READY_S = 40.0
_STOP_S = 8.0
_LONGEST_S = 24 * 3600.0
"""Of what a viewer records: the longest soak."""


@dataclass(frozen=True)
class Sender:
    """A program that speaks through the avatar."""

    name: str
    what: str
    command: tuple[str, ...]
    vad: str = ""
    """micstream's detector; empty where it is another program."""
    root: Path = ROOT
    """The checkout whose modules it imports."""


OURS = Sender("micstream", "micstream live", (str(MICSTREAM), "live", "--json"), "hybrid")
WEBRTC = Sender(
    "webrtc", "micstream live --vad webrtc", (*OURS.command, "--vad", "webrtc"), "webrtc"
)
WHOLE = Sender("whole", "whole utterance, one write", (sys.executable, "-m", "bench.peers.whole"))
AGENTS = Sender(
    "agents", "livekit-agents VAD + output", (sys.executable, "-m", "bench.peers.agents")
)
SENDERS = (OURS, WEBRTC, WHOLE, AGENTS)


class Running:
    """A sender's process and what it says: lines of JSON."""

    def __init__(self, child: subprocess.Popen[bytes], log: Path) -> None:
        self.pid = child.pid
        self.started_at = time.time()
        self._child, self._log = child, log

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._child.poll() is None

    def told(self) -> list[dict[str, Any]]:
        """Every event so far."""
        lines = self._log.read_text(errors="replace").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line[0] == "{" and line[-1] == "\n"]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Every event of this name so far."""
        return [event for event in self.told() if event["event"] == name]

    async def until(self, name: str) -> dict[str, Any]:
        """The first event of this name; fails where the sender ends before it."""
        await wait_until(lambda: self.events(name) or not self.alive, _READY_S, f"event {name}")
        assert self.events(name), f"the sender ended: {process.tail(self._log)}"
        return self.events(name)[0]

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return await process.ended(self._child)

    async def stop(self) -> int:
        """End it as a person does, and wait for that; its exit code."""
        await process.end(self._child, grace_s=_STOP_S)
        return await self.ended()

    @property
    def output(self) -> str:
        """The end of what it printed."""
        return process.tail(self._log)


@asynccontextmanager
async def running(
    sender: Sender,
    server: LocalServer,
    around: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
    prefix: Sequence[str] = (),
) -> AsyncIterator[Running]:
    """The sender in an empty folder, with no settings but what it needs; ended with the context.

    `around`: the environment in which it is, such as one with a microphone; `prefix`: the command
    that runs it, such as one that puts it in another network.
    """
    clean = {k: v for k, v in around.items() if not k.startswith(("MICSTREAM_", "LIVEKIT_"))}
    environment = {
        **clean,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "LIVEKIT_ROOM": ROOM,
        "MICSTREAM_AVATAR": AVATAR,
        "PYTHONPATH": str(sender.root),
        "PYTHONUNBUFFERED": "1",
    }
    with tempfile.TemporaryDirectory(prefix="micstream-bench-") as folder:
        log = Path(folder) / "sender.log"
        before = Path.cwd()
        os.chdir(folder)  # where no .env is
        try:
            command = (*prefix, *sender.command)
            child = process.start(command, environment=environment, log=log, stdin=stdin)
        finally:
            os.chdir(before)
        try:
            yield Running(child, log)
        finally:
            await process.end(child)


@dataclass(frozen=True)
class Stage:
    """Everything around one sender, all of it fresh."""

    server: LocalServer
    avatar: AvatarProcess
    heard: SoundRecording
    """What a viewer gets of the avatar's sound."""
    microphone: VirtualMicrophone
    ears: Ears
    sender: Running

    async def say(self, samples: Samples) -> None:
        """Speak into the microphone, to the end."""
        wav = self.microphone.folder / "say.wav"
        write_wav(wav, samples)
        await self.microphone.speak(wav)


@dataclass(frozen=True)
class Way:
    """A way from the sender to the server: one direction of it, in seconds, and what is lost."""

    what: str
    delay_s: float
    spread_s: float
    """It is `delay_s` plus or minus so much."""
    loss: float = 0.0
    """So many datagrams of one."""


@asynccontextmanager
async def far_end(way: Way | None, server: LocalServer) -> AsyncIterator[Sequence[str]]:
    """The words before a command that put it at the other end of `way`; None: beside the server."""
    if way is None:
        yield ()
        return
    async with relay(server.ports) as relayed:
        relayed.delay_s, relayed.jitter_s = way.delay_s - way.spread_s, 2 * way.spread_s
        relayed.loss = way.loss
        yield relayed.prefix


@asynccontextmanager
async def stage(
    sender: Sender, *, stdin: int = subprocess.DEVNULL, way: Way | None = None
) -> AsyncIterator[Stage]:
    """A server, an avatar, a viewer, a microphone, and the sender: ready for the first word.

    Raises:
        AssertionError: there is a `way`, and this machine does not permit it.
    """
    binary = await find_server(progress=tell)
    async with (
        local_server(binary) as server,
        virtual_microphone() as microphone,
        local_avatar(server.url, server.api_key, server.api_secret, ROOM, IDENTITY) as avatar,
        viewing(server, ROOM) as viewer,
    ):
        heard = viewer.record_sound(AVATAR, max_s=_LONGEST_S)
        with ears(microphone) as listening:
            await wait_until(lambda: listening.hears, 10, "the microphone's first block")
            async with (
                far_end(way, server) as prefix,
                running(sender, server, microphone.env, stdin, prefix) as child,
            ):
                await child.until("ready")
                async with asyncio.timeout(20):
                    await heard.until_receiving()
                yield Stage(server, avatar, heard, microphone, listening, child)


def tell(line: str) -> None:
    """Progress, for people."""
    print(line, file=sys.stderr, flush=True)
