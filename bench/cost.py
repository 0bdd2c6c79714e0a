"""What the sender costs while a person speaks, and how soon it is there.

CPU and memory: micstream, the same with webrtcvad alone, and livekit-agents' parts, in turns, each
on a fresh stage (see bench.latency), while a monologue without pauses is spoken into the virtual
microphone. CPU is the process's user and system time between two moments within it, as a share of
one core; memory is the most it ever had (VmHWM). Both hold all of the sender: capture, detection,
the room, and receiving the avatar's sound until it plays. Of the CPU, what LiveKit's client takes
in threads of its own: no sender that is in a room takes less.

Start: the wall time of `micstream --help`, and from starting `micstream live` to its event
`capturing`, with a microphone that delivers at once (another program already listens to it) and
no avatar in the room. Python's compiled files are there; the disk's cache is warm.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.recording import ears
from bench.report import Figures, dump, parser, show
from bench.senders import AGENTS, MICSTREAM, OURS, WEBRTC, Sender, Stage, running, stage, tell
from bench.spoken import bundled_speech
from micstream.demo.server import find_server, local_server
from testbed.sound import virtual_microphone
from testbed.waiting import wait_until

COMPARED = (OURS, WEBRTC, AGENTS)
ROUNDS, QUICK_ROUNDS = 3, 1
WINDOW_S, QUICK_WINDOW_S = 45.0, 12.0
STARTS, QUICK_STARTS = 10, 3
CLIENT = (
    "network_thread",
    "worker_thread",
    "signaling_threa",
    "tokio-rt-worker",
    "SyntheticAudioD",
    "livekit-",
    "rtc-",
)
"""How the threads of LiveKit's client begin, as the kernel names them (15 letters)."""
_SETTLED_S = 5.0
"""Into the monologue: the segment is open and the avatar speaks."""


async def speaking(sender: Sender, window_s: float) -> Figures:
    """CPU and memory of one sender while it speaks."""
    async with stage(sender) as on:
        return {
            **await cpu_shares(on, window_s),
            "peak_mib": peak_mib(on.sender.pid),
        }


async def cpu_shares(on: Stage, window_s: float) -> Figures:
    """CPU of the sender on a stage while a monologue is spoken, in percent of a core: all of it,
    and of that LiveKit's client.
    """
    process = psutil.Process(on.sender.pid)
    since = time.time()
    talk = asyncio.create_task(on.say(bundled_speech("monologue.flac")))
    try:
        async with asyncio.timeout(30):
            await on.heard.until_loud(_SETTLED_S, since=since)
        before, of_client, begun = process.cpu_times(), client_s(process), time.monotonic()
        await asyncio.sleep(window_s)
        after, ended = process.cpu_times(), time.monotonic()
        of_client = client_s(process) - of_client
        assert not talk.done(), "the monologue ended before the measurement"
    finally:
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)
    spent = (after.user - before.user) + (after.system - before.system)
    return {
        "cpu_percent": 100 * spent / (ended - begun),
        "client_percent": 100 * of_client / (ended - begun),
    }


def client_s(process: psutil.Process) -> float:
    """CPU seconds so far of those threads of a process that are LiveKit's client's (Linux)."""
    tasks = Path(f"/proc/{process.pid}/task")
    return sum(
        float(each.user_time + each.system_time)
        for each in process.threads()
        if (tasks / str(each.id) / "comm").read_text().startswith(CLIENT)
    )


def peak_mib(pid: int) -> float:
    """Most resident memory that a process has had so far (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def helping(times: int) -> list[float]:
    """Wall seconds of `micstream --help`."""
    spent = []
    for _ in range(times):
        begun = time.monotonic()
        subprocess.run([MICSTREAM, "--help"], check=True, stdout=subprocess.DEVNULL, timeout=30)
        spent.append(time.monotonic() - begun)
    return spent


async def starting(times: int) -> list[float]:
    """Seconds from starting `micstream live` to its event `capturing`."""
    spent = []
    binary = await find_server(progress=tell)
    async with local_server(binary) as server, virtual_microphone() as microphone:
        with ears(microphone) as listening:
            await wait_until(lambda: listening.hears, 10, "the microphone's first block")
            for _ in range(times):
                async with running(OURS, server, microphone.env) as child:
                    capturing = await child.until("capturing")
                    spent.append(capturing["t"] - child.started_at)
    return spent


async def bench(rounds: int, window_s: float, starts: int) -> Figures:
    """All of it; each figure the median of its rounds."""
    tell("cost: start")
    helped = await asyncio.to_thread(helping, starts)
    captured = await starting(starts)
    done: dict[str, list[Figures]] = {sender.name: [] for sender in COMPARED}
    for number in range(rounds):
        for sender in COMPARED:
            tell(f"cost: round {number + 1} of {rounds}, {sender.what}")
            done[sender.name].append(await speaking(sender, window_s))
    return {
        "window_s": window_s,
        "help_s": statistics.median(helped),
        "capturing_s": statistics.median(captured),
        "capturing_most_s": max(captured),
        "senders": {
            name: {
                "cpu_percent": statistics.median(each["cpu_percent"] for each in runs),
                "client_percent": statistics.median(each["client_percent"] for each in runs),
                "peak_mib": max(each["peak_mib"] for each in runs),
            }
            for name, runs in done.items()
        },
        "runs": done,
    }


def _print(figures: Figures) -> None:
    each = [figures["senders"][sender.name] for sender in COMPARED]
    none = [None] * (len(COMPARED) - 1)
    rows = [
        ("CPU while speaking, % of a core", *(f"{one['cpu_percent']:.1f}" for one in each)),
        ("  of that LiveKit's client", *(f"{one['client_percent']:.1f}" for one in each)),
        ("peak memory, MiB", *(f"{one['peak_mib']:.0f}" for one in each)),
        ("micstream --help, s", f"{figures['help_s']:.2f}", *none),
        ("start to capturing, s", f"{figures['capturing_s']:.2f}", *none),
    ]
    show("Cost", ("what a sender takes", *(sender.what for sender in COMPARED)), rows)


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser("bench.cost", __doc__).parse_args(arguments)
    full = (ROUNDS, WINDOW_S, STARTS)
    quick = (QUICK_ROUNDS, QUICK_WINDOW_S, QUICK_STARTS)
    figures = asyncio.run(bench(*(quick if given.quick else full)))
    if given.json:
        dump("cost", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
