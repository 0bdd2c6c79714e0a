"""Over a real way: delay and gaps where the network is late, uneven, and loses.

Loopback flatters a short prebuffer. The sender is in a network of its own, and all that it sends
and gets goes through a relay (chaos.relay; Linux and root): each packet is late by so many
milliseconds in each direction, not equally, so that they overtake each other, and some are lost.
The avatar and the viewer are beside the server. Everything else is as in bench.latency.

A gap: by how much later the end of an utterance is heard than its beginning (bench.delay), from
20 ms on: the viewer's own jitter buffer moves it by less. It is the same measure for every sender.
Gaps are counted from the second utterance on: what a way is like shows in the first. micstream's
own figure beside it is `stutter_ms` of `playback_finished`, over 10 ms.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import numpy as np

from bench.latency import said_and_heard, spread
from bench.report import Figures, dump, parser, show
from bench.senders import AGENTS, OURS, Sender, Way, stage, tell
from bench.spoken import sentences

WAYS: Final = {
    "near": Way("15 ms ± 5", 0.015, 0.005),
    "far": Way("40 ms ± 15, 0.5 % lost", 0.040, 0.015, 0.005),
}
GAP_MS: Final = 20.0
STUTTER_MS: Final = 10
RUNS, UTTERANCES = 2, 20
QUICK_RUNS, QUICK_UTTERANCES = 1, 6


async def run_once(sender: Sender, way: Way, count: int) -> Figures:
    """One sender over this way: delays and growths in ms, its own stutters, and its leads."""
    track, script = sentences(count)
    async with stage(sender, way=way) as on:
        said = await said_and_heard(on, track)
        finished = on.sender.events("playback_finished")
        leads = [each["lead_ms"] for each in on.sender.events("utterance_started")]
        alive = on.avatar.alive
    _, found = await asyncio.to_thread(said.measured, track, script)
    later = found[1:]
    return {
        "delays_ms": [each.start_ms for each in later if each.start_ms is not None],
        "growths_ms": [each.growth_ms for each in later if each.growth_ms is not None],
        "stutters_ms": [each["stutter_ms"] or 0 for each in finished[1:]],
        "leads_ms": leads,
        "missing": sum(each.missing for each in found),
        "spoiled": count - len(found),
        "avatar_alive": alive,
    }


def over(runs: Sequence[Figures]) -> Figures:
    """All runs of one sender over one way; None where nothing was measured."""

    def every(name: str) -> np.ndarray:
        return np.array([value for each in runs for value in each[name]], dtype=float)

    delays, growths, stutters = every("delays_ms"), every("growths_ms"), every("stutters_ms")
    return {
        "utterances": len(delays),
        **spread("delay", delays.tolist()),
        "gaps_percent": 100 * float(np.mean(growths >= GAP_MS)) if growths.size else None,
        "stutters_percent": 100 * float(np.mean(stutters > STUTTER_MS)) if stutters.size else None,
        "lead_median_ms": float(np.median(every("leads_ms"))) if every("leads_ms").size else None,
        "missing": sum(each["missing"] for each in runs),
        "spoiled": sum(each["spoiled"] for each in runs),
        "deaths": sum(not each["avatar_alive"] for each in runs),
    }


async def bench(
    ways: Sequence[str], senders: Sequence[Sender], runs: int, utterances: int
) -> Figures:
    """Each sender over each way, in turns."""
    done: dict[str, dict[str, list[Figures]]] = {
        way: {sender.name: [] for sender in senders} for way in ways
    }
    for way in ways:
        for number in range(runs):
            for sender in senders:
                tell(f"paths: {WAYS[way].what}, run {number + 1} of {runs}, {sender.what}")
                done[way][sender.name].append(await run_once(sender, WAYS[way], utterances))
    figures = {
        way: {name: over(each) for name, each in by_sender.items()}
        for way, by_sender in done.items()
    }
    return {"ways": figures, "ratios": ratios(figures), "runs": done}


def ratios(ways: Figures) -> Figures:
    """Median delay of livekit-agents' parts divided by micstream's, over each way."""
    made: Figures = {}
    for way, by_sender in ways.items():
        theirs, ours = (by_sender.get(each.name, {}) for each in (AGENTS, OURS))
        medians = theirs.get("delay_median_ms"), ours.get("delay_median_ms")
        made[way] = medians[0] / medians[1] if medians[0] and medians[1] else None
    return made


def _print(figures: Figures) -> None:
    names = {sender.name: sender.what for sender in (OURS, AGENTS)}
    columns = [
        *("utterances", "delay_median_ms", "delay_p95_ms", "gaps_percent", "stutters_percent"),
        *("lead_median_ms", "missing", "deaths"),
    ]
    head = ("", "n", "median ms", "p95 ms", "gaps %", "own %", "lead ms", "missing", "deaths")
    for way, by_sender in figures["ways"].items():
        rows = [
            (names[name], *(each[column] for column in columns)) for name, each in by_sender.items()
        ]
        ratio = figures["ratios"][way]
        notes = [] if ratio is None else [f"{ratio:.2f} times quicker than livekit-agents' parts"]
        show(f"Over {WAYS[way].what}", head, rows, *notes)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser("bench paths", __doc__)
    options.add_argument("--way", choices=tuple(WAYS), action="append", help="only this one")
    options.add_argument("--ours", action="store_true", help="without livekit-agents' parts")
    options.add_argument("--runs", type=int, help=f"of each (default {RUNS})")
    options.add_argument("--utterances", type=int, help=f"in a run (default {UTTERANCES})")
    given = options.parse_args(arguments)
    usual = (QUICK_RUNS, QUICK_UTTERANCES) if given.quick else (RUNS, UTTERANCES)
    senders = (OURS,) if given.ours else (OURS, AGENTS)
    ways = given.way or tuple(WAYS)
    runs, utterances = given.runs or usual[0], given.utterances or usual[1]
    figures = asyncio.run(bench(ways, senders, runs, utterances))
    if given.json:
        dump("paths", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
