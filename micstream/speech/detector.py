"""What every voice activity detector is to the rest: a frame in, a probability out."""

from __future__ import annotations

from typing import Protocol


class Detector(Protocol):
    """Judges frames of 16 kHz mono 16-bit PCM, one after the other, of one stream."""

    @property
    def frame_samples(self) -> int:
        """Samples in a frame; `probability` takes exactly these."""
        ...

    def probability(self, frame: bytes) -> float:
        """How likely the frame holds speech, 0..1."""
        ...

    def reset(self) -> None:
        """Forget what was heard: another stream begins."""
        ...
