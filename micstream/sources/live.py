"""Reopening: one wrapper that makes a source without an end of anything that can be opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from micstream.audio.format import AudioFormat
from micstream.backoff import Backoff
from micstream.errors import AudioDeviceError
from micstream.sources.source import Away, Block, Item, Lost, Opened, Opener, Source

_REOPEN_S: Final = 1.0
_AWAY_S: Final = 4.5
"""A cable that is plugged in again, or a sound server that is started anew, takes less."""


class Reopening:
    """A live source that is opened again, a second after it was lost and every second after that.

    The first block after a loss tells the time that the source was away as lost (`device`), so that
    the capture's timeline goes on.
    """

    def __init__(
        self, opener: Opener, *, backoff: Backoff | None = None, away_s: float = _AWAY_S
    ) -> None:
        self._opener = opener
        self._away_s = away_s
        self._backoff = backoff or Backoff(_REOPEN_S)

    async def items(self) -> AsyncGenerator[Item, None]:
        """`Opened`, blocks, `Lost`, `Opened` again, and so on, until the generator is closed.

        Once the source was away for some seconds, `Away` says why; again where the reason changes.

        Raises:
            AudioDeviceError: it cannot be opened the first time, or is lost before its first block.
        """
        source = await self._opener.open()
        ended_at: float | None = None
        absence = _Absence(source, self._away_s)
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
                absence = _Absence(source, self._away_s)
            found: Source | None = None
            failed = not opened
            while found is None:
                if failed and (away := absence.told(error)) is not None:
                    yield away
                await asyncio.sleep(self._backoff.next_s())
                try:
                    found = await self._opener.open(again=True)
                except AudioDeviceError as in_the_way:
                    error, failed = in_the_way, True
            source = found


class _Absence:
    """The time since a source was lost, and what was told of it."""

    def __init__(self, source: Source, away_s: float) -> None:
        self._source = source
        self._due = asyncio.get_running_loop().time() + away_s
        self._codes: set[str] = set()

    def told(self, error: AudioDeviceError) -> Away | None:
        """What is to be told of an attempt that failed; None: nothing, or nothing new."""
        if asyncio.get_running_loop().time() < self._due or error.code in self._codes:
            return None
        self._codes.add(error.code)
        why = AudioDeviceError(
            f"{self._source.name!r} is not back: {error.message}",
            hint=error.hint,
            code=error.code,
        )
        return Away(self._source, why)


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
