"""The stage's page: what it costs, whether it grows, and how late it is.

A real Chromium without a window shows the page of a real stage's server, 1280 by 720, in a room
on a livekit-server on loopback. There is no graphics card: pictures are decoded, scaled and put
together by the CPU.

Cost: CPU time of all of the browser's processes between two moments, as a share of one core. The
demo's avatar speaks a monologue meanwhile; and, as the hardest case, a test pattern of 1280 by 720
sways as a whole. Two figures: the processes that run pages, and the whole browser with them.

Growth: the demo's avatar speaks for --minutes; memory is taken every 15 s, after a garbage
collection: JavaScript's heap, the page's process, the browser (memory that each process has for
itself). Told are the first and the last quarter's median.

Lag: a test pattern of 1280 by 720 carries a number in each picture, and a beep every second. A
second LiveKit client (the Python SDK) notes when it gets each number and each beep. The page notes
for which moment the browser means to display each number (requestVideoFrameCallback,
expectedDisplayTime); its beeps are recorded at the monitor of the sound server's sink that the
browser plays to. So the page's figures hold display and playback, the client's do not: it is what
the page is later. In step: how much later the beep is than the picture that it was sent with. All
on this machine's one clock.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.recording import RATE, Recording, ears, from_viewer
from bench.report import Figures, dump, parser, show
from bench.senders import IDENTITY, MICSTREAM, tell
from bench.watched import Watched, watched
from micstream.demo import process
from micstream.demo.avatar import IDENTITY as AVATAR
from micstream.demo.avatar import local_avatar
from micstream.demo.server import LocalServer, find_server, local_server
from micstream.viewer.picture import PictureFrame
from micstream.viewer.recording import SoundRecording
from micstream.viewer.tap import Tap
from testbed.pictured import FPS, number_of
from testbed.rooms import token, viewing
from testbed.sound import virtual_microphone
from testbed.speech import MONOLOGUE
from testbed.staged import settings_for, staged

ROOM = "bench"
PATTERN = "avatar-pattern"
WINDOW_S, QUICK_WINDOW_S = 60.0, 10.0
LAG_S, QUICK_LAG_S = 60.0, 12.0
MINUTES, QUICK_MINUTES = 20.0, 0.5
EVERY_S = 15.0
_SETTLED_S = 8.0
_ROOT = Path(__file__).resolve().parents[1]
_NEAR_S = 0.5
_LOUD, _QUIET_S = 0.05, 0.3


@asynccontextmanager
async def _speaking(server: LocalServer) -> AsyncIterator[None]:
    """The demo's avatar, and micstream that plays it a monologue over and over."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LIVEKIT_")}
    env |= {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "LIVEKIT_ROOM": ROOM,
        "MICSTREAM_AVATAR": AVATAR,
    }
    key, secret = server.api_key, server.api_secret
    async with local_avatar(server.url, key, secret, ROOM, IDENTITY):
        with TemporaryDirectory(prefix="micstream-bench-") as folder:
            command = [str(MICSTREAM), "play", str(MONOLOGUE), "--loop", "1000", "--quiet"]
            child = process.start(command, environment=env, log=Path(folder) / "play.log")
            try:
                yield
            finally:
                await process.end(child)


@asynccontextmanager
async def _pattern(server: LocalServer, *, swaying: bool = False) -> AsyncIterator[None]:
    env = os.environ | {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_TOKEN": token(server, ROOM, PATTERN, kind="agent"),
        "PYTHONPATH": str(_ROOT),
    }
    if swaying:
        env["PATTERN_SWAYS"] = "1"
    with TemporaryDirectory(prefix="micstream-bench-") as folder:
        command = [sys.executable, "-m", "bench.peers.pattern"]
        child = process.start(command, environment=env, log=Path(folder) / "pattern.log")
        try:
            yield
        finally:
            await process.end(child)


async def _spent(page: Watched, window_s: float) -> Figures:
    """Shares of a core, in percent, over the window."""
    before, begun, (_, _, frames, dropped) = (
        page.cpu_seconds(),
        time.monotonic(),
        await page.picture(),
    )
    await asyncio.sleep(window_s)
    after, ended = page.cpu_seconds(), time.monotonic()
    width, height, frames_then, dropped_then = await page.picture()
    share = {
        sort: 100 * (spent - before.get(sort, 0.0)) / (ended - begun)
        for sort, spent in after.items()
    }
    return {
        "picture": f"{width}x{height}",
        "fps": (frames_then - frames) / (ended - begun),
        "dropped": dropped_then - dropped,
        "cpu_percent": sum(share.values()),
        "page_percent": share.get("renderer", 0.0),
        "by_process": share,
    }


async def cost(server: LocalServer, window_s: float) -> Figures:
    """CPU while the demo's avatar speaks, and with a pattern that sways."""
    figures: Figures = {}
    settings = settings_for(server, ROOM)
    async with virtual_microphone() as sink, staged(settings) as ours:
        for name, source in (
            ("speaking", _speaking(server)),
            ("swaying", _pattern(server, swaying=True)),
        ):
            tell(f"stage: cost, {name}")
            async with source, watched(ours.address, sink.env) as page:
                await asyncio.sleep(_SETTLED_S)
                figures[name] = await _spent(page, window_s)
    return figures


async def growth(server: LocalServer, minutes: float) -> Figures:
    """Memory while the demo's avatar speaks."""
    taken = []
    async with (
        virtual_microphone() as sink,
        staged(settings_for(server, ROOM)) as ours,
        _speaking(server),
        watched(ours.address, sink.env) as page,
    ):
        await asyncio.sleep(_SETTLED_S)
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            taken.append(await page.memory())
            if len(taken) % 8 == 1:
                tell(f"stage: growth, {(end - time.monotonic()) / 60:.0f} min to go, {taken[-1]}")
            await asyncio.sleep(min(EVERY_S, 60 * minutes / 8))
        assert await page.view.live() == 1, "the avatar was to be seen to the end"
        assert page.view.complaints == []
    quarter = max(1, len(taken) // 4)
    rows = {}
    for name in ("heap", "renderers", "all", "nodes"):
        values = [float(getattr(each, name)) for each in taken]
        parts = (values[:quarter], values[quarter : 2 * quarter], values[-quarter:])
        first, second, last = (statistics.median(part) for part in parts)
        rows[name] = {"first": first, "second": second, "last": last}
    return {"minutes": minutes, "held": rows, "taken": [asdict(each) for each in taken]}


async def lag(server: LocalServer, seconds: float) -> Figures:
    """The page beside a second client."""
    tell("stage: lag")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(_pattern(server))
        sink = await enter(virtual_microphone())
        ours = await enter(staged(settings_for(server, ROOM)))
        numbers: list[tuple[int, float]] = []
        sound = await enter(_second_client(server, numbers))
        page = await enter(watched(ours.address, sink.env))
        listening = stack.enter_context(ears(sink))
        await asyncio.sleep(_SETTLED_S)
        await page.probe()
        await asyncio.sleep(seconds)
        seen = await page.seen()
        since = seen[0][1]
        return _compare(
            numbers,
            seen,
            _beeps(from_viewer(sound, by_ends=True)),
            _beeps(listening.recording()),
            since,
        )


@asynccontextmanager
async def _second_client(
    server: LocalServer, numbers: list[tuple[int, float]]
) -> AsyncIterator[SoundRecording]:
    """Another client, that notes the number of each picture and when it got it, and the sound."""

    async def look(frames: Tap[PictureFrame]) -> None:
        async for frame in frames:
            numbers.append((number_of(frame.luma), frame.arrived_unix))

    async with viewing(server, ROOM, "client") as viewer:
        sound, picture = viewer.record_sound(PATTERN), viewer.record_picture(PATTERN)
        looking = asyncio.create_task(look(viewer.watch(PATTERN, capacity=FPS)))
        try:
            async with asyncio.timeout(30):
                await picture.until_frames(FPS)
            yield sound
        finally:
            looking.cancel()
            await asyncio.wait([looking])


def _beeps(recording: Recording) -> list[float]:
    """Unix seconds at which each beep began."""
    loud = np.flatnonzero(np.abs(recording.samples) > _LOUD)
    fresh = loud[np.flatnonzero(np.diff(loud, prepend=-RATE) > _QUIET_S * RATE)]
    return [recording.time_at(float(each) / RATE) for each in fresh]


def _compare(
    numbers: Sequence[tuple[int, float]],
    seen: Sequence[tuple[int, float]],
    heard: Sequence[float],
    played: Sequence[float],
    since: float,
) -> Figures:
    """Milliseconds by which the page is later than the client."""
    got = dict(numbers)
    pictures = [1000 * (at - got[number]) for number, at in seen if number in got]
    sounds, steps, client_steps = [], [], []
    flashes = {at: number for number, at in seen if number % FPS == 0}
    arrived = {at: number for number, at in numbers if number % FPS == 0}
    for at in (each for each in played if each > since):
        other = _nearest(at, heard)
        flash, arrival = _nearest(at, list(flashes)), _nearest(at, list(arrived))
        if other is not None:
            sounds.append(1000 * (at - other))
        if flash is not None and other is not None and arrival is not None:
            steps.append(1000 * (at - flash))
            client_steps.append(1000 * (other - arrival))
    return {
        "picture_ms": _spread(pictures),
        "sound_ms": _spread(sounds),
        "step_ms": _spread(steps),
        "client_step_ms": _spread(client_steps),
    }


def _nearest(at: float, others: Sequence[float]) -> float | None:
    near = min(others, key=lambda each: abs(each - at), default=None)
    return near if near is not None and abs(near - at) < _NEAR_S else None


def _spread(values: Sequence[float]) -> Figures:
    assert len(values) > 5, "nothing was measured"
    median = statistics.median(values)
    low, high = np.percentile(values, [5, 95])
    return {"median": median, "p5": float(low), "p95": float(high), "count": len(values)}


async def bench(window_s: float, minutes: float, lag_s: float) -> Figures:
    """All of it, each on a server of its own."""
    binary = await find_server(progress=tell)
    figures: Figures = {"window_s": window_s}
    async with local_server(binary) as server:
        figures["lag"] = await lag(server, lag_s)
    async with local_server(binary) as server:
        figures["cost"] = await cost(server, window_s)
    if minutes:
        async with local_server(binary) as server:
            figures["growth"] = await growth(server, minutes)
    return figures


def _print(figures: Figures) -> None:
    rows = [
        (
            name,
            each["picture"],
            each["fps"],
            each["dropped"],
            each["page_percent"],
            each["cpu_percent"],
        )
        for name, each in figures["cost"].items()
    ]
    head = ("% of a core", "picture", "fps", "dropped", "page", "browser, all")
    show("Cost", head, rows)
    labels = {
        "picture_ms": "picture, later than the second client, ms",
        "sound_ms": "sound, later than the second client, ms",
        "step_ms": "sound after picture, on the page, ms",
        "client_step_ms": "sound after picture, at the second client, ms",
    }
    show(
        "Lag",
        ("", "median", "5 %", "95 %", "count"),
        [
            (words, *(figures["lag"][name][part] for part in ("median", "p5", "p95", "count")))
            for name, words in labels.items()
        ],
    )
    if "growth" in figures:
        held = figures["growth"]["held"]
        names = {
            "heap": "JavaScript's heap, MiB",
            "renderers": "page's process, MiB",
            "all": "browser, MiB",
            "nodes": "DOM nodes",
        }
        show(
            f"Held in {figures['growth']['minutes']:g} minutes",
            ("", "first quarter", "second", "last"),
            [(words, *held[name].values()) for name, words in names.items()],
        )


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser("bench.stage", __doc__)
    options.add_argument("--minutes", type=float, help="how long to watch it grow; 0: not at all")
    given = options.parse_args(arguments)
    window, lag_s, minutes = WINDOW_S, LAG_S, MINUTES
    if given.quick:
        window, lag_s, minutes = QUICK_WINDOW_S, QUICK_LAG_S, QUICK_MINUTES
    if given.minutes is not None:
        minutes = given.minutes
    figures = asyncio.run(bench(window, minutes, lag_s))
    if given.json:
        dump("stage", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
