"""The Python interface: our place in a room with an avatar, for programs of one's own."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Any, Final, Self

from micstream.assembly import open_session
from micstream.bus import Bus, Subscription
from micstream.errors import ConnectionFailed
from micstream.events import Event
from micstream.room.utterance import Utterance
from micstream.settings import Settings, load
from micstream.sources.source import Source
from micstream.state import State
from micstream.tasks import run_guarded

_BY: Final = "program"


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
        self._bus = Bus()
        self._settings = settings if settings is not None else load(**changes)
        self._session = open_session(self._settings, self._bus)

    async def __aenter__(self) -> Self:
        try:
            await self._session.__aenter__()
        except BaseException:
            self._bus.emit_summary()  # which ends every `events`
            if self._session.keeping is not None:
                await self._session.keeping.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # That we were put out is raised by whatever is asked of us then, not by leaving.
            with suppress(ConnectionFailed):
                await self._session.__aexit__(kind, error, traceback)
        finally:
            self._bus.emit_summary()
            if self._session.keeping is not None:
                await self._session.keeping.aclose()

    @property
    def state(self) -> State:
        """State of everything: gate, route, connection, avatars, counts; a new one each time."""
        return self._bus.state

    @property
    def is_ready(self) -> bool:
        """Ready: the next word is heard, by every avatar."""
        return self._session.room.is_ready

    @property
    def backlog(self) -> float:
        """Estimated seconds of sound sent and not yet played."""
        return self._session.room.backlog_s

    async def wait_ready(self, timeout: float | None = None) -> None:
        """Wait until the avatar listens.

        Raises:
            AvatarUnavailable: not within `timeout` seconds.
        """
        await self._session.room.wait_ready(timeout)

    def utterance(
        self, *, rate: int = 16_000, avatar: str | None = None
    ) -> AbstractAsyncContextManager[Utterance]:
        """Open a segment: `await utterance.write(pcm)`, mono 16-bit at `rate` Hz.

        To one avatar: the one that `avatar` names as the settings do, or by its identity; else the
        first of them.

        It is closed at the end of the block, whatever happens in it; an interrupt closes it too,
        and the next write raises UtteranceClosed. One at a time to an avatar. Writing waits while
        the avatar has more than `max_backlog` seconds to play.

        Raises:
            AvatarUnavailable: no avatar listens just now.
            KeyError: no such avatar is spoken through.
        """
        return self._session.room.utterance(rate=rate, avatar=avatar)

    async def speak(self, source: Source, *, cut: bool = False) -> None:
        """Speak a source to its end: a `FileSource`, or anything else that yields blocks.

        `cut`: let the segmenter find the utterances; else all of it is one. While no avatar listens
        they wait for `wait_avatar` seconds (0, where it is not set); then they are dropped, and
        counted. One source at a time: this waits for the one before.

        Raises:
            ConnectionFailed: we were put out of the room for good.
            UsageError: the microphone is listened to, which has no end.
        """
        session, wait = self._session, self._settings.wait_avatar or 0.0
        await run_guarded(session.speak(source, cut=cut, wait_avatar=wait), session.wait_failed())

    async def listen(self) -> None:
        """Speak what the microphone hears, until cancelled.

        Raises:
            AudioDeviceError: it cannot be opened.
            ConnectionFailed: we were put out of the room for good.
            UsageError: it is listened to already.
        """
        await run_guarded(self._session.listen(), self._session.wait_failed())

    # ---- controls ------------------------------------------------------------------------------

    async def interrupt(self) -> None:
        """Close whatever utterance is open, and have the avatars drop what they hold."""
        await self._session.controls.interrupt(by=_BY)

    def mute(self, muted: bool = True) -> None:
        """Close the microphone's gate, ending the open utterance; or have it as it was before."""
        self._session.controls.mute("on" if muted else "off", by=_BY)

    def manual(self, opened: bool = True) -> None:
        """Open the microphone's gate by hand: all that is said is sent; or close it by hand."""
        self._session.controls.manual("on" if opened else "off", by=_BY)

    def auto(self) -> None:
        """Leave the microphone's gate to the detector."""
        self._session.controls.auto(by=_BY)

    def route(self, number: int) -> None:
        """Have one of several avatars speak what sources say, from 1 up, or all of them (0).

        A source that is no microphone changes with its next utterance.

        Raises:
            ValueError: there are not so many.
        """
        self._session.controls.route(number, by=_BY)

    def performer(self, performer: str | int) -> None:
        """Give the voice to one of several performers, by name, by number from 1, or "next".

        Raises:
            UsageError: there is no such performer.
        """
        self._session.controls.performer(performer, by=_BY)

    def give_voice(self, number: int) -> None:
        """Route, by its older name."""
        self.route(number)

    # ---- events --------------------------------------------------------------------------------

    def events(self) -> AsyncIterator[Event]:
        """Events from now on; they end after `Bye`. The newest are lost to a slow reader.

        How many, a warning of the code `events_lost` says.
        """
        subscription = self._bus.subscribe("a reader of events()")
        happening = _Happening(subscription)
        # Nothing is kept for whoever has stopped reading, or never began.
        weakref.finalize(happening, subscription.close).atexit = False
        return happening


class _Happening(AsyncIterator[Event]):
    """A subscription for as long as somebody holds this."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def __anext__(self) -> Event:
        return await anext(self._subscription)
