"""A participant's sound: blocks of 10 ms at 16 kHz, with the time at which each arrived."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from livekit import rtc

from micstream.audio.format import SPEECH
from micstream.viewer.feed import Feed, close

RATE: Final = SPEECH.rate
BLOCKS_PER_S: Final = 100

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class SoundBlock:
    """Some sound of one participant as it came out of the jitter buffer.

    A block can arrive late and never early: of several, the earliest tells best when the sound was
    there.
    """

    pcm: bytes
    """16-bit mono at 16 kHz, 10 ms as a rule; silence is delivered like sound."""
    position: int
    """Index of its first sample, counted since the first block, over all tracks that came."""
    arrived: float
    """`time.monotonic()` at which it was handed over."""
    arrived_unix: float
    """`time.time()` at which it was handed over."""
    track: str
    """Sid of its track: another one where the participant has come back, or published anew."""

    @property
    def samples(self) -> Samples:
        """The same as an array."""
        return np.frombuffer(self.pcm, dtype=np.int16)


class SoundFeed(Feed[SoundBlock]):
    """One participant's sound."""

    _position = 0

    async def _items(self, track: rtc.Track) -> AsyncGenerator[SoundBlock, None]:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        try:
            async for event in stream:
                now, unix = time.monotonic(), time.time()
                pcm = bytes(event.frame.data)
                yield SoundBlock(pcm, self._position, now, unix, track.sid)
                self._position += len(pcm) // 2
        finally:
            await close(stream)
