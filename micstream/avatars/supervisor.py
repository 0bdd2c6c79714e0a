"""Supervisor of one avatar: has it brought into the room, and back whenever it was lost.

What our room sees of the avatar is a reason to look; whether it has to be started is asked of the
server, as there are moments in which the two differ: it is joining, or just leaving.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from micstream import notices
from micstream.avatars import start
from micstream.avatars.start import Progress
from micstream.backoff import Backoff
from micstream.errors import AvatarUnavailable, ConnectionFailed, MicstreamError, UsageError
from micstream.events import Emitter
from micstream.room import admin, presence
from micstream.settings.pieces import StartSettings, SupervisorSettings

PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Before each start after the first; from the beginning again once one was well for ..."""
WELL_S: Final = 60.0
LEAVE_S: Final = 5.0
"""Seconds that the room may take to tell that the avatar was removed."""


class AvatarWatch(Protocol):
    """One avatar as our room sees it, now. No state of it is remembered anywhere else."""

    @property
    def present(self) -> bool:
        """It is in the room."""

    @property
    def listening(self) -> bool:
        """The next word is heard."""

    @property
    def silent(self) -> bool:
        """It is in the room and was proved to do nothing."""

    @property
    def connected(self) -> bool:
        """We are in the room; while we are not, the others mean nothing."""

    async def changed(self) -> None:
        """Wait for the next change of one of them."""


class AvatarServers(Protocol):
    """The two servers that bring the avatar in: its own, and LiveKit's."""

    async def is_there(self) -> bool:
        """Whether LiveKit's server has it in the room. Raises ConnectionFailed."""

    async def remove(self) -> None:
        """Take it out of the room. Raises ConnectionFailed."""

    async def bring(self, progress: Progress, bus: Emitter, *, timeout_s: float) -> bool:
        """Ask for it, as `start.bring` does."""


class _Servers:
    """`AvatarServers` by HTTP."""

    def __init__(self, settings: StartSettings, identity: str) -> None:
        self._settings = settings
        self._identity = identity

    async def is_there(self) -> bool:
        return bool(await admin.find(self._settings.connection, (self._identity,)))

    async def remove(self) -> None:
        await admin.remove(self._settings.connection, self._identity)

    async def bring(self, progress: Progress, bus: Emitter, *, timeout_s: float) -> bool:
        return await start.bring(self._settings, progress, bus, timeout_s=timeout_s)


class Supervisor:
    """Supervisor of one avatar, which it starts one at a time.

    Raises:
        UsageError: the settings do not suffice, or mean another avatar to speak through.
    """

    def __init__(
        self,
        settings: SupervisorSettings,
        watch: AvatarWatch,
        bus: Emitter,
        *,
        servers: AvatarServers | None = None,
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._bus = bus
        self._identity = start.order(settings.start).identity
        if not presence.matches(settings.patterns, self._identity):
            raise UsageError(
                f"the avatar to bring in is {self._identity!r}, and --avatar means others: "
                + " or ".join(settings.patterns),
                hint="leave --avatar (MICSTREAM_AVATAR) out",
                code="avatar_differs",
            )
        self._servers = servers or _Servers(settings.start, self._identity)
        self._timeout_s = start.WAIT_S if settings.timeout_s is None else settings.timeout_s
        self._backoff = Backoff(*PAUSES_S)

    async def run(self) -> None:
        """Start the avatar; where the settings say `keep`, bring it back for ever.

        Raises:
            UsageError: the settings do not suffice.
            ConnectionFailed: the first start fails. Later ones are tried again for ever.
            AvatarUnavailable: the avatar is there and listens to somebody else.
        """
        for warning in start.warnings(self._settings.start):
            self._bus.emit(warning)
        await self._start()
        while self._settings.keep:
            await self._wait_lost()
            await self._restore()

    def _is_lost(self) -> bool:
        watch = self._watch
        return watch.connected and (watch.silent or not watch.present)

    async def _wait_lost(self) -> None:
        """Wait until it has to be brought back. One that was well for long is no habitual loss."""
        loop = asyncio.get_running_loop()
        well_since: float | None = None
        while not self._is_lost():
            if self._watch.listening and well_since is None:
                well_since = loop.time()
            await self._watch.changed()
        if well_since is not None and loop.time() - well_since > WELL_S:
            self._backoff.reset()

    async def _restore(self) -> None:
        """Start it, again and again, until it is there and not silent."""
        looks = Backoff(*PAUSES_S)
        while self._is_lost():
            if await self._is_there():
                # It is joining, or just leaving: one of the two will be seen.
                await self._wait(lambda: not self._is_lost(), looks.next_s())
                continue
            if await self._wait(lambda: not self._is_lost(), self._backoff.next_s()):
                return
            try:
                await self._remove_silent()
                await self._start()
            except MicstreamError as error:
                self._bus.emit(notices.trouble(error))

    async def _is_there(self) -> bool:
        """Whether the server has it in the room, and it is not silent there."""
        if self._watch.silent:
            return False
        try:
            return await self._servers.is_there()
        except ConnectionFailed:
            return False  # the start tells, where it is still true

    async def _remove_silent(self) -> None:
        if self._watch.silent:
            await self._servers.remove()
            watch = self._watch
            await self._wait(lambda: not (watch.silent and watch.present), LEAVE_S)

    async def _start(self) -> None:
        """Ask for it, and wait until it has joined and listens; a warning tells if it has not."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timeout_s
        progress = Progress(self._identity, self._bus)
        asked = await self._servers.bring(progress, self._bus, timeout_s=self._timeout_s)
        if not asked:
            return
        if await self._wait(lambda: self._watch.present, until - loop.time()):
            # It may have come, and be ready, before its server said so.
            progress.done("joined")
            await self._wait(lambda: self._watch.listening or self._is_lost())
            if self._watch.listening:
                progress.done("ready")
        elif self._watch.connected:  # else nobody knows
            self._bus.emit(notices.trouble(self._missing()))

    async def _wait(self, condition: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait for a state of the watch; False if it did not come within `timeout_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await self._watch.changed()
        return condition()

    def _missing(self) -> AvatarUnavailable:
        return AvatarUnavailable(
            f"its server has started the avatar {self._identity!r}, and it has not joined within "
            f"{self._timeout_s:g} s",
            hint="look at that server: can it reach LIVEKIT_URL?",
            code="no_avatar",
        )
