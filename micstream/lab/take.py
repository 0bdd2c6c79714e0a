"""Recording of a live run, as data: what was spoken, what was seen and heard, and when. Pure.

Three clocks meet in it. Everything is laid on one: the run's, on which the sound that a viewer
heard is a line of samples, and 0 is the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from micstream.lab.align import RATE, Samples
from micstream.lab.follow import Curve
from micstream.lab.kit import Label
from micstream.lab.mouth import Seen

__all__ = ["RATE", "Clock", "Pictures", "Samples", "Spoken", "Take", "Waited"]

_SPAN_S: Final = 5.0
"""The earliest block of so long a time came without waiting."""
_SILENT: Final = 300


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing that was said through the avatar, and what was told of it; unix seconds."""

    name: str
    number: int
    """From 1: how often it was said by then."""
    what: Literal["speech", "closures", "clicks", "control"]
    pcm: Samples
    """16 kHz mono, as it was sent."""
    sent_at: float
    """Its first write."""
    ended_at: float
    """Its stream was closed."""
    labels: tuple[Label, ...] = ()
    reported_at: float | None = None
    """The avatar said that it is heard."""
    reported_s: float | None = None
    """The avatar said how much of it was heard."""

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing in it to be heard."""
        return not np.abs(self.pcm).max(initial=0) > _SILENT


@dataclass(frozen=True, slots=True)
class Waited:
    """What the SDK knows of its buffers, summed since a track began; seconds and counts."""

    at: float
    sound_s: float = 0.0
    """Jitter buffer's delay, over all samples that left it."""
    sounds: int = 0
    pictures_s: float = 0.0
    """The same of pictures."""
    pictures: int = 0
    decoding_s: float = 0.0
    decoded: int = 0
    lost: int = 0
    """Packets that did not come."""
    received: int = 0


@dataclass(frozen=True, slots=True)
class Pictures:
    """A run's pictures, small."""

    arrived: Curve
    """Unix seconds at which each was handed over, which a busy machine makes late."""
    due: Curve
    """Seconds at which each is due, by a clock of the SDK's own, which no load touches."""
    cells: npt.NDArray[np.float32]
    """Frames by rows by columns."""
    stamps: Curve
    """Unix seconds that the avatar put on each; NaN: none."""
    small: tuple[bytes, ...] = ()
    """Brightness of each, `small_size` pixels, for a filmstrip; fewer than frames where it was too
    much."""
    small_size: tuple[int, int] = (0, 0)
    """Width, height."""
    size: tuple[int, int] = (0, 0)
    """As they came."""

    @property
    def shown(self) -> Curve:
        """Unix seconds at which a viewer with time to spare shows each."""
        if self.due.size < 2 or np.any(np.diff(self.due) <= 0):
            return self.arrived
        return earliest_lag(self.due, self.arrived - self.due) + self.due


@dataclass(frozen=True, slots=True)
class Take:
    """All of a run."""

    avatar: str
    spoken: tuple[Spoken, ...]
    heard: Samples
    """16 kHz mono, from the first block on."""
    blocks: Sequence[tuple[int, float]]
    """Of each block of it the index of its first sample, and the unix second it came."""
    pictures: Pictures
    waited: tuple[Waited, ...] = ()
    unread: int = 0
    """Pictures that this machine was too slow for."""
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clock", Clock.of(self.blocks))

    def seen(self) -> Seen:
        """Its pictures on the run's clock."""
        return Seen(self.clock.seconds(self.pictures.shown), self.pictures.cells)


def earliest_lag(at: Curve, lags: Curve) -> Curve:
    """Of what comes late or in time, never early: how late what came in time was, at each moment.

    Two clocks may run at rates of their own, so each stretch of some seconds is asked by itself.
    """
    middles, lowest = _lowest(at, lags)
    return np.asarray(np.interp(at, middles, lowest), dtype=np.float64)


def _lowest(at: Curve, lags: Curve) -> tuple[Curve, Curve]:
    parts = np.floor((at - at[0]) / _SPAN_S).astype(int)
    stretches = [parts == part for part in np.unique(parts)]
    middles = [float(at[own].mean()) for own in stretches]
    return np.array(middles), np.array([float(np.percentile(lags[own], 5)) for own in stretches])


@dataclass(frozen=True, slots=True)
class Clock:
    """Between unix time and the line of samples.

    A block is never early; the earliest of some seconds came when it was due.
    """

    middles: Curve
    """Unix seconds."""
    begins: Curve
    """Unix second at which, by the blocks around each of `middles`, the first sample came."""

    @classmethod
    def of(cls, blocks: Sequence[tuple[int, float]]) -> Clock:
        """From the blocks of a recording; without any, 0 is 0."""
        if not blocks:
            return cls(np.zeros(1), np.zeros(1))
        table = np.array(blocks, dtype=np.float64)
        began = table[:, 1] - table[:, 0] / RATE
        return cls(*_lowest(table[:, 1], began))

    def seconds(self, unix: npt.ArrayLike) -> Curve:
        """Unix seconds to those of the run."""
        at = np.asarray(unix, dtype=np.float64)
        return np.asarray(at - np.interp(at, self.middles, self.begins), dtype=np.float64)
