"""The Python interface: our place in a room with an avatar, for programs of one's own."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Self

from micstream.conduct import beside
from micstream.events import Bye, Event
from micstream.monitor import Monitor
from micstream.pipeline import Performance
from micstream.room.utterance import Utterance
from micstream.settings import Settings, load
from micstream.sources.source import Source
from micstream.speech.cutter import Gate

_EVENTS_KEPT: Final = 1_000


class Sender:
    """Joins a room and speaks through the avatar in it; an async context manager.

        async with Sender(room="show") as sender:
            await sender.wait_ready(30)
            async with sender.utterance(rate=24_000) as utterance:
                await utterance.write(pcm)

    Settings are those of the command line by their names (`room`, `avatar`, `lead_ms`, ...), on top
    of the environment, `.env.local` and `.env`; or a `Settings` object.

    Raises:
        UsageError: a setting cannot be used, or one is missing.
        ConnectionFailed: the room cannot be joined.
    """

    def __init__(self, settings: Settings | None = None, /, **changes: Any) -> None:
        self._monitor = Monitor()
        self._settings = settings if settings is not None else load(**changes)
        self._performance = Performance(self._settings, self._monitor)

    async def __aenter__(self) -> Self:
        await self._performance.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._performance.__aexit__(kind, error, traceback)
        finally:
            self._monitor.emit(self._monitor.summary())

    @property
    def is_ready(self) -> bool:
        """Whether the next word is heard."""
        return self._performance.room.is_ready

    @property
    def backlog(self) -> float:
        """Estimated seconds of sound sent and not yet played."""
        return self._performance.room.backlog

    async def wait_ready(self, timeout: float | None = None) -> None:
        """Until the avatar listens.

        Raises:
            AvatarUnavailable: not within `timeout` seconds.
        """
        await self._performance.room.wait_ready(timeout)

    def utterance(
        self, *, rate: int = 16_000, avatar: str | None = None
    ) -> AbstractAsyncContextManager[Utterance]:
        """An open segment: `await utterance.write(pcm)`, mono 16-bit at `rate` Hz.

        To one avatar: the one that `avatar` names as the settings do, or by its identity; else the
        first of them.

        It is closed at the end of the block, whatever happens in it; an interrupt closes it too,
        and the next write raises UtteranceClosed. One at a time to an avatar. Writing waits while
        the avatar has more than `max_backlog` seconds to play.

        Raises:
            AvatarUnavailable: no avatar listens just now.
            KeyError: no such avatar is spoken through.
        """
        return self._performance.room.utterance(rate=rate, avatar=avatar)

    async def speak(self, source: Source, *, cut: bool = False) -> None:
        """Speak a source to its end: a `FileSource`, or anything else that yields blocks.

        `cut`: let the segmenter find the utterances; else all of it is one. While no avatar listens
        they wait for `wait_avatar` seconds (0, where it is not set); then they are dropped, and
        counted. One source at a time: this waits for the one before.

        Raises:
            ConnectionFailed: we were put out of the room for good.
            UsageError: the microphone is listened to, which has no end.
        """
        patience = self._settings.wait_avatar or 0.0
        performance = self._performance
        work = performance.speak(source, cut=cut, patience=patience)
        await beside(work, performance.wait_failed())

    async def listen(self) -> None:
        """Speak what the microphone hears, until cancelled.

        Raises:
            AudioDeviceError: it cannot be opened.
            ConnectionFailed: we were put out of the room for good.
            UsageError: it is listened to already.
        """
        await beside(self._performance.listen(), self._performance.wait_failed())

    async def interrupt(self) -> None:
        """Close whatever utterance is open, and have the avatar drop what it holds."""
        await self._performance.interrupt()

    def mute(self, muted: bool = True) -> None:
        """Close the microphone's line, ending the open utterance; or leave it to the voice."""
        self._performance.set_gate(Gate.CLOSED if muted else Gate.DETECTOR)

    def give_voice(self, number: int) -> None:
        """Have one of several avatars speak what sources say, from 1 up, or all of them (0).

        A source that is no microphone changes with its next utterance.

        Raises:
            ValueError: there are not so many.
        """
        self._performance.give_voice(number)

    def events(self) -> AsyncIterator[Event]:
        """What happens from now on; ends after `Bye`. The newest are lost to a slow reader."""
        queue: asyncio.Queue[Event] = asyncio.Queue(_EVENTS_KEPT)

        def keep(event: Event) -> None:
            if queue.full() and isinstance(event, Bye):
                queue.get_nowait()
            if not queue.full():
                queue.put_nowait(event)

        self._monitor.listen(keep)
        happening = self._read(queue)
        # Nothing is kept for whoever has stopped reading, or never began.
        weakref.finalize(happening, self._monitor.unlisten, keep).atexit = False
        return happening

    async def _read(self, queue: asyncio.Queue[Event]) -> AsyncIterator[Event]:
        while True:
            event = await queue.get()
            yield event
            if isinstance(event, Bye):
                return
