"""Two commits of micstream, in turns in one run: is the newer one worse in anything?

`--old` is a checkout of the older commit; both are run by this interpreter, so with the same
packages, each with its own modules (PYTHONPATH). All around them is this checkout's: server,
avatar, viewer, microphone, and how it is measured. Lower is better in every row; the last column is
new divided by old.

Gaps: what the avatar reports as played, less than the time it took. Mouth to avatar: see
bench.latency; the delays of all utterances of all rounds together. CPU while
speaking, peak memory: see bench.cost; medians of the rounds, the memory at the end of each. Both
are taken on the same fresh stage: sentences first, then a monologue. `--help`: wall and CPU time of
the process. Start: from starting `micstream live` to its event `capturing`. Each is the median; the
first of each is not counted, as it may compile.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.cost import cpu_shares, peak_mib
from bench.latency import said_and_heard, spread
from bench.recording import ears
from bench.report import Figures, dump, parser, show
from bench.senders import ROOT, Sender, running, stage, tell
from bench.spoken import sentences
from micstream.demo.server import find_server, local_server
from testbed.sound import virtual_microphone
from testbed.waiting import wait_until

NAMES = ("old", "new")
_SPARE_TRIES = 2
GAP_MS = 10
SHARE = 0.03
"""By so much a figure may be worse before it is said to be."""
ROWS = {
    "delay_median_ms": "mouth to avatar, median, ms",
    "delay_p95_ms": "mouth to avatar, p95, ms",
    "gaps_percent": "utterances with a gap over 10 ms, %",
    "missing": "utterances that were not heard",
    "cpu_percent": "CPU while speaking, % of a core",
    "peak_mib": "peak memory, MiB",
    "help_cpu_s": "micstream --help, CPU, s",
    "help_wall_s": "micstream --help, wall, s",
    "capturing_s": "start to capturing, s",
}


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 3
    utterances: int = 20
    window_s: float = 45.0
    starts: int = 10


QUICK = Plan(rounds=1, utterances=6, window_s=12.0, starts=3)


def sides(old: Path) -> dict[str, Sender]:
    """Both senders, by name; a checkout that is not one is refused."""
    command = (sys.executable, "-m", "micstream", "live", "--json")
    made = {}
    for name, root in zip(NAMES, (old.resolve(), ROOT), strict=True):
        made[name] = Sender(name, f"{name} ({commit(root)})", command, root=root)
        compiled = [sys.executable, "-m", "compileall", "-q", str(root / "micstream")]
        subprocess.run(compiled, check=False, stdout=subprocess.DEVNULL)
        found = Path(_said(made[name], "-c", "import micstream; print(micstream.__file__)"))
        if not found.is_relative_to(root):
            raise SystemExit(f"bench compare: {root} is no checkout of micstream")
    return made


def commit(root: Path) -> str:
    """The short name of what is checked out there."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() or root.name


def _environment(sender: Sender) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(sender.root), "PYTHONSAFEPATH": "1"}


def _said(sender: Sender, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=_environment(sender)
    )
    return done.stdout.strip()


# ---- the figures --------------------------------------------------------------------------------


async def speaking(sender: Sender, plan: Plan) -> Figures:
    """Delays, CPU and memory of one sender on a fresh stage."""
    track, script = sentences(plan.utterances)
    async with stage(sender) as on:
        said = await said_and_heard(on, track)
        finished = on.sender.events("playback_finished")
        cpu = await cpu_shares(on, plan.window_s)
        peak, alive = peak_mib(on.sender.pid), on.avatar.alive
    _, found = await asyncio.to_thread(said.measured, track, script)
    assert len(found) > plan.utterances / 2, "the microphone stuttered"
    return {
        "delays_ms": [each.start_ms for each in found if each.start_ms is not None],
        "stutters_ms": [each["stutter_ms"] or 0 for each in finished],
        "missing": sum(each.missing for each in found),
        "spoiled": plan.utterances - len(found),
        "cpu_percent": cpu["cpu_percent"],
        "peak_mib": peak,
        "avatar_alive": alive,
    }


def helping(sender: Sender) -> tuple[float, float]:
    """Wall and CPU seconds of `micstream --help`."""
    begun = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "micstream", "--help"],
        stdout=subprocess.DEVNULL,
        env=_environment(sender),
    )
    _, status, usage = os.wait4(child.pid, 0)
    took = time.monotonic() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, f"--help ended with {child.returncode}"
    return took, usage.ru_utime + usage.ru_stime


async def starting(senders: Sequence[Sender], times: int) -> dict[str, list[float]]:
    """Seconds from starting `micstream live` to its event `capturing`, in turns."""
    spent: dict[str, list[float]] = {sender.name: [] for sender in senders}
    binary = await find_server(progress=tell)
    async with local_server(binary) as server, virtual_microphone() as microphone:
        with ears(microphone) as listening:
            await wait_until(lambda: listening.hears, 10, "the microphone's first block")
            for number in range(times + 1):
                for sender in senders:
                    async with running(sender, server, microphone.env) as child:
                        capturing = await child.until("capturing")
                        if number:
                            spent[sender.name].append(capturing["t"] - child.started_at)
    return spent


async def _once_more_at_need(sender: Sender, plan: Plan) -> Figures:
    """As `speaking`; again where a busy machine has spoilt the stage itself."""
    for _ in range(_SPARE_TRIES):
        try:
            return await speaking(sender, plan)
        except (AssertionError, TimeoutError) as error:
            tell(f"compare: once more, as {str(error) or 'it took too long'}")
    return await speaking(sender, plan)


async def bench(senders: dict[str, Sender], plan: Plan) -> Figures:
    """All of it, in turns; who goes first changes with each round."""
    tell("compare: --help")
    helped: dict[str, list[tuple[float, float]]] = {name: [] for name in senders}
    for number in range(plan.starts + 1):
        for name, sender in senders.items():
            took = await asyncio.to_thread(helping, sender)
            if number:
                helped[name].append(took)
    tell("compare: start")
    started = await starting(list(senders.values()), plan.starts)
    rounds: dict[str, list[Figures]] = {name: [] for name in senders}
    for number in range(plan.rounds):
        for name in sorted(senders, reverse=bool(number % 2)):
            tell(f"compare: round {number + 1} of {plan.rounds}, {senders[name].what}")
            rounds[name].append(await _once_more_at_need(senders[name], plan))
    figures: Figures = {
        name: {"commit": commit(sender.root), **over(rounds[name], helped[name], started[name])}
        for name, sender in senders.items()
    }
    return {
        **figures,
        "ratios": ratios(figures),
        "worse": worse(figures),
        "runs": {"rounds": rounds, "help_s": helped, "capturing_s": started},
    }


def over(
    rounds: Sequence[Figures], helped: Sequence[tuple[float, float]], started: Sequence[float]
) -> Figures:
    """What one side took, over all its rounds."""
    delays = [delay for each in rounds for delay in each["delays_ms"]]
    stutters = [stutter for each in rounds for stutter in each["stutters_ms"]]
    return {
        "utterances": len(delays),
        **spread("delay", delays),
        "gaps_percent": 100 * float(np.mean(np.array(stutters) > GAP_MS)) if stutters else None,
        "missing": sum(each["missing"] for each in rounds),
        "spoiled": sum(each["spoiled"] for each in rounds),
        "cpu_percent": statistics.median(each["cpu_percent"] for each in rounds),
        "peak_mib": statistics.median(each["peak_mib"] for each in rounds),
        "help_wall_s": statistics.median(wall for wall, _ in helped),
        "help_cpu_s": statistics.median(cpu for _, cpu in helped),
        "capturing_s": statistics.median(started),
    }


def ratios(figures: Figures) -> Figures:
    """New divided by old, of each row; None where there is nothing to divide by."""
    old, new = (figures[name] for name in NAMES)
    return {
        name: new[name] / old[name] if old[name] and new[name] is not None else None
        for name in ROWS
    }


def worse(figures: Figures) -> list[str]:
    """The rows in which the new one is worse by more than the share that is allowed."""
    old, new = (figures[name] for name in NAMES)
    return [
        words
        for name, words in ROWS.items()
        if new[name] is None or (old[name] is not None and new[name] > old[name] * (1 + SHARE))
    ]


def _print(figures: Figures) -> None:
    old, new = (figures[name] for name in NAMES)

    def shown(value: float | None) -> str | float | None:
        return f"{value:.2f}" if isinstance(value, float) and abs(value) < 10 else value

    rows = [
        (words, shown(old[name]), shown(new[name]), _times(figures["ratios"][name]))
        for name, words in ROWS.items()
    ]
    notes = [f"worse by more than {SHARE:.0%}: {words}" for words in figures["worse"]]
    notes = notes or [f"nothing is worse by more than {SHARE:.0%}"]
    deaths = [
        f"the avatar did not survive {name}, round {number}"
        for name in NAMES
        for number, each in enumerate(figures["runs"]["rounds"][name], 1)
        if not each["avatar_alive"]
    ]
    spoiled = old["spoiled"] + new["spoiled"]
    if spoiled:
        notes.append(f"{spoiled} utterances left out: the virtual microphone stuttered")
    head = ("", f"old, {old['commit']}", f"new, {new['commit']}", "new / old")
    show("Old and new", head, rows, *notes, *deaths)


def _times(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    options: argparse.ArgumentParser = parser("bench compare", __doc__)
    options.add_argument(
        "--old", type=Path, required=True, metavar="FOLDER", help="a checkout of the older commit"
    )
    options.add_argument("--rounds", type=int, help=f"of each (default {Plan.rounds})")
    options.add_argument("--utterances", type=int, help=f"in a round (default {Plan.utterances})")
    given = options.parse_args(arguments)
    usual = QUICK if given.quick else Plan()
    plan = Plan(
        given.rounds or usual.rounds,
        given.utterances or usual.utterances,
        usual.window_s,
        usual.starts,
    )
    figures = asyncio.run(bench(sides(given.old), plan))
    if given.json:
        dump("compare", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
