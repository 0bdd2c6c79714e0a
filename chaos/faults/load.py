"""A machine that is too slow: micstream stalled, and all cores busy beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from itertools import pairwise

from chaos.output import Told
from chaos.row import Row, Times
from chaos.stage import Stage
from micstream.demo import process

_STALL_S = 0.5
_BUSY_S = 15.0
_DRIFT_S = 0.3
_SLOW_MS = 1500


def _clock_is_true(begun: list[Told]) -> None:
    """Between two onsets as much sound was captured as time went by."""
    for first, last in pairwise(begun):
        captured = last["onset_s"] - first["onset_s"]
        # Told when its first write went out: when as much as the lead had been captured.
        passed = last["t"] - first["t"] - (last["lead_ms"] - first["lead_ms"]) / 1000
        assert abs(captured - passed) < _DRIFT_S, f"{captured:.2f} s captured in {passed:.2f} s"


async def _stalled(stage: Stage) -> Times:
    await stage.open()
    await stage.sender.until("playback_finished")
    for _ in range(1 if stage.quick else 3):
        begun = await stage.mid_utterance()
        fault = time.time()
        stage.sender.send(signal.SIGSTOP)
        await asyncio.sleep(_STALL_S)
        stage.sender.send(signal.SIGCONT)
        await stage.until_of(begun, "playback_finished")
        ended = stage.sender.named("utterance_ended", since=fault)[0]
        assert (ended["id"], ended["reason"]) == (begun["id"], "silence"), ended
    lost = stage.sender.named("dropped", "microphone", "connection", "error", since=begun.at)
    assert not lost, f"the stall cost: {lost}"
    recovered = await stage.sounds_again(time.time())
    _clock_is_true(stage.sender.named("utterance_started"))
    return Times(recovered=recovered)


async def _busy(stage: Stage) -> Times:
    await stage.open()
    await stage.sender.until("playback_finished")
    burn = [sys.executable, "-c", "while True: pass"]
    log = stage.folder / "burning.log"
    since = time.time()
    burning = [
        process.start(burn, environment=os.environ, log=log) for _ in range(os.cpu_count() or 1)
    ]
    try:
        await asyncio.sleep(_BUSY_S)
    finally:
        for each in burning:
            await process.end(each)
    whole = time.time()
    recovered = await stage.sounds_again(whole)
    lost = stage.sender.named("dropped", "microphone", "connection", "error", since=since)
    assert not lost, f"it cost: {lost}"
    begun = stage.sender.named("utterance_started", since=since)
    played = {told["id"] for told in stage.sender.named("playback_finished", since=since)}
    missing = {told["id"] for told in begun if told.at < whole} - played
    assert len(begun) > 2 and not missing, f"of {len(begun)} not played: {missing}"
    delays = [told["delay_ms"] for told in stage.sender.named("playback_started", since=since)]
    assert max(delays) < _SLOW_MS * stage.stretch, f"delays of up to {max(delays)} ms"
    _clock_is_true(stage.sender.named("utterance_started"))
    return Times(recovered=recovered)


ROWS = (
    Row(
        name="stalled",
        provokes="micstream stands still for 500 ms in mid-utterance, three times",
        must="nothing lost, no segment cut, the capture's clock stays true",
        provoke=_stalled,
        quick=True,
    ),
    Row(
        name="busy",
        provokes="every core busy beside it for 15 s",
        must="all segments played, nothing lost, delay below 1.5 s, the capture's clock stays true",
        provoke=_busy,
    ),
)
