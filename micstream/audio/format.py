"""What a run of PCM bytes means: rate, channels, and the sums that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SAMPLE_WIDTH: Final = 2
"""Bytes in a sample: everything behind the sources is 16-bit signed little endian."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """16-bit signed little-endian PCM, `channels` interleaved, at `rate` Hz.

    Raises:
        ValueError: a rate outside 4,000..768,000 Hz or a channel count outside 1..64.
    """

    rate: int
    channels: int = 1

    def __post_init__(self) -> None:
        if not 4_000 <= self.rate <= 768_000:
            raise ValueError(f"a sample rate of {self.rate} Hz; expected 4000 to 768000")
        if not 1 <= self.channels <= 64:
            raise ValueError(f"{self.channels} channels; expected 1 to 64")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return SAMPLE_WIDTH * self.channels

    def samples(self, ms: float) -> int:
        """Samples (of one channel) in `ms` milliseconds, rounded to the nearest."""
        return round(self.rate * ms / 1000)

    def bytes(self, ms: float) -> int:
        """Bytes in `ms` milliseconds."""
        return self.samples(ms) * self.frame_bytes

    def seconds(self, nbytes: int) -> float:
        """Seconds that `nbytes` bytes last."""
        return nbytes / (self.rate * self.frame_bytes)


SPEECH: Final = AudioFormat(16_000)
"""What the detector and the segmenter work on: 16 kHz mono."""
