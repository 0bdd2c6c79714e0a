"""Levels of the microphone for whoever watches: ten a second at most, and none unless wanted."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Self

from micstream.audio.levels import is_clipped, peak_db, rms_db
from micstream.taps import Captured, Tap, Taps

_EVERY_S: Final = 0.1


class Levels:
    """Level of each tenth of a second: an async iterator that waits until somebody wants them."""

    def __init__(self, taps: Taps) -> None:
        self._taps = taps
        self._tap: Tap | None = None
        self._wanted = asyncio.Event()

    def want(self, wanted: bool) -> None:
        """Begin to measure, or end it."""
        if wanted and self._tap is None:
            self._tap = self._taps.tap(sent=False, capacity_s=2.0)
            self._wanted.set()
        elif not wanted:
            self.close()

    def close(self) -> None:
        """End it."""
        self._wanted.clear()
        if self._tap is not None:
            self._tap.close()
            self._tap = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_EVERY_S)
            sounds = [] if self._tap is None else self._tap.taken()
            heard = (each for each in sounds if isinstance(each, Captured) and not each.held)
            pcm = b"".join(sound.pcm for sound in heard)
            if pcm:
                return measured(pcm)


def measured(pcm: bytes) -> dict[str, Any]:
    """Level of 16-bit PCM in dBFS: RMS, peak, and whether it clips."""
    peak = peak_db(pcm)
    return {
        "rms_db": round(rms_db(pcm), 1),
        "peak_db": round(peak, 1),
        "clipping": is_clipped(peak),
    }
