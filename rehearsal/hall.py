"""The hall: a server, two avatars, a third participant, a microphone, and micstream among them.

Nothing that is judged is a double: a real livekit-server, livekit-agents' own avatar worker, a real
sound server, and the command line as a process in a terminal. The second avatar is one that takes
down what reaches it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from chaos import spoken
from chaos.sender import Sender, sender
from micstream.bus import Bus
from micstream.demo.avatar import AvatarProcess, local_avatar
from micstream.demo.server import LocalServer
from micstream.errors import MicstreamError
from micstream.performers.page import PerformerServer
from micstream.viewer.recording import SoundRecording
from micstream.web.serving import LOOPBACK, serving
from rehearsal.cast import ANNA, BEN, MICROPHONES, PHONE, PITCHES, write_show
from rehearsal.tones import Heard, heard
from rehearsal.ways import Remote, Ways, remote
from testbed.browser import browser, shown
from testbed.loudspeakers import Loudspeakers, louder, loudspeakers
from testbed.program import at_microphone
from testbed.rooms import WireAvatar, viewing
from testbed.sound import VirtualMicrophone, virtual_microphone
from testbed.staged import settings_for
from testbed.waiting import until, wait_until

IDENTITY: Final = "external-audio-sender"
ROOM: Final = "rehearsal"
_CALLS: Final = 2


class Hall:
    """All of it; what is begun here ends with the stack."""

    def __init__(self, stack: AsyncExitStack, binary: Path, folder: Path, stretch: float) -> None:
        self.server = LocalServer(binary, folder / "server.log")
        self.stretch = stretch
        self.sender: Sender
        self.ways: Ways
        self.surface: Remote
        self.record = folder / "record"
        self._stack, self._folder = stack, folder
        self._avatar: AvatarProcess
        self._other: WireAvatar
        self._recordings: list[tuple[float, SoundRecording]] = []
        """Each since its unix second; one that is watched no more may go on all the same."""
        self._microphone: VirtualMicrophone

    # ---- before the show -----------------------------------------------------------------------

    async def set_up(self) -> None:
        """Everything there and ready, and somebody speaking without end."""
        await self.server.start()
        self._stack.push_async_callback(self.server.stop)
        self._microphone = await self._stack.enter_async_context(virtual_microphone())
        await asyncio.gather(self._watch(), self._call_anna(), self._call_ben())
        wav = self._folder / "spoken.wav"
        await asyncio.to_thread(spoken.write, wav)
        await self._phone()
        await self._start()
        await self.sender.until("ready", timeout=40 * self.stretch)
        await self.sender.until(
            "capturing",
            timeout=40 * self.stretch,
            where=lambda told: told["performer"] == PHONE,
        )
        speaking = asyncio.create_task(self._microphone.keep_speaking(wav))

        async def hush() -> None:
            speaking.cancel()
            await asyncio.wait([speaking])

        self._stack.push_async_callback(hush)

    async def _start(self) -> None:
        ours = at_microphone(self._microphone.env, self.server, self._folder)
        port = _free_port()
        options = [
            *("--room", ROOM, "--avatar", ANNA, "--avatar", BEN, "--route", "1"),
            *(word for who in MICROPHONES.items() for word in ("--performer", "=".join(who))),
            *("--echo-guard", "auto", "--json", "--show"),
            *(str(write_show(self._folder)), "--control", "--osc", str(port)),
            *("--record", str(self.record), "--record-avatar"),
        ]
        started = sender("live", *options, environment=ours, in_terminal=True)
        self.sender, terminal = await self._stack.enter_async_context(started)
        assert terminal is not None
        opened = await self.sender.until("control_open", timeout=20 * self.stretch)
        self.surface = await self._stack.enter_async_context(remote(port))
        log = self._folder / "ctl.log"
        self.ways = Ways(opened["link"], self.surface, terminal, ours, log)
        await self.ways.page.open()
        self._stack.push_async_callback(self._close_page)

    async def _close_page(self) -> None:
        await self.ways.page.aclose()

    async def _watch(self) -> None:
        name = f"viewer-{len(self._recordings) + 1}"
        viewer = await self._stack.enter_async_context(viewing(self.server, ROOM, name))
        self._recordings.append((time.time(), viewer.record_sound(ANNA)))

    async def _call_anna(self) -> None:
        place = (self.server.url, self.server.api_key, self.server.api_secret, ROOM)
        for left in range(_CALLS, -1, -1):
            try:
                calling = local_avatar(*place, IDENTITY, ANNA)
                self._avatar = await self._stack.enter_async_context(calling)
            except MicstreamError:  # a machine at its limits: it is not the worker that is tried
                if not left:
                    raise
            else:
                return

    async def _call_ben(self) -> None:
        self._other = WireAvatar(self.server, ROOM, identity=BEN, plays=True)
        await self._other.join()
        self._other.register("gesture")
        self._stack.push_async_callback(self._other.leave)

    async def _phone(self) -> None:
        """A performer by the page, in a browser with a microphone into which somebody speaks."""
        enter = self._stack.enter_async_context
        settings = settings_for(self.server, ROOM).connection()
        pages = PerformerServer(settings, [PHONE], tls=False, bus=Bus())
        port = await enter(serving(pages.app(), host=LOOPBACK, port=0, usual=0))
        chromium = await enter(
            browser(
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={self._folder / 'spoken.wav'}",
            )
        )
        view = await enter(shown(chromium, f"http://{LOOPBACK}:{port}{pages.path(PHONE)}"))

        async def connected() -> bool:
            return await view.state() == "connected"

        await until(connected, "the performer's page in the room", 40 * self.stretch)
        await view.page.locator("#keep").check()

    def loudspeakers(self) -> AbstractAsyncContextManager[Loudspeakers]:
        """The first avatar's sound comes back into the microphone, half as loud, until the end."""
        return loudspeakers(self.server, ROOM, self._microphone, ANNA, through=louder(-6.0))

    # ---- what befalls it -----------------------------------------------------------------------

    async def lose_avatar(self, number: signal.Signals) -> None:
        """The first avatar is ended by this signal; another one comes."""
        since = time.time()
        os.kill(self._avatar.pid, number)
        await self.sender.until(
            "avatar_left", "avatar_silent", since=since, timeout=45 * self.stretch
        )
        await self._call_anna()
        await self.sender.until("ready", since=since, timeout=30 * self.stretch)
        await self._until_heard_again()

    async def server_restarts(self) -> None:
        """The server is killed and started again; all others come back, as they would."""
        since = time.time()
        await self.server.kill()
        await self.sender.until("connection", since=since, timeout=20 * self.stretch)
        await self._other.leave()
        await self.server.start()
        await self._other.join()
        self._other.register("gesture")
        await asyncio.gather(self._watch(), self._call_anna())
        await self.sender.until("ready", since=since, timeout=40 * self.stretch)
        await self._until_heard_again()

    async def _until_heard_again(self) -> None:
        """Until the third participant gets the new avatar's sound, or its silence."""
        since, recording = time.time(), self._recordings[-1][1]
        await wait_until(
            lambda: recording.received_s(since=since) > 0,
            20 * self.stretch,
            "the avatar's sound at the third participant",
        )

    # ---- what came of it -----------------------------------------------------------------------

    def heard(self) -> list[Heard]:
        """What the third participant has heard of the first avatar."""
        pitches = tuple(PITCHES.values())
        ends = [*(since for since, _ in self._recordings[1:]), float("inf")]
        return [
            piece
            for (since, each), end in zip(self._recordings, ends, strict=True)
            for piece in heard(each, pitches)
            if since <= piece.t < end
        ]

    def silent_s(self) -> float:
        """Seconds of silence at the end of what was heard."""
        return self._recordings[-1][1].silent_s()

    @property
    def other_bytes(self) -> int:
        """Sound that reached the second avatar."""
        return sum(len(stream.payload) for stream in self._other.streams)

    @property
    def other_digest(self) -> str:
        """SHA-256 of it."""
        return hashlib.sha256(b"".join(bytes(s.payload) for s in self._other.streams)).hexdigest()

    @property
    def other_calls(self) -> list[str]:
        """Calls of cues that reached it."""
        return [f"{m} {payload}" for m, payload, _ in self._other.calls if m == "gesture"]

    async def until_silent(self, seconds: float) -> None:
        """Until nothing was heard for so long."""
        await wait_until(
            lambda: self.silent_s() > seconds, 15 * self.stretch, "silence at the third participant"
        )


@asynccontextmanager
async def hall(binary: Path, folder: Path, *, stretch: float = 1.0) -> AsyncIterator[Hall]:
    """The hall, set up."""
    async with AsyncExitStack() as stack:
        made = Hall(stack, binary, folder, stretch)
        await made.set_up()
        yield made


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
