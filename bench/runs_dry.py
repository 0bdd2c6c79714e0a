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
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.report import Figures, dump, parser, show

RUNS = 1_000
LONG_MS = 3_000
CHUNK_MS = 100


@dataclass(frozen=True)
class Case:
    """One sender on one way to one receiver; all in milliseconds."""

    prebuffer: float
    block: float
    jitter: float
    frame: float = 100.0


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
    edges = [float(known[np.searchsorted(known, case.prebuffer)])]
    sent = [edges[0]]
    for upto in range(CHUNK_MS, LONG_MS + 1, CHUNK_MS):
        if upto > sent[-1]:
            edges.append(float(known[np.searchsorted(known, upto)]))
            sent.append(float(upto))
    ways = rng.uniform(0, case.jitter, len(sent)) if case.jitter else np.zeros(len(sent))
    came = np.maximum.accumulate(np.array(edges) + ways)
    ready, start, gap = 0.0, 0.0, 0.0
    for number in range(int(LONG_MS / case.frame)):
        whole = float(came[np.searchsorted(sent, (number + 1) * case.frame)])
        if number == 0:
            start = ready = whole
        gap += max(0.0, whole - ready)
        ready = max(ready, whole) + case.frame
    return Played(start, ready - case.frame * int(LONG_MS / case.frame), gap)


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
    return {"sweep": sweep, "least": enough}


def draw(figures: Figures, place: Path) -> None:
    """Gaps and delay over the prebuffer, a curve for each block."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, jitter in zip(panels, (0.0, 10.0, 30.0), strict=True):
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


if __name__ == "__main__":
    main(sys.argv[1:])
