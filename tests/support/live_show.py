"""A show without a room, in a real terminal: the live view, keys, controls, levels that move.

    python -m tests.support.live_show [noise] [speaks]

Ends with what keys say, or by signals, as `micstream live` does. `noise`: writes to stderr as well;
`speaks`: the avatar plays. At the end it tells the longest that the loop stood still, and its share
of a core from the third second on.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import sys
import time

import numpy as np

from micstream import events
from micstream.bus import Bus, ThreadConsumer
from micstream.cli.held_errors import holding_errors
from micstream.cli.keymap import Keymap
from micstream.cli.keys import Keys
from micstream.cli.options import Output
from micstream.cli.run import draw_levels, make_view, showing
from micstream.cli.streams import STREAMS
from micstream.controls import Controls
from micstream.fan_out import FanOut
from micstream.settings.pieces import ControlSettings
from micstream.signals import set_on_signals
from micstream.taps import Captured, Taps
from micstream.tasks import run_guarded, run_until
from micstream.view.live.live_view import LiveView
from testbed.outputs import NotedOutput

ANNA = "avatar-anna"
USED: list[tuple[float, os.times_result]] = []
CUES = [("applause", "a"), ("rain", "")]


async def _sound(taps: Taps, ticks: list[float]) -> None:
    n = 0
    while True:
        await asyncio.sleep(0.032)
        if len(ticks) == 90:
            USED.append((time.monotonic(), os.times()))
        ticks.append(time.monotonic())
        n += 1
        loud = 200 + 6_000 * max(0.0, math.sin(n / 30))
        pcm = (np.random.default_rng(n).standard_normal(512) * loud).astype("<i2").tobytes()
        taps.captured(Captured("USB", 0, 0, time.monotonic(), pcm, speaking=False))


def _happens(bus: Bus) -> None:
    bus.emit(events.Connection(state="connected", attempt=1))
    bus.emit(events.Capturing(device="USB", rate=16_000, channels=1))
    bus.emit(events.AvatarJoined(identity=ANNA))
    bus.emit(events.AvatarReady(identity=ANNA, how="probe"))
    bus.emit(events.Ready())
    if "speaks" in sys.argv:
        bus.emit(events.UtteranceStarted(avatar=ANNA, id="u1", onset_s=1, decided_s=1, lead_ms=90))
        bus.emit(events.PlaybackStarted(avatar=ANNA, id="u1", delay_ms=310))


async def show() -> float:
    """Run it; the longest that the loop of the sound stood still, in seconds."""
    bus, stop, taps, ticks = Bus(), asyncio.Event(), Taps(), list[float]()
    output = Output(json=False, plain=False, quiet=False, verbose=False)
    view = make_view(output, errors=sys.stderr, keys=1, room="show")
    assert isinstance(view, LiveView)
    controls = Controls(FanOut((NotedOutput(ANNA),)), bus, ControlSettings(manual=False, route=0))
    with holding_errors(lambda: view.is_shown):
        async with showing(bus, view, stop) as consumer:
            with set_on_signals(stop):
                keys = Keys(controls, stop, keymap=Keymap(cues=CUES), picture=view)
                working = run_guarded(_work(bus, taps, consumer, ticks), keys.run())
                await run_until(working, stop)
            bus.emit_summary()
    return max((b - a for a, b in itertools.pairwise(ticks)), default=0.0)


async def _work(bus: Bus, taps: Taps, consumer: ThreadConsumer, ticks: list[float]) -> None:
    _happens(bus)
    if "noise" in sys.argv:
        sys.stderr.write("a library complains\n")
        print("ALSA: no", file=sys.__stderr__)
    await run_guarded(_sound(taps, ticks), draw_levels(taps, consumer))


if __name__ == "__main__":
    STREAMS.prepare()
    if "noise" in sys.argv:
        STREAMS.lead_libraries_away()
    worst = asyncio.run(show())
    began, used = USED[0] if USED else (time.monotonic() - 1, os.times())
    after, lasted = os.times(), time.monotonic() - began
    cpu = (after.user + after.system - used.user - used.system) / lasted
    sys.stdout.write(f"ended: gap {worst * 1000:.0f} ms, cpu {100 * cpu:.1f} %\n")
