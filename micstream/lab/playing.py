"""Playing: what a stock receiver makes of one segment's sound as it comes. Pure: time handed in.

It cuts what comes into frames of 100 ms and plays a frame as soon as it is whole, the one before it
has been played, and the segment before has ended; the last frame is as long as what is left. Where
a frame comes later than that, there is a gap in what is heard.
Source: livekit/agents, `livekit-agents/livekit/agents/voice/avatar/_datastream_io.py`.
"""

from __future__ import annotations

from typing import Final

FRAME_S: Final = 0.1
_GAP_S: Final = 0.005
"""A frame that is less late than this is heard without a gap: clocks and queues are no better."""
_WIDTH: Final = 2
"""Bytes of a sample."""


class Playing:
    """One segment, from its first byte to its last played frame; times are monotonic seconds."""

    def __init__(self, rate: int, channels: int, *, after: float) -> None:
        self.bytes_s = rate * channels * _WIDTH
        """Bytes of a second of sound."""
        self._frame = round(rate * FRAME_S) * channels * _WIDTH
        self._after = after
        self._got = self._framed = 0
        self.started_at: float | None = None
        """When its first frame is played; None: there is none yet."""
        self.ends_at = after
        """When what is framed by now has been played."""
        self.gaps = 0
        self.gap_s = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of sound that came."""
        return self._got / self.bytes_s

    def push(self, size: int, now: float) -> None:
        """Take so many bytes."""
        self._got += size
        while self._got - self._framed >= self._frame:
            self._play(self._frame, now)

    def close(self, now: float) -> None:
        """Learn that nothing follows: what is left is played too."""
        if self._got > self._framed:
            self._play(self._got - self._framed, now)

    def position_s(self, now: float) -> float:
        """Seconds of it that have been played by now."""
        framed_s = self._framed / self.bytes_s
        return max(0.0, framed_s - max(0.0, self.ends_at - max(now, self._after)))

    def _play(self, size: int, now: float) -> None:
        at = max(now, self.ends_at)
        if self.started_at is None:
            self.started_at = at
        elif at > self.ends_at + _GAP_S:
            self.gaps += 1
            self.gap_s += at - self.ends_at
        self._framed += size
        self.ends_at = at + size / self.bytes_s
