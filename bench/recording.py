"""Sound with the time at which each of its samples was there, all on this machine's one clock."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from micstream.viewer.recording import SoundRecording
from micstream.viewer.sound import RATE
from testbed.sound import SINK, VirtualMicrophone

__all__ = ["RATE", "Ears", "Recording", "Samples", "ears", "from_viewer"]

_NATIVE_RATE = 48_000
_NEAR_S = 1.0

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """Mono sound at 16 kHz, and for each block of it a position and when that was there.

    A block can be handed over late and never early, so the earliest hand-over within a second
    tells best when a sample was there.
    """

    samples: Samples
    positions: npt.NDArray[np.float64]
    """Seconds of sound, rising."""
    arrivals: npt.NDArray[np.float64]
    """Unix seconds at which the sound was there up to (or from) that position."""

    def time_at(self, second: float) -> float:
        """Unix seconds at which the sample at `second` was there."""
        offsets = self.arrivals - self.positions
        near = np.abs(self.positions - second) <= _NEAR_S
        return second + float(offsets[near].min() if near.any() else offsets.min())

    def second_at(self, unix: float) -> float:
        """About which second of the sound was there at `unix`."""
        index = int(np.searchsorted(self.arrivals, unix))
        return float(self.positions[min(index, self.positions.size - 1)])


class Ears:
    """Records the virtual microphone by a stream of its own: the true time of what is spoken.

    Taken at the sink's own 48 kHz, so that no resampler of the sound server delays it, and brought
    to 16 kHz afterwards without a shift. The last sample of a block counts as captured when the
    block arrives, as with a sound card.
    """

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._arrivals: list[float] = []

    @property
    def hears(self) -> bool:
        """Whether the first block has come."""
        return bool(self._arrivals)

    def recording(self) -> Recording:
        """All that was heard so far."""
        arrivals = np.array(self._arrivals)
        blocks = self._blocks[: arrivals.size]
        ends = np.cumsum([len(block) for block in blocks]) / 2 / _NATIVE_RATE
        joined = b"".join(blocks)
        native = np.frombuffer(joined[: len(joined) // 2 * 2], dtype=np.int16)
        samples = soxr.resample(native.astype(np.float32) / 32_768, _NATIVE_RATE, RATE)
        return Recording(samples, ends, arrivals)

    def _read(self, source: int) -> None:
        while block := os.read(source, 65_536):
            self._blocks.append(block)
            self._arrivals.append(time.time())


def from_viewer(recorded: SoundRecording, *, by_ends: bool = False) -> Recording:
    """What a viewer recorded. A sample is there from the moment its block arrives.

    `by_ends`: the last sample of a block is, as with a sound card, to compare with `Ears`.
    """
    arrivals = recorded.arrivals
    samples = (recorded.sound / 32_768).astype(np.float32)
    starts = np.array([start for start, _ in arrivals], dtype=np.float64)
    places = np.append(starts[1:], samples.size) if by_ends else starts
    return Recording(samples, places / RATE, np.array([arrived for _, arrived in arrivals]))


@contextmanager
def ears(microphone: VirtualMicrophone) -> Iterator[Ears]:
    """Ears at the microphone until the context ends."""
    command = [
        *("parec", f"--device={SINK}.monitor", "--raw", "--format=s16le", "--channels=1"),
        *(f"--rate={_NATIVE_RATE}", "--latency-msec=10"),
    ]
    listening = Ears()
    recorder = subprocess.Popen(command, env=microphone.env, stdout=subprocess.PIPE)
    assert recorder.stdout is not None
    reader = threading.Thread(target=listening._read, args=(recorder.stdout.fileno(),))
    reader.start()
    try:
        yield listening
    finally:
        recorder.terminate()
        recorder.wait(timeout=5)
        reader.join(timeout=5)
        recorder.stdout.close()
