"""When a receiver runs dry: first write, block and jitter against gaps and delay. A simulation.

The rule of a stock receiver (livekit-agents, `voice/avatar/_datastream_io.py` and `_queue_io.py`):
bytes are cut into frames of 100 ms; a frame is played once it is whole and the one before has been
played; the first begins as soon as it is whole. So the delay of an utterance is the sound that lay
behind its first sample when the first write came, and a frame that is late by some ms makes all of
the rest later by as much.

The sender's rule: blocks come from the microphone; from the decision on, at least the prebuffer
goes out in the first write, then whole chunks, counted from the utterance's start. It never runs
dry where

    prebuffer >= frame + block + (the latest way - the way of the first write)

and each write waits for a block alone. Where it waits for a detector's frame of 32 ms, read that
for the block. Each case is drawn a thousand times: place of the start within a block, each write's
way (uniform), in order as a reliable stream has it.

On a way that loses, a write is several packets, and what was lost waits for reports of others
(`bench.packets`). Nudges are small packets after each write, that bring such reports sooner: at
once, or one after another.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.packets import Association, Way
from bench.report import Figures, dump, parser, show

RUNS = 1_000
NUDGING = {
    (100.0, 0, 0.0): "as it is",
    (20.0, 0, 0.0): "chunks of 20 ms",
    (100.0, 3, 0.0): "three nudges at once",
    (100.0, 8, 0.0): "eight at once",
    (100.0, 8, 6.0): "eight, each 6 ms",
}
"""Chunk, nudges, and at what intervals."""
LONG_MS = 3_000
_BYTES_A_MS = 32
_AROUND = 60
"""Bytes around each write."""
_PIECE_MS = 100


@dataclass(frozen=True)
class Case:
    """One sender on one way to one receiver; all in milliseconds."""

    prebuffer: float
    block: float
    jitter: float
    """The way takes 0 to this much longer than `way`."""
    frame: float = 100.0
    way: float = 0.0
    """One direction of it, at the least."""
    loss: float = 0.0
    """So many packets of one, in each direction."""
    nudges: int = 0
    nudge_every: float = 0.0
    """They go at such intervals; 0: at once."""
    chunk: float = 100.0
    """Sound in a write, after the first."""


@dataclass(frozen=True)
class Played:
    """What became of one utterance: how late its start and its end were, and its gaps."""

    start: float
    end: float
    gap: float


def play(case: Case, rng: np.random.Generator) -> Played:
    """One utterance that is decided as soon as the prebuffer is there."""
    phase = rng.uniform(0, case.block)
    # What has been captured is known at the end of each block: (moment, sound from the start on).
    known = np.arange(phase, LONG_MS + case.block, case.block)
    first = float(known[np.searchsorted(known, case.prebuffer)])
    # On a way that loses, the first write goes in pieces (see `room.streams`).
    pieces = np.arange(_PIECE_MS, first, _PIECE_MS) if case.loss else ()
    sent = [*map(float, pieces), first]
    edges = [first] * len(sent)
    for upto in np.arange(case.chunk, LONG_MS + 1, case.chunk):
        if upto > sent[-1]:
            edges.append(float(known[np.searchsorted(known, upto)]))
            sent.append(float(upto))
    came = np.maximum.accumulate(_arrivals(edges, sent, case, rng))
    ready, start, gap = 0.0, 0.0, 0.0
    for number in range(int(LONG_MS / case.frame)):
        whole = float(came[np.searchsorted(sent, (number + 1) * case.frame)])
        if number == 0:
            start = ready = whole
        gap += max(0.0, whole - ready)
        ready = max(ready, whole) + case.frame
    return Played(start, ready - case.frame * int(LONG_MS / case.frame), gap)


def _arrivals(
    edges: Sequence[float], sent: Sequence[float], case: Case, rng: np.random.Generator
) -> np.ndarray:
    """When each write is whole at the other end; `edges`: when it was written."""
    if not case.loss:
        whole: np.ndarray = np.asarray(edges) + rng.uniform(
            case.way, case.way + case.jitter, len(sent)
        )
        return whole
    sizes = np.diff([0.0, *sent]) * _BYTES_A_MS + _AROUND
    writes = [(at, int(size)) for at, size in zip(edges, sizes, strict=True)]
    between = Association(Way(case.way, case.jitter, case.loss), rng)
    return between.play(writes, [number * case.nudge_every for number in range(case.nudges)])


def judged(case: Case, runs: int = RUNS) -> Figures:
    """Medians and shares over many."""
    rng = np.random.default_rng(1)
    played = [play(case, rng) for _ in range(runs)]
    gaps = np.array([each.gap for each in played])
    return {
        "gaps_percent": 100 * float((gaps > 10).mean()),
        "start_ms": float(np.median([each.start for each in played])),
        "end_ms": float(np.median([each.end for each in played])),
    }


def least(block: float, jitter: float, frame: float = 100.0, runs: int = 200) -> int:
    """The least prebuffer with which no utterance has a gap of more than 10 ms."""
    for prebuffer in range(int(frame), int(frame) + 400, 2):
        if judged(Case(prebuffer, block, jitter, frame), runs)["gaps_percent"] == 0:
            return prebuffer
    raise AssertionError("no prebuffer is enough")


def bench(*, quick: bool) -> Figures:
    """Tables: one prebuffer after the other, and the least one."""
    runs = 100 if quick else RUNS
    steps = range(100, 171, 10)
    sweep = [
        {
            "block": block,
            "jitter": jitter,
            "prebuffer": each,
            **judged(Case(each, block, jitter), runs),
        }
        for block in (32.0, 16.0, 10.0)
        for jitter in (0.0, 10.0, 30.0)
        for each in steps
    ]
    enough = [
        {"frame": frame, "block": block, "jitter": jitter, "least": least(block, jitter, frame, 50)}
        for frame in (20.0, 50.0, 100.0)
        for block in (32.0, 16.0, 10.0)
        for jitter in ((10.0,) if quick else (0.0, 10.0, 30.0))
    ]
    losing = [
        {
            "chunk": chunk,
            "nudges": nudges,
            "every": every,
            "prebuffer": each,
            **judged(_losing(each, chunk, nudges, every), runs),
        }
        for chunk, nudges, every in NUDGING
        for each in range(110, 331, 20)
    ]
    return {"sweep": sweep, "least": enough, "losing": losing}


def _losing(prebuffer: float, chunk: float, nudges: int, every: float) -> Case:
    """On a way of 40 ms ± 15 that loses 0.5 %."""
    return Case(
        prebuffer, 16, 30, way=25, loss=0.005, chunk=chunk, nudges=nudges, nudge_every=every
    )


def draw(figures: Figures, place: Path) -> None:
    """Gaps and delay over the prebuffer, a curve for each block."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True)
    for axes, jitter in zip(panels, (0.0, 10.0, 30.0), strict=False):
        for block in (32.0, 16.0, 10.0):
            rows = [r for r in figures["sweep"] if (r["block"], r["jitter"]) == (block, jitter)]
            axes.plot(
                [r["end_ms"] for r in rows],
                [r["gaps_percent"] for r in rows],
                marker="o",
                label=f"block {block:g} ms",
            )
        axes.set_title(f"jitter {jitter:g} ms")
        axes.set_xlabel("delay at the end, ms")
    panels[0].set_ylabel("utterances with a gap over 10 ms, %")
    panels[0].legend()
    for way, words in NUDGING.items():
        rows = [r for r in figures["losing"] if (r["chunk"], r["nudges"], r["every"]) == way]
        delays, gaps = ([r[name] for r in rows] for name in ("end_ms", "gaps_percent"))
        panels[3].plot(delays, gaps, marker="o", label=words)
    panels[3].set_title("40 ms ± 15, 0.5 % lost")
    panels[3].set_xlabel("delay at the end, ms")
    panels[3].legend()
    figure.savefig(place)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser("bench.runs_dry", __doc__)
    options.add_argument("--plot", type=Path, metavar="FILE", help="draw it into a PNG")
    given = options.parse_args(arguments)
    figures = bench(quick=given.quick)
    if given.plot:
        draw(figures, given.plot)
    if given.json:
        dump("runs_dry", figures)
        return
    show(
        "Gaps and delay",
        ("block", "jitter", "prebuffer", "with a gap, %", "delay at the start", "at the end"),
        [tuple(f"{value:.0f}" for value in row.values()) for row in figures["sweep"]],
    )
    show(
        "The least prebuffer without a gap, ms",
        ("receiver's frame", "block", "jitter", "prebuffer"),
        [tuple(f"{value:.0f}" for value in row.values()) for row in figures["least"]],
    )
    show(
        "A way of 40 ms ± 15 that loses 0.5 %, blocks of 16 ms",
        (
            "chunk",
            "nudges",
            "every",
            "prebuffer",
            "with a gap, %",
            "delay at the start",
            "at the end",
        ),
        [tuple(f"{value:.0f}" for value in row.values()) for row in figures["losing"]],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
