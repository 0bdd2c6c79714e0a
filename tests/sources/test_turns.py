"""Turns: one after the other, and what is live is held for as long as somebody has one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.errors import UsageError
from micstream.sources.turns import Turns


class Live:
    """Remembers whether it is held."""

    def __init__(self) -> None:
        self.holds = 0

    def hold(self) -> None:
        """Give way."""
        self.holds += 1

    def release(self) -> None:
        """Be heard."""
        self.holds -= 1


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_two_in_turn_while_the_microphone_is_held() -> None:
    turns, live = Turns(), Live()
    order: list[str] = []

    async def cue(name: str) -> None:
        async with turns.take():
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            assert live.holds == 1, "held once, and not heard between the two"
            order.append(f"{name} ends")

    async with turns.live(live):
        assert live.holds == 0
        await asyncio.gather(cue("applause"), cue("jingle"))
        assert live.holds == 0
    assert order == ["applause begins", "applause ends", "jingle begins", "jingle ends"]


async def test_a_microphone_that_comes_meanwhile_is_held_too() -> None:
    turns, live = Turns(), Live()
    async with AsyncExitStack() as cue:
        await cue.enter_async_context(turns.take())
        async with turns.live(live):
            assert turns.is_live
            assert live.holds == 1
            await cue.aclose()
            assert live.holds == 0
    assert not turns.is_live


async def test_one_live_source_at_a_time() -> None:
    turns = Turns()
    turns.refuse_while_live()
    async with turns.live(Live()):
        with pytest.raises(UsageError, match="listened to already") as caught:
            async with turns.live(Live()):
                pass
        assert caught.value.code == "busy"
        with pytest.raises(UsageError):
            turns.refuse_while_live()
    turns.refuse_while_live()


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["take", "leave", "give up", "live", "end"]), max_size=30))
def test_it_is_held_exactly_while_somebody_has_or_awaits_a_turn(acts: list[str]) -> None:
    async def run() -> None:
        turns = Turns()
        live: Live | None = None
        listening = AsyncExitStack()
        takers: list[tuple[asyncio.Task[None], asyncio.Event]] = []
        having: list[asyncio.Event] = []

        async def take(leave: asyncio.Event) -> None:
            async with turns.take():
                having.append(leave)
                assert len(having) == 1, "two at once"
                try:
                    await leave.wait()
                finally:
                    having.remove(leave)

        for act in (*acts, *["leave"] * 30):
            if act == "take":
                leave = asyncio.Event()
                takers.append((asyncio.create_task(take(leave)), leave))
            elif act == "leave" and takers:
                takers.pop(0)[1].set()
            elif act == "give up" and takers:
                takers.pop()[0].cancel()
            elif act == "live" and live is None:
                live = Live()
                await listening.enter_async_context(turns.live(live))
            elif act == "end" and live is not None:
                await listening.aclose()
                live = None
            await settled()
            assert turns.is_taken == bool(takers)
            assert len(having) == min(1, len(takers))
            if live is not None:
                assert live.holds == bool(takers)
        await listening.aclose()

    asyncio.run(run())
