"""The Python interface, as far as it needs no room."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from micstream import Sender, events
from micstream.speech.cutter import Gate


@pytest.fixture
def sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sender:
    """One that has not joined, and is about to tell something."""
    monkeypatch.chdir(tmp_path)
    return Sender(url="ws://127.0.0.1:1", api_key="key", api_secret="s" * 40)


async def test_who_stops_reading_its_events_leaves_nothing_behind(sender: Sender) -> None:
    bus = sender._bus
    reads_on = sender.events()
    before = len(bus.subscriptions)
    for _ in range(20):
        sender.events()  # and never reads
        reads_one = sender.events()
        bus.emit(events.Ready())
        async for _event in reads_one:
            break
    del reads_one
    gc.collect()
    await asyncio.sleep(0)
    assert len(bus.subscriptions) == before
    assert (await anext(reads_on)).EVENT == "ready"


async def test_its_events_end_with_the_summary_also_for_a_slow_reader(sender: Sender) -> None:
    happens = sender.events()
    for _ in range(3_000):
        sender._bus.emit(events.Ready())
    sender._bus.emit_summary()
    told = [event async for event in happens]
    assert len(told) == 1_000
    assert told[-1].EVENT == "bye"
    lost = told[-2]
    assert isinstance(lost, events.Warned)
    assert (lost.code, lost.count) == ("events_lost", 3_000 - 998)


async def test_its_state_says_what_was_done(sender: Sender) -> None:
    """A mute returns to what was before, whoever mutes and whatever that was."""
    before = sender.state
    assert (before.gate, before.muted) == ("detector", False)
    sender.manual()
    sender.mute()
    assert (sender.state.gate, sender.state.muted) == ("closed", True)
    sender.mute(False)
    assert (sender.state.gate, sender.state.muted) == ("open", False)
    sender.manual(False)
    sender.mute(False)
    assert sender.state.gate == "closed"
    sender.auto()
    assert (sender.state.gate, before.gate) == ("detector", "detector")


async def test_a_gate_that_is_pushed_is_not_opened_by_the_end_of_a_mute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for talk in ("push", "manual"):
        sender = Sender(url="ws://127.0.0.1:1", api_key="key", api_secret="s" * 40, talk=talk)
        sender.mute(False)
        assert sender._session.controls.gate is Gate.CLOSED


async def test_several_are_routed_by_either_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    credentials = {"url": "ws://127.0.0.1:1", "api_key": "key", "api_secret": "s" * 40}
    sender = Sender(avatar=["avatar-a", "avatar-b"], **credentials)
    happens = sender.events()
    sender.route(2)
    sender.give_voice(1)
    sender._bus.emit_summary()
    told = [event async for event in happens]
    assert [event.EVENT for event in told] == ["route", "voice", "route", "voice", "bye"]
    assert sender.state.routed == ("avatar-a",)
    with pytest.raises(ValueError, match="avatars: 2; there is no 3"):
        sender.route(3)
