"""From one participant's track to the sinks that take it, over as many tracks as come.

A participant that leaves and comes back, or publishes anew, has another track: its feed goes on
with that one. Nothing is read while there is no sink.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, Generic, Protocol, TypeVar

from livekit import rtc

from micstream.viewer.tap import Sink

T = TypeVar("T")

_CLOSE_S: Final = 1.0
"""Closing a stream of the SDK waits for its last event; more than this means that none comes."""


class Stream(Protocol):
    """An SDK stream, as far as it is closed here."""

    async def aclose(self) -> None:
        """Give it up, and wait for its last event."""


async def close(stream: Stream) -> None:
    """Close a stream of the SDK, in bounded time."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await stream.aclose()
    except TimeoutError:
        pass  # cancelled with it: the SDK's task that would have waited for ever


class Feed(ABC, Generic[T]):
    """One participant's sound, or picture: its sinks, and what reads the track for them.

    `failed` is told the error with which reading ended, if it did.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._sinks: list[Sink[T]] = []
        self._tracks: dict[str, rtc.Track] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def is_wanted(self) -> bool:
        """Whether anybody takes it."""
        return bool(self._sinks)

    def attach(self, sink: Sink[T]) -> None:
        """Hand what arrives from now on to `sink` too."""
        self._sinks.append(sink)
        for track in self._tracks.values():
            self._read(track)

    def detach(self, sink: object) -> bool:
        """End `sink`, and stop reading if it was the last; False where it is none of ours."""
        ours = [each for each in self._sinks if each is sink]
        if not ours:
            return False
        self._sinks = [each for each in self._sinks if each is not sink]
        for each in ours:
            each.end(None)
        if not self._sinks:
            for sid in tuple(self._readers):
                self._stop(sid)
        return True

    def begin(self, track: rtc.Track) -> None:
        """Read this track, for as long as there is a sink; in place of one of the same sid."""
        self._stop(track.sid)
        self._tracks[track.sid] = track
        if self._sinks:
            self._read(track)

    def stop(self, sid: str) -> None:
        """Read the track no more: it is not subscribed to, or gone."""
        self._tracks.pop(sid, None)
        self._stop(sid)

    def fail(self, error: Exception | None) -> None:
        """End all sinks, with an error where there is one: nothing comes any more."""
        sinks, self._sinks = self._sinks, []
        for sink in sinks:
            sink.end(error)

    async def aclose(self) -> None:
        """Close all streams, and end all sinks."""
        for sid in tuple(self._tracks):
            self.stop(sid)
        if self._closing:
            await asyncio.wait(self._closing)
        self.fail(None)

    @abstractmethod
    def _items(self, track: rtc.Track) -> AsyncGenerator[T, None]:
        """What arrives on this track; whoever closes it closes the SDK's stream."""

    def _read(self, track: rtc.Track) -> None:
        sid = track.sid
        if sid not in self._readers:
            reader = asyncio.create_task(self._hand_on(track), name=f"viewer {sid}")
            self._readers[sid] = reader
            reader.add_done_callback(lambda reader: self._ended(sid, reader))

    def _stop(self, sid: str) -> None:
        if (reader := self._readers.pop(sid, None)) is not None and not reader.done():
            self._closing.add(reader)
            reader.add_done_callback(self._closing.discard)
            reader.cancel()

    async def _hand_on(self, track: rtc.Track) -> None:
        async with aclosing(self._items(track)) as items:
            async for item in items:
                for sink in tuple(self._sinks):
                    sink.push(item)

    def _ended(self, sid: str, reader: asyncio.Task[None]) -> None:
        if self._readers.get(sid) is reader:
            del self._readers[sid]
        if not reader.cancelled() and isinstance(error := reader.exception(), Exception):
            self.fail(error)
            self._failed(error)
