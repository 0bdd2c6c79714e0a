"""Keeping: a session written down as it goes, into the log and, where asked for, into a record.

It takes events and sound where they are told, in the loop, puts each into a writer's bounded queue
and returns. So it has no task, wakes nobody, and nothing that a disk does is felt by the sound.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from micstream import record_notices
from micstream.bus import Bus, Subscription
from micstream.errors import UsageError
from micstream.events import AvatarJoined, Bye, Connection, Event, Recording
from micstream.record.log import EventLog, new_run
from micstream.record.store import Item, Published, Store, make_folder
from micstream.record.writer import Writer
from micstream.settings.pieces import KeepingSettings
from micstream.taps import Captured, Sent, Tap, Taps

if TYPE_CHECKING:
    from micstream.record.avatar_sound import AvatarSound

LOG_BYTES: Final = 1 << 20
"""Events that may wait for the log's disk."""
RECORD_BYTES: Final = 16 << 20
"""Sound and events that may wait for the record's: some minutes."""
_EVENT_BYTES: Final = 300
"""What an event counts for in these."""
_CLOSE_S: Final = 0.5
_LEAVE_S: Final = 0.5


class Keeping:
    """What one session is written down by; `told` is for the session to tell first.

    Raises:
        UsageError: the record's folder cannot be made, has no space, or what is asked for does not
            go together.
    """

    def __init__(self, settings: KeepingSettings, bus: Bus, taps: Taps) -> None:
        self.folder: Path | None = None
        """The record's own folder; None: nothing is recorded."""
        self.told: Sequence[Event] = ()
        self._bus = bus
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writers: list[Writer[Any]] = []
        self._avatars: AvatarSound | None = None
        self._listening: asyncio.Task[None] | None = None
        self._settings = settings
        self._record: Writer[Item] | None = None
        if settings.avatar_sound and settings.folder is None:
            raise UsageError(
                "--record-avatar needs --record", hint="name a folder with --record", code="usage"
            )
        if settings.folder is not None:
            self._begin_record(Path(settings.folder), taps)
        if settings.log:
            self._begin_log()

    async def aclose(self, timeout: float = _CLOSE_S) -> None:
        """Wait for what is still to be written, `timeout` seconds at most; after `Bye`."""
        if self._listening is not None:
            await asyncio.wait({self._listening}, timeout=_LEAVE_S)
        deadline = time.monotonic() + timeout
        for writer in self._writers:
            left = max(0.0, deadline - time.monotonic())
            await asyncio.to_thread(writer.wait_ended, left)

    # ---- beginning -----------------------------------------------------------------------------

    def _begin_log(self) -> None:
        kept = EventLog(new_run(), self._tell)

        def failed(error: Exception) -> None:
            self._tell(record_notices.log_failed(f"{kept.place}", repr(error)))

        log = Writer("log", kept, LOG_BYTES, failed)
        self._writers.append(log)
        self._bus.add(_Kept("the log", self._in_loop(partial(_put, log)), log.end))

    def _begin_record(self, within: Path, taps: Taps) -> None:
        if self._settings.avatar_sound:
            self._settings.connection.keys(or_else="; --record-avatar joins as a viewer by them")
        self.folder = make_folder(within)
        began = time.monotonic()
        try:
            store = Store(self.folder, _manifest(self._settings), began, self._tell)
        except OSError as error:
            raise UsageError(
                f"--record {within}: nothing can be written there: {error}", code="record_folder"
            ) from None
        place = f"{self.folder}"

        def failed(error: Exception) -> None:
            self._tell(record_notices.record_stopped(place, repr(error)))

        self._record = record = Writer("record", store, RECORD_BYTES, failed)
        self._writers.append(record)
        self.told = [Recording(folder=str(self.folder))]
        tap = _Copied(taps, record)

        def end() -> None:
            tap.close()
            if self._listening is not None:
                self._listening.cancel()
            record.end()

        self._bus.add(_Kept("the record", self._in_loop(self._take), end))

    def _in_loop(self, take: Callable[[Event], None]) -> Callable[[Event], None]:
        """The same, which learns in which loop events are told."""

        def taking(event: Event) -> None:
            if self._loop is None:
                with contextlib.suppress(RuntimeError):
                    self._loop = asyncio.get_running_loop()
            take(event)

        return taking

    def _take(self, event: Event) -> None:
        """Record an event; the first connection and each avatar begin what is to be heard."""
        assert self._record is not None
        _put(self._record, event)
        if not self._settings.avatar_sound:
            return
        if self._listening is None and isinstance(event, Connection) and event.state == "connected":
            from micstream.record.avatar_sound import AvatarSound

            self._avatars = AvatarSound(self._settings.connection, self._published, self._tell)
            self._listening = asyncio.get_running_loop().create_task(self._avatars.run())
        if self._avatars is not None and isinstance(event, AvatarJoined):
            self._avatars.hear(event.identity)

    def _published(self, sound: Published) -> None:
        if self._record is not None:
            self._record.put((sound.at, sound), len(sound.pcm))

    def _tell(self, event: Event) -> None:
        """Tell an event from any thread, unless the session is over."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has closed
                loop.call_soon_threadsafe(self._bus.emit, event)


class _Kept(Subscription):
    """Hands each event on at once; nothing waits in it. `end` is called after the last one."""

    def __init__(self, name: str, take: Callable[[Event], None], end: Callable[[], None]) -> None:
        super().__init__(name)
        self._take = take
        self._end = end

    def offer(self, event: Event) -> None:
        """Hand it on."""
        if self.is_closed:
            return
        self._take(event)
        if isinstance(event, Bye):
            self.close()
            self._end()


class _Copied(Tap):
    """Hands all sound on to a writer at once; nothing waits in it."""

    def __init__(self, taps: Taps, writer: Writer[Item]) -> None:
        super().__init__(taps, captured=True, sent=True, capacity_s=0.0)
        self._writer = writer
        taps.add(self)

    def push(self, sound: Captured | Sent) -> None:
        """Hand it on."""
        self._writer.put((time.monotonic(), sound), len(sound.pcm))


def _put(writer: Writer[Any], event: Event) -> None:
    writer.put((time.monotonic(), event), _EVENT_BYTES)


def _manifest(settings: KeepingSettings) -> dict[str, Any]:
    """What a record says of itself from its beginning."""
    sending = settings.sending
    return {
        "micstream": _version(),
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "began_unix": round(time.time(), 3),
        "room": settings.connection.room,
        "avatars": list(settings.patterns),
        "avatar_sound": settings.avatar_sound,
        "sending": {
            "rate": sending.avatar_rate,
            "lead_ms": sending.prebuffer_ms,
            "chunk_ms": sending.chunk_ms,
        },
    }


def _version() -> str:
    try:
        return version("micstream")
    except PackageNotFoundError:
        return ""
