"""The stage's page in a real Chromium, and what can be measured of it from without."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from testbed.browser import Shown, browser, shown

_PROBE = """
(() => {
  const video = document.querySelector("video.live");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [16, 1];
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  window.seen = [];
  const look = (_, frame) => {
    pen.drawImage(video, 0, 0, 640, 40, 0, 0, 16, 1);
    const pixels = pen.getImageData(0, 0, 16, 1).data;
    let number = 0;
    for (let bit = 0; bit < 16; bit++) if (pixels[4 * bit] > 127) number |= 1 << bit;
    window.seen.push([number, (performance.timeOrigin + frame.expectedDisplayTime) / 1000]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
})()
"""
_DECODING = """
(async () => {
  const video = document.querySelector("video.live");
  const quality = video.getVideoPlaybackQuality();
  return [video.videoWidth, video.videoHeight, quality.totalVideoFrames,
    quality.droppedVideoFrames];
})()
"""


@dataclass(frozen=True)
class Memory:
    """What the page and its browser hold, in MiB."""

    at: float
    heap: float
    """JavaScript's, after a collection."""
    renderers: float
    """Resident, of the processes that run pages: what each has for itself (USS)."""
    all: float
    """The same of the whole browser."""
    nodes: int


class Watched:
    """A page, and the processes of its browser."""

    def __init__(self, view: Shown, processes: list[psutil.Process]) -> None:
        self.view = view
        self.processes = processes

    async def probe(self) -> None:
        """Note from now on when each picture is to be displayed."""
        await self.view.ask(_PROBE)

    async def seen(self) -> list[tuple[int, float]]:
        """Number and unix seconds of each picture's display, by this machine's clock here."""
        ahead = await self._clock_ahead()
        return [(int(n), float(at) - ahead) for n, at in await self.view.ask("window.seen")]

    async def picture(self) -> tuple[int, int, int, int]:
        """Width, height, frames so far, and of them those that came too late to be shown."""
        width, height, frames, dropped = await self.view.ask(_DECODING)
        return width, height, frames, dropped

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time so far, by the sort of process."""
        spent: dict[str, float] = defaultdict(float)
        for process in self.processes:
            try:
                times = process.cpu_times()
                spent[_sort(process)] += times.user + times.system
            except psutil.NoSuchProcess:
                continue
        return dict(spent)

    async def memory(self) -> Memory:
        """What is held now."""
        await self.view.protocol.send("HeapProfiler.collectGarbage")
        metrics = (await self.view.protocol.send("Performance.getMetrics"))["metrics"]
        values: Mapping[str, Any] = {each["name"]: each["value"] for each in metrics}
        held: dict[str, float] = defaultdict(float)
        for process in self.processes:
            try:
                held[_sort(process)] += process.memory_full_info().uss / 2**20
            except psutil.NoSuchProcess:
                continue
        return Memory(
            time.time(),
            values["JSHeapUsedSize"] / 2**20,
            held["renderer"],
            sum(held.values()),
            int(values["Nodes"]),
        )

    async def _clock_ahead(self) -> float:
        """The page's clock less ours, in seconds, by the quickest of twenty questions."""
        asked = []
        for _ in range(20):
            before = time.time()
            there = await self.view.ask("(performance.timeOrigin + performance.now()) / 1000")
            after = time.time()
            asked.append((after - before, there - (before + after) / 2))
        return float(min(asked)[1])


def _sort(process: psutil.Process) -> str:
    for word in process.cmdline():
        if word.startswith("--type="):
            return str(word.removeprefix("--type="))
    return "browser"


@asynccontextmanager
async def watched(address: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Watched]:
    """The page at this address, in a browser of its own, once an avatar is to be seen."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    async with browser(env=env) as running, shown(running, address) as view:
        await view.protocol.send("Performance.enable")
        await view.page.wait_for_selector("video.live", timeout=60_000)
        family = psutil.Process().children(recursive=True)
        new = [each for each in family if each.pid not in before and "chrom" in each.name()]
        yield Watched(view, new)
