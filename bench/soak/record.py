"""What is written down of a run, and how a process is looked at from outside."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psutil

from bench.senders import Running
from bench.soak.trend import Series

TAKEN = ("rss", "pss", "uss", "fds", "threads")
"""Resident memory; its own share of that, and what is its alone (MiB); descriptors; threads."""
_MIB = 1 << 20

Told = list[dict[str, Any]]


@dataclass
class Taken:
    """What one process took, over time, and what it told."""

    series: dict[str, Series] = field(default_factory=lambda: {name: Series() for name in TAKEN})
    told: Told = field(default_factory=list)

    def named(self, name: str) -> Told:
        """Its events of this name."""
        return [event for event in self.told if event["event"] == name]


@dataclass
class Record:
    """One part of the soak; seconds count from `begun`, in unix seconds."""

    part: str
    sound_s: float
    """Speech and pauses that are planned."""
    begun: float = field(default_factory=time.time)
    took_s: float = 0.0
    ours: Taken = field(default_factory=Taken)
    idle: Taken = field(default_factory=Taken)
    heard: Series = field(default_factory=Series)
    """Milliseconds from the microphone to a viewer, at the time at which a sentence was spoken."""
    sentences: int = 0
    """That were spoken; those which the microphone itself stuttered were not looked for."""
    missing: int = 0
    """Sentences that were nowhere to be heard."""
    whole: bool = False
    """Whether it went on to its end."""
    exit_code: int | None = None
    avatar_alive: bool = True
    differs: str | None = None
    """Where bytes were compared: what was not as it should be, empty if all was."""

    def tasks(self, taken: Taken) -> Series:
        """How many it told, over time."""
        return Series.of([(e["t"] - self.begun, e["tasks"]) for e in taken.named("tasks")])

    def delays(self) -> Series:
        """Milliseconds from the microphone to the avatar's report that it speaks."""
        started = self.ours.named("playback_started")
        return Series.of([(e["t"] - self.begun, e["delay_ms"]) for e in started])

    def leads(self) -> Series:
        """Milliseconds of sound in the first write: it grows by itself where an avatar stutters."""
        begun = self.ours.named("utterance_started")
        return Series.of([(e["t"] - self.begun, e["lead_ms"]) for e in begun])

    def reports(self) -> Series:
        """Milliseconds from the end of a segment to the report that it was played."""
        ended = {e["id"]: e["t"] for e in self.ours.named("utterance_ended")}
        played = [e for e in self.ours.named("playback_finished") if e["id"] in ended]
        return Series.of([(e["t"] - self.begun, 1000 * (e["t"] - ended[e["id"]])) for e in played])

    def counts(self) -> Counter[str]:
        """How often each event was told."""
        return Counter(event["event"] for event in self.ours.told)


class Watch:
    """Samples both processes until it is closed, and then has what they told."""

    def __init__(self, record: Record, ours: Running, idle: Running, every_s: float) -> None:
        self._pairs = ((ours, record.ours), (idle, record.idle))
        self._record = record
        self._looking = asyncio.create_task(self._look(every_s))
        record.begun = time.time()

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._looking.cancel()
        await asyncio.wait([self._looking])
        self._record.took_s = time.time() - self._record.begun
        self.read()

    def read(self) -> None:
        """Take down what both have told so far."""
        for process, taken in self._pairs:
            taken.told = process.told()

    async def _look(self, every_s: float) -> None:
        looked = [(psutil.Process(process.pid), taken) for process, taken in self._pairs]
        while True:
            for process, taken in looked:
                take(process, taken, time.time() - self._record.begun)
            await asyncio.sleep(every_s)


def take(process: psutil.Process, into: Taken, at: float) -> None:
    """One sample; none of a process that has ended."""
    try:
        with process.oneshot():
            memory = process.memory_full_info()
            found = (memory.rss / _MIB, memory.pss / _MIB, memory.uss / _MIB)
            counted = (process.num_fds(), process.num_threads())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return
    for name, value in zip(TAKEN, (*found, *counted), strict=True):
        into.series[name].add(at, value)
