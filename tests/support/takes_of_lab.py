"""Recordings of lab runs, made here: what a viewer would have got, with errors put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from micstream.lab.kit import Label
from micstream.lab.take import RATE, Pictures, Samples, Spoken, Take, Waited
from tests.support.films import FPS, Frames, cells_of

BEGAN = 1_800_000_000.0
"""Unix second of the first block."""
BLOCK = RATE // 100
SDK_CLOCK = 4_321.0
"""What the SDK's clock of pictures shows then."""


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance: when it was sent, and when it was heard, in seconds of the run."""

    pcm: Samples
    sent_s: float
    heard_s: float
    what: str = "speech"
    labels: tuple[Label, ...] = ()
    name: str = "lines"


def take_of(
    said: Sequence[Said],
    frames: Frames,
    *,
    late_s: float = 0.0,
    stamped_s: float | None = None,
    jitter_s: float = 0.0,
    resent_s: float = 0.0,
    waited: tuple[Waited, ...] = (),
    fps: float = FPS,
    seed: int = 0,
) -> Take:
    """A run: what was heard, and frames so much later than they were drawn.

    `stamped_s`: each frame bears when it was made, so long before it is due. `jitter_s`: most of
    what arrives does so late, by up to so much. `resent_s`: so much later comes every second
    picture.
    """
    rng = np.random.default_rng(seed)
    seconds = len(frames) / fps
    line: npt.NDArray[np.float64] = rng.normal(0, 2, round(seconds * RATE))
    for each in said:
        begin = round(each.heard_s * RATE)
        piece = each.pcm[: max(0, line.size - begin)]
        line[begin : begin + piece.size] += 0.8 * piece
    blocks = [(at, BEGAN + at / RATE + _late(rng, jitter_s)) for at in range(0, line.size, BLOCK)]
    due = np.arange(len(frames)) / fps + late_s
    arrived = BEGAN + due + np.array([_late(rng, jitter_s) for _ in due])
    arrived[::2] += resent_s
    none = np.full(len(frames), np.nan)
    return Take(
        avatar="avatar-test",
        spoken=tuple(_spoken(each) for each in said),
        heard=line.astype(np.int16),
        blocks=blocks,
        pictures=Pictures(
            arrived=arrived,
            due=SDK_CLOCK + due,
            cells=cells_of(frames),
            stamps=none if stamped_s is None else BEGAN + due - stamped_s,
        ),
        waited=waited,
    )


def _late(rng: np.random.Generator, jitter_s: float) -> float:
    return float(rng.exponential(jitter_s)) if jitter_s else 0.0


def _spoken(said: Said) -> Spoken:
    length = said.pcm.size / RATE
    return Spoken(
        name=said.name,
        number=1,
        what=said.what,  # type: ignore[arg-type]
        pcm=said.pcm,
        sent_at=BEGAN + said.sent_s,
        ended_at=BEGAN + said.sent_s + length,
        labels=said.labels,
        reported_at=BEGAN + said.heard_s - 0.02,
        reported_s=length,
    )
