"""What a record costs, what it adds to the delay, and how true a replay is.

CPU: a microphone in blocks of 32 ms, an avatar that is sent a chunk each 100 ms, and an event each
second go through the taps and the bus at the pace of the clock; the CPU of the whole process with
a record, less that without one. Memory: two hours of the same, as fast as the record's own thread
and disk take it; resident memory after the first ten minutes and at the end.

Delay: a file is spoken to a wire avatar in a real room, in turns with and without a record; the
time from the beginning to its first chunk's arrival. And what one block costs the loop. Replay: the
recorded session is performed by `micstream replay` into another room; bytes against bytes, and the
time of each write against the record's, both since the first one.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from bench.report import Figures, dump, parser, show
from micstream import FileSource, Sender
from micstream.bus import Bus
from micstream.demo.server import LocalServer, find_server, local_server
from micstream.events import Backlog
from micstream.record.keeping import Keeping
from micstream.record.plan import Plan, plan
from micstream.record.reading import Record, read_record
from micstream.settings import load
from micstream.taps import Captured, Taps
from testbed.program import environment, run
from testbed.rooms import WireAvatar, wire_avatar

_BLOCK_S, _CHUNK_S = 0.032, 0.1
_NOISE = np.random.default_rng(1).integers(-3_000, 3_000, 16_000, dtype=np.int16).tobytes()
_HOURS_S, _QUICK_HOURS_S = 7_200.0, 1_800.0
_SETTLED_S = 600.0
TARGETS = {"cpu_percent": 2.0, "timing_worst_ms": 20.0}
HELLO = Path(__file__).resolve().parents[1] / "assets/hello_world_16kHz.wav"


class Show:
    """A microphone, an avatar and events, without a room; `folder`: recorded there."""

    def __init__(self, folder: Path | None) -> None:
        self.taps, self.bus = Taps(), Bus()
        settings = load(log=False, record=str(folder) if folder else None)
        self.keeping = Keeping(settings.keeping(), self.bus, self.taps)
        self._at = 0.0
        self._sent = self._told = 0.0
        self.costs_us: list[float] = []

    def step(self, begun: float) -> float:
        """One block, and what goes with it; the second it is due at, from the beginning."""
        before = time.perf_counter()
        pcm = _NOISE[: round(_BLOCK_S * 16_000) * 2]
        start = round(self._at * 16_000)
        if self.taps.active:
            self.taps.captured(Captured("bench", 0, start, begun + self._at, pcm, True))
        self._at += _BLOCK_S
        while self._sent < self._at:
            name = f"u{int(self._sent // 10)}"
            self.taps.sent("avatar-a", name, 16_000, _NOISE[:3_200], begun + self._sent)
            self._sent += _CHUNK_S
        if self._told < self._at:
            self.bus.emit(Backlog(avatar="avatar-a", seconds=self._told % 7))
            self._told += 1
        self.costs_us.append(1e6 * (time.perf_counter() - before))
        return self._at

    async def end(self) -> None:
        """Complete what is recorded."""
        self.bus.emit_summary()
        await self.keeping.aclose(60)


async def cpu_percent(folder: Path | None, seconds: float) -> tuple[float, list[float]]:
    """CPU of the process at the clock's pace, in percent of a core; and microseconds a block."""
    show_ = Show(folder)
    process, begun = psutil.Process(), time.monotonic()
    before = process.cpu_times()
    while (due := show_.step(begun)) < seconds:  # noqa: ASYNC110 - the clock's pace
        await asyncio.sleep(max(0.0, begun + due - time.monotonic()))
    after = process.cpu_times()
    await show_.end()
    spent = after.user - before.user + after.system - before.system
    return 100 * spent / (time.monotonic() - begun), show_.costs_us


async def growth_mib(folder: Path, seconds: float) -> Figures:
    """Memory over a long record, as fast as its thread takes it; nothing may be lost."""
    show_, process = Show(folder), psutil.Process()
    writer = show_.keeping._record
    assert writer is not None
    early, begun, wall = 0.0, time.monotonic(), time.perf_counter()
    before = process.cpu_times()
    while (at := show_.step(begun)) < seconds:
        show_.costs_us.clear()
        while writer._put - writer._taken > 4 << 20:  # noqa: ASYNC110 - a thread's count
            await asyncio.sleep(0.05)
        if not early and at > min(_SETTLED_S, seconds / 4):
            gc.collect()
            early = process.memory_info().rss / 2**20
    gc.collect()
    late = process.memory_info().rss / 2**20
    after = process.cpu_times()
    await show_.end()
    spent = after.user - before.user + after.system - before.system
    return {
        "hours": seconds / 3600,
        "after_settling_mib": early,
        "at_end_mib": late,
        "growth_mib": late - early,
        "lost": writer.lost,
        "took_s": time.perf_counter() - wall,
        "cpu_percent_of_the_time_recorded": 100 * spent / seconds,
    }


async def spoken(server: LocalServer, avatar: WireAvatar, room: str, folder: Path | None) -> float:
    """Milliseconds from the beginning of a file to its first chunk at the avatar."""
    ours = {"url": server.url, "api_key": server.api_key, "api_secret": server.api_secret}
    record = {"record": str(folder)} if folder else {}
    async with Sender(room=room, log=False, **ours, **record) as sender:
        await sender.wait_ready(20)
        known, begun = len(avatar.streams), time.time()
        await sender.speak(FileSource(HELLO))
    stream = avatar.streams[known]
    return 1000 * (stream.chunk_times[0] - begun)


async def delays(server: LocalServer, folder: Path, rounds: int) -> Figures:
    """Delay with and without a record, in turns."""
    got: dict[bool, list[float]] = {True: [], False: []}
    async with wire_avatar(server, "delays", plays=True) as avatar:
        await spoken(server, avatar, "delays", None)  # what is loaded at the first word
        for number in range(2 * rounds):
            recorded = number % 2 == 0
            got[recorded].append(
                await spoken(server, avatar, "delays", folder if recorded else None)
            )
    with_, without = statistics.median(got[True]), statistics.median(got[False])
    return {"with_ms": with_, "without_ms": without, "added_ms": with_ - without}


async def replayed(server: LocalServer, folder: Path) -> Figures:
    """A recorded session against its replay."""
    first, second = folder / "first", folder / "second"
    ours = {"url": server.url, "api_key": server.api_key, "api_secret": server.api_secret}
    async with (
        wire_avatar(server, "one", plays=True) as avatar,
        Sender(room="one", log=False, record=str(first), **ours) as sender,
    ):
        await sender.wait_ready(20)
        for pause in (0.3, 1.7, 0.05, 2.4):
            await sender.speak(FileSource(HELLO))
            await asyncio.sleep(pause)
    async with wire_avatar(server, "two", plays=True) as other:
        command = ("replay", first, "--room", "two", "--record", second, "--no-log")
        code, program = await run(folder / "run", *command, env=environment(server), timeout=120)
        assert code == 0, program
    then, now = read_record(first), read_record(second)
    before, after = plan(then.pieces, then.events), plan(now.pieces, now.events)
    errors = [1000 * abs(a - b) for a, b in zip(_times(before), _times(after), strict=True)]
    begins = [
        1000 * abs(a.begins - b.begins)
        for a, b in zip(before.parts[0].utterances, after.parts[0].utterances, strict=True)
    ]
    wire = [stream.payload for stream in avatar.streams]
    return {
        "utterances": len(wire),
        "recorded_as_sent": _sounds(then, before) == wire,
        "replayed_as_recorded": [stream.payload for stream in other.streams] == wire,
        "timing_worst_ms": max(errors),
        "timing_median_ms": statistics.median(errors),
        "begins_worst_ms": max(begins),
    }


def _times(planned: Plan) -> list[float]:
    return [at for part in planned.parts for each in part.utterances for at, _ in each.writes]


def _sounds(record: Record, planned: Plan) -> list[bytes]:
    return [
        b"".join(record.pcm(piece) for _, piece in each.writes)
        for part in planned.parts
        for each in part.utterances
    ]


async def bench(*, quick: bool) -> Figures:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="micstream-bench-") as name:
        folder, paced_s = Path(name), 10.0 if quick else 60.0
        bare, bare_us = await cpu_percent(None, paced_s)
        cost, cost_us = await cpu_percent(folder / "cpu", paced_s)
        memory = await growth_mib(folder / "long", _QUICK_HOURS_S if quick else _HOURS_S)
        binary = await find_server(progress=lambda words: print(words, file=sys.stderr))
        async with local_server(binary) as server:
            delay = await delays(server, folder / "delays", 2 if quick else 6)
            replay = await replayed(server, folder / "replay")
    return {
        "cpu_percent": cost - bare,
        "cpu_with_percent": cost,
        "cpu_without_percent": bare,
        "block_us": statistics.median(cost_us) - statistics.median(bare_us),
        "block_worst_us": max(cost_us),
        "memory": memory,
        "delay": delay,
        "replay": replay,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser("bench.hall_record", __doc__).parse_args(arguments)
    figures = asyncio.run(bench(quick=given.quick))
    if given.json:
        dump("hall_record", figures)
        return 0
    memory, delay, replay = figures["memory"], figures["delay"], figures["replay"]
    rows = [
        ("CPU of a record, % of a core", figures["cpu_percent"], "< 2"),
        ("what a block costs the loop, us (median)", figures["block_us"], ""),
        (f"memory's growth over {memory['hours']:.1f} h, MiB", memory["growth_mib"], "none"),
        ("pieces lost in that", memory["lost"], "0"),
        ("delay added, ms", delay["added_ms"], "none"),
        ("recorded as sent", str(replay["recorded_as_sent"]), "True"),
        ("replayed as recorded", str(replay["replayed_as_recorded"]), "True"),
        ("a write's time against the record's, worst, ms", replay["timing_worst_ms"], "<= 20"),
        ("the same, median, ms", replay["timing_median_ms"], ""),
    ]
    notes = f"delay {delay['without_ms']:.1f} ms without, {delay['with_ms']:.1f} ms with a record"
    show("Record and replay", ("what", "figure", "target"), rows, notes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
