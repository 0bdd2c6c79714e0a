"""A whole stage on this machine: server, avatar, viewer, microphone, and micstream between them.

Nothing here is a double: a real livekit-server, livekit-agents' own avatar worker, a real sound
server, and the command line as a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Self, TypeVar

from chaos import spoken
from chaos.output import Told
from chaos.sender import Sender, sender
from chaos.terminal import Terminal
from micstream.demo.avatar import AvatarProcess, local_avatar
from micstream.demo.server import LocalServer
from micstream.errors import MicstreamError
from micstream.viewer.recording import SoundRecording
from testbed.program import environment
from testbed.rooms import viewing
from testbed.sound import VirtualMicrophone, virtual_microphone
from testbed.waiting import wait_until

T = TypeVar("T")

AVATAR = "avatar-chaos"
IDENTITY = "external-audio-sender"
_CALLS = 2


class Stage:
    """What one attempt plays on; all of it ends with the context, on every path."""

    def __init__(
        self, binary: Path, folder: Path, *, stretch: float = 1.0, quick: bool = False
    ) -> None:
        self.folder = folder
        self.room = f"chaos-{secrets.token_hex(4)}"
        self.server = LocalServer(binary, folder / "server.log")
        self.stretch = stretch
        """Stretches every bound."""
        self.quick = quick
        """Whether what takes long to prove is left out."""
        self.avatar: AvatarProcess
        self.sound: SoundRecording
        """What the viewer gets of the avatar's sound."""
        self.microphone: VirtualMicrophone
        self.sender: Sender
        self.terminal: Terminal
        self._stack = AsyncExitStack()
        self._count = 0

    async def __aenter__(self) -> Self:
        return self

    async def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Begin something that ends with the stage."""
        return await self._stack.enter_async_context(context)

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._stack.aclose()
        finally:
            await self.server.stop()

    # ---- who is on it --------------------------------------------------------------------------

    async def open(self, *options: str, patch: str = "") -> None:
        """All of it, somebody speaking without end, and the avatar ready."""
        await self.server.start()
        await asyncio.gather(self.plug_in(), self.watch(), self.call_avatar())
        await self.start(*options, patch=patch)
        await self.under_way()

    async def under_way(self) -> None:
        """Until what was started is ready; somebody speaks from now on."""
        await self.sender.until("capturing")
        await self.sender.until("ready")
        self.speak()

    async def plug_in(self) -> None:
        """A microphone."""
        self.microphone = await self.enter(virtual_microphone())

    async def watch(self, avatar: str = AVATAR) -> None:
        """A viewer, who hears the avatar; in place of the last one."""
        self._count += 1
        viewer = await self.enter(viewing(self.server, self.room, f"viewer-{self._count}"))
        self.sound = viewer.record_sound(avatar)

    async def call_avatar(self, identity: str = AVATAR) -> None:
        """An avatar worker; in place of the last one, which may be dead."""
        server = self.server
        place = (server.url, server.api_key, server.api_secret, self.room)
        for left in range(_CALLS, -1, -1):
            try:
                self.avatar = await self.enter(local_avatar(*place, IDENTITY, identity))
            except MicstreamError:  # a machine at its limits: it is not the worker that is tried
                if not left:
                    raise
            else:
                return

    async def avatar_ended(self, since: float, timeout: float = 30.0) -> bool:
        """Whether the avatar ended with its last sender, as a stock one may; else it is ready."""

        def decided() -> bool:
            return not self.avatar.alive or bool(self.sender.named("ready", since=since))

        what = "neither did the avatar end, nor was it ready"
        await wait_until(decided, timeout * self.stretch, what)
        return not self.avatar.alive

    async def start(
        self,
        *options: str,
        prefix: Sequence[str] = (),
        patch: str = "",
        in_terminal: bool = False,
        **more: str,
    ) -> None:
        """`micstream live`; in place of the last one."""
        self.sender = await self.another(
            "live", *options, prefix=prefix, patch=patch, in_terminal=in_terminal, **more
        )

    async def another(
        self,
        *words: str,
        prefix: Sequence[str] = (),
        patch: str = "",
        in_terminal: bool = False,
        **more: str,
    ) -> Sender:
        """One more `micstream`, of any command; `more` is added to its environment."""
        ours = environment(self.server)
        settings = {name: ours[name] for name in ours if name.startswith("LIVEKIT_")}
        options = ["--room", self.room, "--avatar", "avatar-*", "--json"]
        if words[0] in ("devices", "calibrate"):
            options = ["--json"]
        if words[0] in ("live", "calibrate") and "--device" not in words:
            options += ["--device", VirtualMicrophone.DEVICE]
        started, terminal = await self.enter(
            sender(
                *(words[0], *options, *words[1:]),
                environment=self.microphone.env | settings | more,
                prefix=prefix,
                patch=patch,
                in_terminal=in_terminal,
            )
        )
        if terminal is not None:
            self.terminal = terminal
        return started

    def speak(self) -> None:
        """Somebody speaks into the microphone from now on, whatever happens to it."""
        wav = self.folder / "spoken.wav"
        spoken.write(wav)
        speaking = asyncio.create_task(self.microphone.keep_speaking(wav))

        async def hush() -> None:
            speaking.cancel()
            await asyncio.wait([speaking])

        self._stack.push_async_callback(hush)

    # ---- what happens on it --------------------------------------------------------------------

    async def mid_utterance(self) -> Told:
        """Until an utterance is well under way; the event of its beginning."""
        since = time.time()
        begun = await self.sender.until("utterance_started", since=since)
        await asyncio.sleep(0.8)  # no longer than the shortest sentence
        return begun

    async def until_of(self, begun: Told, name: str, timeout: float = 20.0) -> Told:
        """The event of this name that tells of the same utterance."""
        return await self.sender.until(
            name, since=begun.at, timeout=timeout, where=lambda told: told["id"] == begun["id"]
        )

    async def noticed(self, since: float, *names: str, timeout: float = 5.0) -> float:
        """Seconds from `since` until one of these events was told."""
        told = await self.sender.until(*names, since=since, timeout=timeout * self.stretch)
        return told.at - since

    async def ready_again(self, fault: float, whole: float, timeout: float) -> float:
        """Seconds from `whole`, when all around was there again, to `ready` since the fault."""
        left = whole + timeout * self.stretch - time.time()
        ready = await self.sender.until("ready", since=fault, timeout=max(left, 0.1))
        return max(0.0, ready.at - whole)

    async def heard(self, since: float, *, timeout: float = 20.0) -> None:
        """The first utterance begun since then is heard by the viewer, and reported as played."""
        begun = await self.sender.until("utterance_started", since=since, timeout=timeout)
        played = await self.until_of(begun, "playback_finished")
        assert not played["interrupted"], f"{begun['id']} was cut off"
        await self.viewer_heard(begun.at, 0.5 * played["position_s"])

    async def viewer_heard(self, since: float, seconds: float) -> None:
        """So much sound, silence aside, has reached the viewer since then: the avatar spoke."""
        sound = self.sound
        with contextlib.suppress(TimeoutError, MicstreamError):
            async with asyncio.timeout(5.0 * self.stretch):
                await sound.until(lambda: sound.loud_s(since=since) >= seconds)
        heard, got = sound.loud_s(since=since), sound.received_s(since=since)
        assert heard >= seconds, (
            f"of {seconds:.1f} s the viewer heard {heard:.1f} s: {got:.1f} s came, silence included"
        )

    async def heard_at_last(self, whole: float, *, timeout: float) -> float:
        """Seconds from `whole` to the first utterance that is heard to its end."""
        whole_again = await self.sender.until(
            "playback_finished",
            since=whole,
            timeout=timeout * self.stretch,
            where=lambda told: not told["interrupted"] and self._begun(told["id"]) >= whole,
        )
        begun = self._begun(whole_again["id"])
        await self.viewer_heard(begun, 0.5 * whole_again["position_s"])
        return begun - whole

    def _begun(self, utterance: str) -> float:
        begun = self.sender.named("utterance_started")
        return next((told.at for told in begun if told["id"] == utterance), 0.0)

    async def sounds_again(self, whole: float, *, timeout: float = 20.0) -> float:
        """Seconds from `whole` until the viewer hears something; what is begun next comes whole."""
        await self.heard(time.time(), timeout=timeout * self.stretch)
        first = self.sound.first_loud_at(whole)
        assert first is not None
        return first - whole

    async def recovers(self, fault: float, timeout: float) -> float:
        """All around is whole from now on: `ready` is told, and the next word is heard."""
        took = await self.ready_again(fault, time.time(), timeout)
        ready = self.sender.named("ready", since=fault)[-1]
        await self.heard(ready.at)
        return took

    async def ends_in_order(self) -> None:
        """It still obeys, and says good-bye."""
        self.sender.running.terminate()
        code = await self.sender.ended(8.0 * self.stretch)
        assert code == 0, f"it ended with {code}"
        assert self.sender.told[-1].name == "bye", "it did not say good-bye"
