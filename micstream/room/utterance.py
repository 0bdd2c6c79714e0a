"""One utterance, one stream: whoever opens it closes it, whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from micstream.audio.format import AudioFormat
from micstream.audio.resample import Resampler
from micstream.delivery import wire
from micstream.delivery.ledger import Ledger
from micstream.events import Dropped, Event, UtteranceEnded, UtteranceStarted
from micstream.speech.events import EndReason

if TYPE_CHECKING:
    from livekit import rtc

_CLOSE_S: Final = 0.5
"""A close that takes longer has no network under it; leaving it is all that is left. On a slow
network too it takes no time."""
_STALL_S: Final = wire.RECEIVER_IDLE_S - 1.0
"""After so long without a write the receiver is about to give the stream up: open another."""

_MOST_MS: Final = 1_000
"""Written at once, where writing may have to wait."""
_ROOM_S: Final = 0.05

_SDK_ERRORS: Final = (ConnectionError, RuntimeError, AssertionError)
"""What the SDK raises once the room is gone; a failed assertion for a handle it has let go."""


_GONE: Final = "the avatar, or the way to it, was lost: the rest of the utterance is not heard"


class AvatarGone(Exception):
    """The avatar, or the way to it, was lost while the utterance was open."""


class UtteranceClosed(AvatarGone):
    """It was closed already, by an interrupt or by its owner."""


class Utterance:
    """An open segment. Write mono 16-bit PCM at `rate` Hz into it; it resamples for the avatar.

    What is written is sent at once up to the last whole chunk; closing sends the rest. `lead_ms`
    of sound are gathered before the first write.
    """

    def __init__(
        self,
        *,
        id: str,
        captured_at: float,
        onset_s: float,
        decided_s: float,
        open_stream: Callable[[AudioFormat], asyncio.Future[rtc.ByteStreamWriter]],
        still_there: Callable[[], bool],
        ledger: Ledger,
        emit: Callable[[Event], None],
        on_closed: Callable[[bool], None],
        rate: int,
        avatar_rate: int,
        lead_ms: int,
        chunk_ms: int,
        has_room: Callable[[], bool] | None,
    ) -> None:
        self.id = id
        self._format = AudioFormat(avatar_rate)
        self._onset_s, self._decided_s = onset_s, decided_s
        self._open_stream = open_stream
        self._still_there = still_there
        self._ledger = ledger
        self._emit = emit
        self._on_closed = on_closed
        self._has_room = has_room
        self._lead = self._format.bytes(lead_ms)
        self._chunk = self._format.bytes(chunk_ms)
        self._most = AudioFormat(rate).bytes(_MOST_MS)
        self._resampler = Resampler(AudioFormat(rate), avatar_rate)
        self._segment = ledger.opened(id, captured_at)
        self._writer: rtc.ByteStreamWriter | None = None
        self._waiting = b""
        self._taken = 0  # bytes in the avatar's format
        self._sent = 0
        self._written_at = 0.0
        self._closed = False
        self._busy = asyncio.Lock()  # whoever interrupts closes while another task may write

    @property
    def sent_s(self) -> float:
        """Seconds of sound written to the avatar so far."""
        return self._format.seconds(self._sent)

    @property
    def gathered_s(self) -> float:
        """Seconds of sound that wait for the next write to be whole."""
        return self._format.seconds(len(self._waiting))

    async def write(self, pcm: bytes) -> None:
        """Send more speech: mono 16-bit PCM.

        Raises:
            UtteranceClosed: it was closed, by an interrupt for example.
            AvatarGone: it cannot be heard any more.
        """
        most = self._most if self._has_room is not None else max(len(pcm), 1)
        for at in range(0, len(pcm), most):
            await self._until_there_is_room()
            async with self._busy:
                if self._closed:
                    raise UtteranceClosed(f"the utterance {self.id} is closed: open another")
                self._take(self._resampler.push(pcm[at : at + most]))
                if due := self._due():
                    await self._send(due)

    async def _until_there_is_room(self) -> None:
        if self._has_room is not None:
            while not self._has_room() and not self._closed:  # noqa: ASYNC110 - it is a clock's
                await asyncio.sleep(_ROOM_S)

    def _due(self) -> int:
        """Bytes to send now: the lead first, then whole chunks.

        Chunks are counted from the utterance's start: a receiver that plays frames of 100 ms then
        has each of them complete as early as it can be.
        """
        waiting = len(self._waiting)
        if self._sent == 0:
            return waiting if waiting >= max(self._lead, 1) else 0
        return max(0, (self._sent + waiting) // self._chunk * self._chunk - self._sent)

    async def aclose(self, reason: EndReason = EndReason.SOURCE_ENDED) -> None:
        """Send the rest and close the stream; never raises for want of an avatar."""
        async with self._busy:
            if not self._closed:
                self._closed = True
                await self._finish(reason)

    async def _finish(self, reason: EndReason) -> None:
        try:
            self._take(self._resampler.finish())
            if self._waiting and reason is not EndReason.INTERRUPT:
                async with asyncio.timeout(_CLOSE_S):
                    await self._send(len(self._waiting))
        except (AvatarGone, TimeoutError):
            reason = EndReason.AVATAR
        finally:
            try:
                await self._close_stream()
            finally:
                self._settle(reason)

    def _settle(self, reason: EndReason) -> None:
        self._ledger.closed(self._segment)
        self._on_closed(self._sent > 0)
        if self._sent:
            self._emit(
                UtteranceEnded(id=self.id, duration_s=self.sent_s, bytes=self._sent, reason=reason)
            )
        if self._taken > self._sent:
            why = "interrupted" if reason is EndReason.INTERRUPT else "the avatar was lost"
            lost = self._format.seconds(self._taken - self._sent)
            self._emit(Dropped(seconds=lost, why=why))

    def _take(self, pcm: bytes) -> None:
        self._waiting += pcm
        self._taken += len(pcm)

    async def _send(self, size: int) -> None:
        if not self._still_there():
            raise AvatarGone(_GONE)
        now = time.monotonic()
        if self._writer is not None and now - self._written_at > _STALL_S:
            await self._close_stream()
            # Two streams are played as two segments, and each is reported.
            self._ledger.closed(self._segment)
            self._segment = self._ledger.opened(self.id, captured_at=now)
        first = self._sent == 0
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        try:
            writer = self._writer or await self._open()
            self._ledger.sending(self._segment, time.monotonic())
            await writer.write(data)
        except _SDK_ERRORS:
            raise AvatarGone(_GONE) from None
        self._written_at = time.monotonic()
        self._sent += size
        self._ledger.sent(self._segment, self._format.seconds(size), self._written_at)
        if first:
            self._emit(
                UtteranceStarted(
                    id=self.id,
                    onset_s=self._onset_s,
                    decided_s=self._decided_s,
                    lead_ms=round(self._format.seconds(size) * 1000),
                )
            )

    async def _open(self) -> rtc.ByteStreamWriter:
        opening = self._open_stream(self._format)
        try:
            self._writer = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The header may be out already: the stream has to be known, to be closed.
            await asyncio.wait([opening], timeout=_CLOSE_S)
            if opening.done() and opening.exception() is None:
                self._writer = opening.result()
            raise
        return self._writer

    async def _close_stream(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        closing = asyncio.ensure_future(writer.aclose())
        try:
            # Shielded: the stream is closed even where whoever writes into it is cancelled.
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.shield(closing)
        except (*_SDK_ERRORS, TimeoutError):
            closing.cancel()
        except asyncio.CancelledError:
            await asyncio.wait([closing], timeout=_CLOSE_S)
            raise
