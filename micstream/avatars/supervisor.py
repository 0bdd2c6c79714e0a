"""Brings the avatar into the room while we speak, and brings it back when it was lost.

It hears of the avatar by the monitor's events. What they say is a reason to look; whether the
avatar has to be started is asked of the server, as a connection of ours that was lost looks from
here as if the avatar had left.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

from micstream import events, notices
from micstream.avatars import start
from micstream.avatars.start import Progress
from micstream.errors import AvatarUnavailable, ConnectionFailed, MicstreamError, UsageError
from micstream.monitor import Monitor
from micstream.room import admin, presence
from micstream.settings import Settings

_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Before each start after the first; from the beginning again once an avatar was ready for ..."""
_WELL_S: Final = 60.0


class Keeper:
    """One avatar, started one at a time.

    Raises:
        UsageError: the settings do not suffice, or mean another avatar to speak through.
    """

    def __init__(self, settings: Settings, monitor: Monitor) -> None:
        self._settings = settings
        self._monitor = monitor
        self._wanted = start.order(settings)
        if not presence.matches(settings.avatar, self._wanted.identity):
            raise UsageError(
                f"the avatar to bring in is {self._wanted.identity!r}, and --avatar means others: "
                + " or ".join(settings.avatar),
                hint="leave --avatar (MICSTREAM_AVATAR) out",
                code="avatar_differs",
            )
        self._within = start.WAIT_S if settings.wait_avatar is None else settings.wait_avatar
        self._progress = self._new_progress()
        self._starts = 0
        self._joined = asyncio.Event()
        self._lost = asyncio.Event()
        self._silent = False
        self._away = False
        self._ready_at: float | None = None
        self._untold = False
        """Whether its readiness is a step still to be told."""
        monitor.listen(self._note)

    async def run(self) -> None:
        """Start the avatar; and with `keep_avatar` watch over it, for ever.

        Raises:
            UsageError: the settings do not suffice.
            ConnectionFailed: the first start fails. Later ones are tried again for ever.
            AvatarUnavailable: the avatar is there and listens to somebody else.
        """
        for doubt in start.doubts(self._settings):
            self._monitor.emit(doubt)
        self._starts = 1
        await self._start()
        while self._settings.keep_avatar:
            await self._lost.wait()
            self._lost.clear()
            await self._restore()

    async def _restore(self) -> None:
        """Until the avatar is there, and not silent."""
        while not await self._is_well():
            pause = _PAUSES_S[min(self._starts - 1, len(_PAUSES_S) - 1)]
            self._starts += 1
            await asyncio.sleep(pause)
            self._progress = self._new_progress()
            try:
                if self._silent:
                    await admin.remove(self._settings, self._wanted.identity)
                    self._silent = False
                await self._start()
            except MicstreamError as error:
                self._warn(error)
        self._lost.clear()

    async def _is_well(self) -> bool:
        if self._silent:
            return False
        try:
            return bool(await admin.find(self._settings, self._wanted.identity))
        except ConnectionFailed:
            return False  # the start says so, where it is still true

    async def _start(self) -> None:
        """Ask for it, and wait until it has joined; that it has not is told."""
        self._joined.clear()
        begun = time.monotonic()
        asked = await start.bring(
            self._settings, self._progress, within=self._within, on_trouble=self._monitor.emit
        )
        if not asked:
            return
        left = max(0.0, self._within - (time.monotonic() - begun))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._joined.wait()
                # It may have come, and be ready, before its server said so.
                self._progress.done("joined")
                self._untold = True
                self._tell_ready()
                return
        if not self._away:  # else nobody knows
            self._warn(
                AvatarUnavailable(
                    f"its server has started the avatar {self._wanted.identity!r}, and it has not "
                    f"joined within {self._within:g} s",
                    hint="look at that server: can it reach LIVEKIT_URL?",
                    code="no_avatar",
                )
            )

    def _note(self, event: events.Event) -> None:
        identity = self._wanted.identity
        match event:
            case events.AvatarJoined(identity=who) if who == identity:
                self._joined.set()
            case events.AvatarReady(identity=who) if who == identity:
                self._ready_at = time.monotonic()
                self._silent = False
                self._tell_ready()
            case events.AvatarLeft(identity=who) if who == identity:
                self._lose()
            case events.AvatarSilent(identity=who) if who == identity:
                self._silent = True
                self._lose()
            case events.Connection(state="lost" | "reconnecting"):
                self._away = True
            case events.Connection(state="connected"):
                self._away = False
                self._lost.set()  # it may have left while we were away
            case _:
                pass

    def _tell_ready(self) -> None:
        if self._untold and self._ready_at is not None:
            self._untold = False
            self._progress.done("ready")

    def _lose(self) -> None:
        if self._ready_at is not None and time.monotonic() - self._ready_at > _WELL_S:
            self._starts = 1
        self._ready_at, self._untold = None, False
        self._lost.set()

    def _new_progress(self) -> Progress:
        return Progress(self._wanted.identity, self._monitor.emit)

    def _warn(self, error: MicstreamError) -> None:
        self._monitor.emit(notices.trouble(error))
