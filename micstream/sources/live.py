"""Reopening: one wrapper that makes a source without an end of anything that can be opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from micstream.audio.format import AudioFormat
from micstream.backoff import Backoff
from micstream.errors import AudioDeviceError
from micstream.sources.source import Block, Item, Lost, Opened, Opener, Source

_REOPEN_S: Final = 1.0


class Reopening:
    """A live source that is opened again, a second after it was lost and every second after that.

    The first block after a loss tells the time that the source was away as lost (`device`), so that
    the capture's timeline goes on.
    """

    def __init__(self, opener: Opener, *, backoff: Backoff | None = None) -> None:
        self._opener = opener
        self._backoff = backoff or Backoff(_REOPEN_S)

    async def items(self) -> AsyncGenerator[Item, None]:
        """`Opened`, blocks, `Lost`, `Opened` again, and so on, until the generator is closed.

        Raises:
            AudioDeviceError: it cannot be opened the first time, or is lost before its first block.
        """
        source = await self._opener.open()
        ended_at: float | None = None
        while True:
            error, opened = _ended(source), False
            blocks = source.blocks()
            try:
                async for block in blocks:
                    if opened:
                        yield block
                    else:
                        opened = True
                        self._backoff.reset()
                        yield Opened(source, again=ended_at is not None)
                        yield bridged(block, source.format, ended_at)
                    ended_at = block.ends_at
            except AudioDeviceError as lost:
                error = lost
            finally:
                if isinstance(blocks, AsyncGenerator):
                    await blocks.aclose()
            if ended_at is None:
                raise error
            if opened:
                yield Lost(source, error)
            source = await self._open_again()

    async def _open_again(self) -> Source:
        while True:
            await asyncio.sleep(self._backoff.next_s())
            try:
                return await self._opener.open(again=True)
            except AudioDeviceError:
                continue


def bridged(block: Block, format: AudioFormat, ended_at: float | None) -> Block:
    """The first block after sound that ended at `ended_at`: what lies between, and no more, counts
    as lost. None: there was no sound before."""
    if ended_at is None:
        return block
    away_s = block.ends_at - format.seconds(len(block.pcm)) - ended_at
    if away_s <= 0.0:
        return block._replace(lost_s=0.0, lost_code="")
    return block._replace(lost_s=away_s, lost_code="device")


def _ended(source: Source) -> AudioDeviceError:
    return AudioDeviceError(
        f"{source.name!r} has ended",
        hint="it is opened again as soon as it is there",
        code="device_lost",
    )
