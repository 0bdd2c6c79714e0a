"""A participant's picture: decoded frames, with the time at which each arrived."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from livekit import rtc

from micstream.viewer.feed import Feed, close

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PictureFrame:
    """One decoded frame of one participant. It holds its pixels: 1.4 MB at 1280 by 720."""

    width: int
    height: int
    timestamp_us: int
    """The SDK's, in microseconds: when the frame is due, by a clock of its own."""
    arrived: float
    """`time.monotonic()` at which it was handed over."""
    arrived_unix: float
    """`time.time()` at which it was handed over."""
    track: str
    """Sid of its track: another one where the participant has come back, or published anew."""
    i420: memoryview = field(repr=False)
    """Brightness, then the two planes of colour at half the size (YUV 4:2:0)."""
    stamp_us: int | None = None
    """What its sender put on it (`user_timestamp`): microseconds, as a rule of unix time."""

    @property
    def luma(self) -> Pixels:
        """Brightness, in rows and columns; not a copy."""
        size = self.width * self.height
        return np.frombuffer(self.i420, np.uint8, count=size).reshape(self.height, self.width)


class PictureFeed(Feed[PictureFrame]):
    """One participant's picture."""

    async def _items(self, track: rtc.Track) -> AsyncGenerator[PictureFrame, None]:
        # Where the track ends the SDK's iterator waits for ever: the reader is cancelled instead.
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                now, unix = time.monotonic(), time.time()
                frame = event.frame
                yield PictureFrame(
                    width=frame.width,
                    height=frame.height,
                    timestamp_us=event.timestamp_us,
                    arrived=now,
                    arrived_unix=unix,
                    track=track.sid,
                    i420=frame.data,
                    stamp_us=_stamp(event),
                )
        finally:
            await close(stream)


def _stamp(event: rtc.VideoFrameEvent) -> int | None:
    metadata = event.metadata
    return metadata.user_timestamp if metadata and metadata.HasField("user_timestamp") else None
