"""Interrupts with livekit-agents' own avatar worker, as a third participant hears them."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from micstream import FileSource
from micstream.demo.server import LocalServer
from testbed.rooms import bystander
from testbed.speech import HELLO, samples
from testbed.waiting import wait_until
from tests.conftest import AvatarFactory
from tests.support.senders import Voice, voice

pytestmark = [pytest.mark.room, pytest.mark.slow]

LENGTH_S = samples(HELLO).size / 16_000
APART_MS = 1_000
"""What is queued would play for seconds; how soon it is silent is measured by `bench show`."""
TRIES = 3


async def heard_out(ours: Voice) -> Any:
    """The end of what was said last: what was interrupted before it may be reported late."""
    spoken = ours.named("utterance_started")[-1].id

    def reports() -> list[Any]:
        return [event for event in ours.named("playback_finished") if event.id == spoken]

    await wait_until(reports, 15, lambda: f"the end of {spoken} in {ours.events}")
    return reports()[0]


async def test_a_third_participant_hears_silence_soon_however_much_is_queued(
    server: LocalServer, room_name: str, avatar: AvatarFactory, tmp_path: Path
) -> None:
    took_ms: dict[int, list[float]] = {1: [], 4: []}
    steady = tmp_path / "steady.wav"
    noise = np.random.default_rng(1).integers(-8_000, 8_000, 8 * 16_000).astype(np.int16)
    soundfile.write(steady, noise, 16_000)
    async with (
        avatar(room_name) as worker,
        bystander(server, room_name) as viewer,
        voice(server, room_name, max_backlog=60) as ours,
    ):
        for segments in [1, 4] * TRIES:
            began = time.time()
            for _ in range(segments):  # closed; all but one behind the one that plays
                await ours.sender.speak(FileSource(steady, pace="fast"))
            # Of 8 s each; it plays while the rest is sent, which takes a busy machine a moment.
            assert ours.sender.backlog > 5 * segments
            await wait_until(lambda began=began: viewer.first_heard_at(began), 10, "it")  # type: ignore[misc]
            await asyncio.sleep(0.5)
            pressed = time.time()
            await ours.sender.interrupt()
            await wait_until(lambda: viewer.silent_for() > 0.5, 8, "silence")
            last = viewer.recording.last_loud_at(pressed)
            assert last is not None
            took_ms[segments].append(1000 * (last - pressed))
        one, four = (statistics.median(each) for each in took_ms.values())
        assert abs(four - one) < APART_MS, took_ms
        await ours.sender.speak(FileSource(HELLO))
        await heard_out(ours)
        assert worker.alive


async def test_fifty_interrupts_in_a_row_leave_a_living_avatar(
    server: LocalServer, room_name: str, avatar: AvatarFactory
) -> None:
    async with (
        avatar(room_name) as worker,
        bystander(server, room_name) as viewer,
        voice(server, room_name, max_backlog=60) as ours,
    ):
        for number in range(50):
            saying = asyncio.create_task(ours.sender.speak(FileSource(HELLO, pace="fast")))
            await asyncio.sleep(0.01 * (number % 12))
            await ours.sender.interrupt()
            await saying
        assert worker.alive
        before = viewer.heard_seconds()
        await ours.sender.speak(FileSource(HELLO))
        last = await heard_out(ours)
        assert not last.interrupted
        assert last.position_s == pytest.approx(LENGTH_S, abs=0.25)
        await wait_until(lambda: viewer.heard_seconds() - before > 0.5 * LENGTH_S, 15, "it")
        assert worker.alive
