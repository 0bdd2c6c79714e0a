"""Utterance that a program of one's own speaks: one segment, opened, written, closed."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from micstream.audio.format import AudioFormat
from micstream.speech.events import EndReason

_PIECE_MS: Final = 1_000
"""Offered at once: writing may have to wait between two of them."""
_GONE: Final = "the avatar, or the way to it, was lost: the rest of the utterance is not heard"


class AvatarGone(Exception):
    """The avatar, or the way to it, was lost while the utterance was open."""


class UtteranceClosed(AvatarGone):
    """It was closed already, by an interrupt or by its owner."""


class Turn(Protocol):
    """Delivery of one avatar, as far as the owner of a direct utterance needs it."""

    def offer(self, claim: int, pcm: bytes) -> bool:
        """Hand over sound; False: the utterance is over."""
        ...

    def want_capacity(self, claim: int) -> None:
        """Ask to be told once the avatar can take more."""
        ...

    def end(self, claim: int, reason: EndReason) -> None:
        """Take nothing more of it, and close it."""
        ...


class Utterance:
    """Open segment. Write mono 16-bit PCM at its rate into it; it is resampled for the avatar.

    What is written is sent at once up to the last whole chunk; closing sends the rest. The
    prebuffer (`lead_ms`) is gathered before the first write.
    """

    def __init__(self, turn: Turn, claim: int, rate: int) -> None:
        self.id = ""
        """Name in events; empty until it has its turn."""
        self.sent_s = 0.0
        """Seconds of sound written to the avatar so far."""
        self._turn = turn
        self._claim = claim
        self._piece = AudioFormat(rate).bytes(_PIECE_MS)
        self._writing = asyncio.Lock()
        self._news = asyncio.Event()
        self._granted: bool | None = None
        self._sent = True
        self._has_capacity = False
        self._ended: EndReason | None = None

    async def write(self, pcm: bytes) -> None:
        """Send more speech: mono 16-bit PCM. Waits while the avatar has enough to play.

        Raises:
            UtteranceClosed: it was closed, by an interrupt for example.
            AvatarGone: it cannot be heard any more.
        """
        for at in range(0, len(pcm), self._piece):
            async with self._writing:
                await self._write(pcm[at : at + self._piece])

    async def aclose(self, reason: EndReason = EndReason.SOURCE_ENDED) -> None:
        """Send the rest and close the stream; never raises for want of an avatar."""
        self._turn.end(self._claim, reason)
        while self._ended is None:
            await self._wait()

    async def _write(self, pcm: bytes) -> None:
        self._has_capacity = False
        self._turn.want_capacity(self._claim)
        while not self._has_capacity and self._ended is None:
            await self._wait()
        self._sent = False
        if self._turn.offer(self._claim, pcm):
            while not self._sent and self._ended is None:
                await self._wait()
        if not self._sent:
            raise await self._over()

    async def _over(self) -> AvatarGone:
        while self._ended is None:  # it is being closed
            await self._wait()
        if self._ended is EndReason.AVATAR:
            return AvatarGone(_GONE)
        return UtteranceClosed(f"the utterance {self.id} is closed: open another")

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    # ---- from the delivery's side --------------------------------------------------------------

    async def begin(self) -> bool:
        """Wait for its turn; False: nobody listens."""
        try:
            while self._granted is None:
                await self._wait()
        except asyncio.CancelledError:
            self._turn.end(self._claim, EndReason.SHUTDOWN)
            raise
        return self._granted

    def grant(self, id: str) -> None:
        """Take note that it has its turn, under this name in events."""
        self.id, self._granted = id, True
        self._news.set()

    def refuse(self) -> None:
        """Take note that nobody listens."""
        self._granted = False
        self._news.set()

    def sent(self, sent_s: float) -> None:
        """Take note that what is due of the sound offered last is written."""
        self._sent, self.sent_s = True, sent_s
        self._news.set()

    def capacity(self) -> None:
        """Take note that the avatar can take more."""
        self._has_capacity = True
        self._news.set()

    def end(self, reason: EndReason, sent_s: float) -> None:
        """Take note that it is closed."""
        self._ended, self.sent_s = reason, sent_s
        self._news.set()
