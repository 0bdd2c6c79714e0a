"""Takes the segmenter's events and speaks them through the avatar, in a task of its own.

The capture never waits: a write can block for seconds while the room reconnects. What waits here
is bounded; what does not fit, or comes while no avatar listens, is dropped by whole utterances
from there on, and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Literal

from micstream.audio.format import SPEECH
from micstream.avatar.room import AvatarRoom
from micstream.avatar.utterance import AvatarGone, Utterance
from micstream.errors import AvatarUnavailable
from micstream.events import Dropped
from micstream.monitor import Monitor
from micstream.speech.events import End, EndReason, Onset, SegmentEvent, Speech

Mode = Literal["live", "utterance"]

_QUEUE_S: Final = 10.0
"""Seconds of sound that may wait for the network."""
_COLLECT_S: Final = 660.0
"""Seconds that a collected utterance may last: more than the longest one allowed."""


class Speaker:
    """A bounded queue and the one utterance that is being spoken."""

    def __init__(self, room: AvatarRoom, monitor: Monitor, mode: Mode) -> None:
        self._room = room
        self._monitor = monitor
        self._mode = mode
        self._queue: deque[tuple[SegmentEvent, float]] = deque()
        self._queued_samples = 0
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._onset: Onset | None = None
        self._captured_at = 0.0
        self._utterance: Utterance | None = None
        self._collected: list[Speech] = []
        self._dropped_samples = 0
        self._dropped_why = ""
        self._overflowing = False

    # ---- from the sound's side -----------------------------------------------------------------

    def put(self, event: SegmentEvent, captured_at: float) -> None:
        """Take an event, now; an onset's first sample was captured at this monotonic second."""
        limit = SPEECH.samples(1000 * (_QUEUE_S if self._mode == "live" else _COLLECT_S))
        if isinstance(event, Speech):
            if self._overflowing or self._queued_samples > limit:
                self._overflowing = True
                self._drop(event, "the network is too slow")
                return
            self._queued_samples += len(event.pcm) // 2
        elif isinstance(event, Onset):
            self._overflowing = False
        self._queue.append((event, captured_at))
        self._idle.clear()
        self._changed.set()

    async def put_in_turn(self, event: SegmentEvent, captured_at: float) -> None:
        """As `put`, once there is room: for sources that can wait."""
        while self._queued_samples > SPEECH.samples(1000):
            self._taken.clear()
            await self._taken.wait()
        self.put(event, captured_at)

    async def join(self) -> None:
        """Until everything taken is sent or dropped."""
        await self._idle.wait()

    # ---- the task ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Speak until cancelled; the open utterance is closed then."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                while self._queue:
                    event, captured_at = self._queue.popleft()
                    if isinstance(event, Speech):
                        self._queued_samples -= len(event.pcm) // 2
                    self._taken.set()
                    await self._speak(event, captured_at)
                self._idle.set()
        finally:
            await self._close(EndReason.SHUTDOWN)
            self._tell_dropped()

    async def interrupt(self) -> None:
        """Drop what waits here, close the segment, and have the avatar drop the rest."""
        queued = [event for event, _ in self._queue]
        for event in (*self._collected, *queued):
            if isinstance(event, Speech):
                self._drop(event, "interrupted")
        self._collected.clear()
        self._queue.clear()
        self._queued_samples = 0
        await self._close(EndReason.INTERRUPT)
        self._tell_dropped()
        await self._room.clear()

    async def _speak(self, event: SegmentEvent, captured_at: float) -> None:
        match event:
            case Onset():
                self._onset, self._captured_at = event, captured_at
                self._collected.clear()
                if self._mode == "live":
                    await self._open(event)
            case Speech() if self._mode == "live":
                await self._write(event)
            case Speech():
                self._collected.append(event)
            case End():
                if self._mode == "utterance":
                    await self._speak_collected(event)
                await self._close(event.reason)
                self._tell_dropped()

    async def _speak_collected(self, end: End) -> None:
        """The whole utterance in one go, without its trailing silence; no false alarms."""
        collected = list(self._collected)
        self._collected.clear()
        if self._onset is None or not end.enough or end.reason is EndReason.INTERRUPT:
            return
        whole = b"".join(speech.pcm for speech in collected)
        trimmed = whole[: (end.speech_end - self._onset.start) * 2]
        await self._open(self._onset)
        await self._write(Speech(self._onset.start, trimmed))

    async def _open(self, onset: Onset) -> None:
        try:
            self._utterance = await self._room.open_utterance(
                captured_at=self._captured_at,
                onset_s=onset.onset / SPEECH.rate,
                decided_s=onset.decided / SPEECH.rate,
            )
        except AvatarUnavailable:
            self._utterance = None

    async def _write(self, speech: Speech) -> None:
        if self._utterance is None:
            self._drop(speech, "no avatar listens")
            return
        try:
            await self._utterance.write(speech.pcm)
        except AvatarGone:
            await self._close(EndReason.AVATAR)

    async def _close(self, reason: EndReason) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            await utterance.aclose(reason)

    def _drop(self, speech: Speech, why: str) -> None:
        self._dropped_samples += len(speech.pcm) // 2
        self._dropped_why = self._dropped_why or why

    def _tell_dropped(self) -> None:
        if self._dropped_samples:
            seconds = self._dropped_samples / SPEECH.rate
            self._monitor.emit(Dropped(seconds=seconds, why=self._dropped_why))
        self._dropped_samples, self._dropped_why = 0, ""
