"""Records of what a viewer got: bounded, and to be asked while they go on."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from micstream.viewer.changes import Changes
from micstream.viewer.picture import PictureFrame
from micstream.viewer.sound import RATE, Samples, SoundBlock

T = TypeVar("T")

LOUD: Final = 300
"""Sample value (of 32,767) above which a block is not silence: -41 dBFS."""
HOUR_S: Final = 3600.0
_SPARE_BLOCKS: Final = 100
"""What is too old goes in one piece, a second at a time."""


class SoundRecording:
    """A participant's sound, silences and all, with the time at which each block arrived.

    Holds the last `max_s` seconds (115 MB an hour); what was before is dropped, and counted.
    """

    RATE = RATE

    def __init__(self, max_s: float = HOUR_S) -> None:
        self.dropped_s = 0.0
        """Seconds at the beginning that are not held any more."""
        self._max = round(max_s * RATE)
        self._held = 0
        self._blocks: deque[bytes] = deque()
        self._sizes, self._peaks = array("L"), array("L")
        self._arrived = array("d")
        self._changes = Changes()

    # ---- taking it down ------------------------------------------------------------------------

    def push(self, block: SoundBlock) -> None:
        """Take the next block."""
        samples = block.samples
        self._blocks.append(block.pcm)
        self._sizes.append(samples.size)
        self._peaks.append(int(np.abs(samples.astype(np.int32)).max(initial=0)))
        self._arrived.append(block.arrived_unix)
        self._held += samples.size
        if self._held > self._max:
            self._drop()
        self._changes.tell()

    def end(self, error: Exception | None = None) -> None:
        """Learn that nothing comes any more; whoever waits waits on, or gets the error."""
        if error is not None:
            self._changes.fail(error)

    def _drop(self) -> None:
        count = size = 0
        while count < len(self._sizes) - 1 and (
            self._held - size > self._max or count < _SPARE_BLOCKS
        ):
            size += self._sizes[count]
            count += 1
            self._blocks.popleft()
        for each in (self._sizes, self._peaks, self._arrived):
            del each[:count]
        self._held -= size
        self.dropped_s += size / RATE

    # ---- what there is -------------------------------------------------------------------------

    @property
    def sound(self) -> Samples:
        """All that is held, mono at 16 kHz."""
        return np.frombuffer(b"".join(self._blocks), dtype=np.int16)

    @property
    def arrivals(self) -> list[tuple[int, float]]:
        """For each block the index of its first sample in `sound`, and the unix second it came."""
        starts = np.cumsum([0, *self._sizes])
        return list(zip(starts.tolist(), self._arrived, strict=False))

    @property
    def seconds(self) -> float:
        """Seconds of sound that are held."""
        return self._held / RATE

    @property
    def is_receiving(self) -> bool:
        """Whether any sound, or silence, has come."""
        return bool(self._sizes)

    def received_s(self, *, since: float = 0.0) -> float:
        """Seconds of sound and silence that came since that unix second, as far as held."""
        return float(np.array(self._sizes)[np.array(self._arrived) >= since].sum()) / RATE

    def loud_s(self, threshold: int = LOUD, *, since: float = 0.0) -> float:
        """Seconds that are not silence, block by block, of what came since that unix second."""
        sizes = np.array(self._sizes)
        loud = self._loud(threshold, since)
        return float(sizes[loud].sum()) / RATE

    def silent_s(self, threshold: int = LOUD) -> float:
        """Seconds of silence at the end of what came so far."""
        loud = np.flatnonzero(self._loud(threshold, 0.0))
        first = int(loud[-1]) + 1 if loud.size else 0
        return float(np.array(self._sizes)[first:].sum()) / RATE

    def first_loud_at(self, since: float = 0.0, threshold: int = LOUD) -> float | None:
        """Unix second at which the first sound since then came; None: there was none."""
        loud = np.flatnonzero(self._loud(threshold, since))
        return self._arrived[int(loud[0])] if loud.size else None

    def last_loud_at(self, since: float = 0.0, threshold: int = LOUD) -> float | None:
        """Unix second at which the last sound since then came; None: there was none."""
        loud = np.flatnonzero(self._loud(threshold, since))
        return self._arrived[int(loud[-1])] if loud.size else None

    def _loud(self, threshold: int, since: float) -> npt.NDArray[np.bool_]:
        arrived: npt.NDArray[np.float64] = np.array(self._arrived)
        peaks: npt.NDArray[np.uint64] = np.array(self._peaks)
        loud: npt.NDArray[np.bool_] = (peaks > threshold) & (arrived >= since)
        return loud

    # ---- waiting -------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], T]) -> T:
        """Wait until `condition()` is true; it is looked at whenever sound has come."""
        return await self._changes.until(condition)

    async def until_receiving(self) -> None:
        """Wait for the first block."""
        await self.until(lambda: self.is_receiving)

    async def until_loud(self, seconds: float, *, since: float = 0.0) -> None:
        """Wait until more than `seconds` that came since that unix second are not silence."""
        await self.until(lambda: self.loud_s(since=since) > seconds)

    async def until_silent(self, seconds: float) -> None:
        """Wait until what came last is silence, for more than `seconds`."""
        await self.until(lambda: self.silent_s() > seconds)


class PictureRecording:
    """When each frame of a participant's picture came, and its size; without the pixels.

    Holds the last `max_frames`; those before are dropped, and counted in `frames` all the same.
    """

    def __init__(self, max_frames: int = 200_000) -> None:
        self.frames = 0
        """Frames so far."""
        self.first_arrived: float | None = None
        """`time.monotonic()` at which the first one came."""
        self.size = (0, 0)
        """Width and height of the last one."""
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=max_frames)
        self._changes = Changes()

    def push(self, frame: PictureFrame) -> None:
        """Take the next frame."""
        self.frames += 1
        if self.first_arrived is None:
            self.first_arrived = frame.arrived
        self.size = (frame.width, frame.height)
        self._arrivals.append((frame.timestamp_us, frame.arrived_unix))
        self._changes.tell()

    def end(self, error: Exception | None = None) -> None:
        """Learn that nothing comes any more; whoever waits waits on, or gets the error."""
        if error is not None:
            self._changes.fail(error)

    @property
    def arrivals(self) -> list[tuple[int, float]]:
        """For each frame held its timestamp in microseconds, and the unix second it came."""
        return list(self._arrivals)

    async def until_frames(self, count: int = 1) -> None:
        """Wait until so many frames have come."""
        await self._changes.until(lambda: self.frames >= count)
