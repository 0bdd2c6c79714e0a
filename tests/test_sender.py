"""The Python interface, as far as it needs no room."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from micstream import Sender, events


@pytest.fixture
def sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sender:
    """One that has not joined, and is about to tell something."""
    monkeypatch.chdir(tmp_path)
    return Sender(url="ws://127.0.0.1:1", api_key="key", api_secret="s" * 40)


async def test_who_stops_reading_its_events_leaves_nothing_behind(sender: Sender) -> None:
    monitor = sender._monitor
    reads_on = sender.events()
    before = len(monitor._listeners)
    for _ in range(20):
        sender.events()  # and never reads
        reads_one = sender.events()
        monitor.emit(events.Ready())
        async for _event in reads_one:
            break
    del reads_one
    gc.collect()
    await asyncio.sleep(0)
    assert len(monitor._listeners) == before
    assert (await anext(reads_on)).EVENT == "ready"


async def test_its_events_end_with_the_summary_also_for_a_slow_reader(sender: Sender) -> None:
    happens = sender.events()
    for _ in range(3_000):
        sender._monitor.emit(events.Ready())
    sender._monitor.emit(sender._monitor.summary())
    names = [event.EVENT async for event in happens]
    assert len(names) == 1_000
    assert names[-1] == "bye"
