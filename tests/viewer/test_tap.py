"""Conditions, taps, feeds: what arrives reaches whoever takes it, counted where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.viewer.changes import Changes
from micstream.viewer.feed import Feed, close
from micstream.viewer.tap import Tap


async def turns(count: int = 3) -> None:
    """Let every task run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


# ---- waiting ----------------------------------------------------------------------------------


async def test_a_condition_is_looked_at_when_something_has_changed_and_not_before() -> None:
    changes, looked = Changes(), 0
    value = 0

    def condition() -> int:
        nonlocal looked
        looked += 1
        return value

    waiting = asyncio.create_task(changes.until(condition))
    await turns()
    assert looked == 1
    changes.tell()
    await turns()
    assert looked == 2
    value = 7
    await turns()
    assert looked == 2, "nobody told"
    changes.tell()
    assert await waiting == 7


async def test_a_condition_that_holds_is_not_waited_for_even_after_the_end() -> None:
    changes = Changes()
    changes.fail(ValueError("over"))
    assert await changes.until(lambda: "there")
    with pytest.raises(ValueError, match="over"):
        await changes.until(lambda: False)


async def test_whoever_is_cancelled_while_waiting_is_forgotten() -> None:
    changes = Changes()
    waiting = asyncio.create_task(changes.until(lambda: False))
    await turns()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not changes._waiting
    changes.tell()


# ---- taps -------------------------------------------------------------------------------------


@given(capacity=st.integers(1, 5), steps=st.lists(st.booleans(), max_size=60))
def test_of_what_came_all_is_taken_in_order_or_counted_as_lost(
    capacity: int, steps: list[bool]
) -> None:
    async def play() -> None:
        tap = Tap[int](capacity)
        pushed = 0
        taken: list[int] = []
        for push in steps:
            if push:
                tap.push(pushed)
                pushed += 1
            elif pushed > len(taken) + tap.lost:
                taken.append(await anext(tap))
        tap.end()
        tap.push(-1)
        taken += [item async for item in tap]
        assert taken == sorted(set(taken)), "in order, none twice"
        assert len(taken) + tap.lost == pushed
        assert -1 not in taken, "nothing comes after the end"

    asyncio.run(play())


async def test_a_tap_ends_with_the_error_of_what_feeds_it_once_all_is_taken() -> None:
    tap = Tap[int](4)
    tap.push(1)
    tap.end(ValueError("broken"))
    assert await anext(tap) == 1
    with pytest.raises(ValueError, match="broken"):
        await anext(tap)


async def test_whoever_waits_at_a_tap_gets_what_comes() -> None:
    tap = Tap[int](4)
    waiting = asyncio.ensure_future(anext(tap))
    await turns()
    tap.push(5)
    assert await waiting == 5


# ---- feeds ------------------------------------------------------------------------------------


class Track:
    """A track's sid, and what comes on it."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.items: asyncio.Queue[int | Exception | None] = asyncio.Queue()
        self.opened = self.closed = 0


class Numbers(Feed[int]):
    """A feed of numbers, from tracks that are none of the SDK's."""

    async def _items(self, track: Any) -> AsyncGenerator[int, None]:
        track.opened += 1
        try:
            while (item := await track.items.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            track.closed += 1


class Fed:
    """A feed under test."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.feed = Numbers(self.errors.append)

    def track(self, sid: str = "TR_1") -> Track:
        track = Track(sid)
        self.feed.begin(cast("Any", track))
        return track


async def test_nothing_is_read_while_nobody_takes_it() -> None:
    fed = Fed()
    track = fed.track()
    await turns()
    assert track.opened == 0
    first, second = Tap[int](9), Tap[int](9)
    fed.feed.attach(first)
    fed.feed.attach(second)
    await turns()
    assert track.opened == 1, "once for all"
    assert fed.feed.detach(first)
    assert not fed.feed.detach(first), "it is none of ours any more"
    await turns()
    assert track.closed == 0
    fed.feed.detach(second)
    await turns()
    assert track.closed == 1
    fed.feed.attach(third := Tap[int](9))
    await turns()
    track.items.put_nowait(3)
    assert await anext(third) == 3
    await fed.feed.aclose()
    assert (track.opened, track.closed) == (2, 2)
    assert [item async for item in third] == []


async def test_a_tap_goes_on_with_the_next_track() -> None:
    fed = Fed()
    fed.feed.attach(tap := Tap[int](9))
    first = fed.track("TR_1")
    await turns()
    first.items.put_nowait(1)
    assert await anext(tap) == 1
    fed.feed.stop("TR_1")
    fed.feed.stop("TR_of_somebody_else")
    second = fed.track("TR_2")
    await turns()
    assert first.closed == 1
    second.items.put_nowait(2)
    assert await anext(tap) == 2
    third = fed.track("TR_2")  # subscribed to anew under the same sid
    await turns()
    assert second.closed == 1
    third.items.put_nowait(3)
    assert await anext(tap) == 3
    third.items.put_nowait(None)  # the SDK says that the track has ended
    await turns(6)
    assert third.closed == 1
    await fed.feed.aclose()
    assert not fed.errors


async def test_a_reader_that_fails_is_told_to_all_who_wait() -> None:
    fed = Fed()
    fed.feed.attach(tap := Tap[int](9))
    track = fed.track()
    await turns()
    track.items.put_nowait(ValueError("the SDK"))
    with pytest.raises(ValueError, match="the SDK"):
        await anext(tap)
    await turns()
    assert [str(error) for error in fed.errors] == ["the SDK"]
    assert track.closed == 1
    assert not fed.feed.is_wanted
    await fed.feed.aclose()


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["attach", "detach", "begin", "stop", "push", "turn"]),
            st.integers(0, 2),
        ),
        max_size=40,
    )
)
def test_whatever_happens_all_that_is_opened_is_closed(steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        fed, tracks, taps = Fed(), list[Track](), [Tap[int](2) for _ in range(3)]
        attached: set[int] = set()
        for what, number in steps:
            match what:
                case "attach" if number not in attached:
                    fed.feed.attach(taps[number])
                    attached.add(number)
                case "detach":
                    assert fed.feed.detach(taps[number]) == (number in attached)
                    taps[number] = Tap[int](2)
                    attached.discard(number)
                case "begin":
                    tracks.append(fed.track(f"TR_{number}"))
                case "stop":
                    fed.feed.stop(f"TR_{number}")
                case "push" if tracks:
                    tracks[number % len(tracks)].items.put_nowait(number)
                case _:
                    await turns()
            open_now = sum(track.opened - track.closed for track in tracks)
            assert open_now <= 3 + len(fed.feed._closing), "one for each sid"
        await fed.feed.aclose()
        assert all(track.opened == track.closed for track in tracks)
        assert not fed.feed._readers
        assert not fed.errors

    asyncio.run(play())


async def test_a_stream_whose_last_event_never_comes_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("micstream.viewer.feed._CLOSE_S", 0.01)

    class Stream:
        def __init__(self) -> None:
            self.task = asyncio.create_task(asyncio.Event().wait())

        async def aclose(self) -> None:
            await self.task

    stream = Stream()
    await close(stream)
    assert stream.task.cancelled()
