"""An avatar that was lost is brought back, whatever happens meanwhile: in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.avatars.start import Progress
from micstream.avatars.supervisor import PAUSES_S, WELL_S, Supervisor
from micstream.errors import AvatarUnavailable, ConnectionFailed, UsageError
from micstream.events import AvatarStarting, Emitter, Event, Warned
from micstream.settings import load
from micstream.settings.pieces import SupervisorSettings
from testbed.virtual_time import run_virtual

TIMEOUT_S = 30.0


def asked_for(**more: Any) -> SupervisorSettings:
    flags: dict[str, Any] = {
        "url": "ws://127.0.0.1:1",
        "api_key": "key",
        "api_secret": "s" * 40,
        "license_key": "a-key",
        "avatar_server": "http://127.0.0.1:1",
        "avatar_id": "anna",
        "keep_avatar": True,
        "wait_avatar": TIMEOUT_S,
    }
    return load(**flags | more).supervisor()


class Bus(list[Event]):
    """What was told."""

    def emit(self, event: Event) -> None:
        self.append(event)

    @property
    def steps(self) -> list[str]:
        return [event.step for event in self if isinstance(event, AvatarStarting)]

    @property
    def warnings(self) -> list[str]:
        return [event.code for event in self if isinstance(event, Warned)]


class World:
    """A room with an avatar in it or without, the two servers, and what is seen of all that.

    `on_server` is how the server has it, the other facts are how our room sees it: later, or not at
    all while we are not connected.
    """

    def __init__(self) -> None:
        self.present = self.listening = self.silent = False
        self.connected = True
        self.on_server = False
        self.fails = False
        self.answers_s = 0.1
        self.joins_s: float | None = 1.0
        """How long after it was asked for it joins; None: never."""
        self.asked: list[float] = []
        self.looked: list[float] = []
        self.removed = 0
        self.most_at_once = 0
        self._at_once = 0
        self._changes: set[asyncio.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- AvatarWatch ---------------------------------------------------------------------------

    async def changed(self) -> None:
        change = asyncio.get_running_loop().create_future()
        self._changes.add(change)
        try:
            await change
        finally:
            self._changes.discard(change)

    def see(self, **facts: bool) -> None:
        """Our room sees this, from now on."""
        for name, fact in facts.items():
            setattr(self, name, fact)
        for change in self._changes:
            if not change.done():
                change.set_result(None)

    # ---- AvatarServers -------------------------------------------------------------------------

    async def is_there(self) -> bool:
        there = self.on_server  # as it is when the server looks; the answer takes a while
        self.looked.append(now())
        await asyncio.sleep(self.answers_s)
        if self.fails:
            raise ConnectionFailed("not reached")
        return there

    async def remove(self) -> None:
        self.removed += 1
        await asyncio.sleep(self.answers_s)
        if self.fails:
            raise ConnectionFailed("not reached")
        self.on_server = False
        self.later(self.answers_s, self.leave)

    async def bring(self, progress: Progress, bus: Emitter, *, timeout_s: float) -> bool:
        assert timeout_s == TIMEOUT_S
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self.asked.append(now())
        try:
            await asyncio.sleep(self.answers_s)
            if self.fails:
                raise ConnectionFailed("not reached", code="avatar_server_unreachable")
            if self.on_server:
                return False
            if self.joins_s is not None:
                self.later(self.joins_s, self.join)
            return True
        finally:
            self._at_once -= 1

    # ---- the avatar ----------------------------------------------------------------------------

    def join(self) -> None:
        self.on_server = True
        if self.connected:
            self.see(present=True, listening=True, silent=False)

    def leave(self) -> None:
        self.on_server = False
        if self.connected:
            self.see(present=False, listening=False, silent=False)

    def lose_connection(self) -> None:
        self.see(connected=False, present=False, listening=False, silent=False)

    def regain_connection(self) -> None:
        there = self.on_server
        self.see(connected=True, present=there, listening=there, silent=False)

    def later(self, seconds: float, what: Any) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            what()

        task = asyncio.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def supervised(
    world: World, bus: Bus, given: SupervisorSettings | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    supervisor = Supervisor(given or asked_for(), world, bus, servers=world)
    task = asyncio.create_task(supervisor.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def virtual(scenario: Coroutine[Any, Any, None]) -> None:
    run_virtual(scenario)


def test_it_is_brought_in_and_each_step_is_told() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            await asyncio.sleep(3600)
        assert len(world.asked) == 1
        assert bus.steps == ["joined", "ready"]
        assert bus.warnings == []

    virtual(scenario())


def test_one_that_is_there_is_left_as_it_is() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        world.join()
        async with supervised(world, bus):
            await asyncio.sleep(3600)
            # Our own connection was lost and is back, and the avatar never left.
            world.lose_connection()
            await asyncio.sleep(60)
            world.regain_connection()
            await asyncio.sleep(3600)
        assert len(world.asked) == 1, "whether it is there"
        assert bus.steps == []

    virtual(scenario())


def test_without_being_told_to_it_is_not_brought_back() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus, asked_for(keep_avatar=False, start_avatar=True)) as task:
            await asyncio.sleep(10)
            assert task.done()
            world.leave()
            await asyncio.sleep(3600)
        assert len(world.asked) == 1

    virtual(scenario())


@pytest.mark.parametrize("error", ["fails", "bound"])
def test_a_first_start_that_fails_is_the_programs_end(error: str) -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()

        async def bound(*_: object, **__: object) -> bool:
            raise AvatarUnavailable("it listens to another", code="avatar_bound")

        world.fails = True
        if error == "bound":
            world.bring = bound  # type: ignore[method-assign]
        async with supervised(world, bus) as task:
            with pytest.raises((ConnectionFailed, AvatarUnavailable)):
                await task

    virtual(scenario())


def test_one_that_has_left_is_brought_back_after_a_moment() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            await asyncio.sleep(20)
            world.leave()
            await asyncio.sleep(5)
            assert world.listening
            assert world.asked[1] == pytest.approx(20 + world.answers_s + PAUSES_S[0])
            assert bus.steps == ["joined", "ready", "joined", "ready"]

    virtual(scenario())


def test_one_that_leaves_while_the_server_is_asked_is_brought_back() -> None:
    """E5: the server's answer is older than its leaving."""

    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            await asyncio.sleep(20)
            world.answers_s = 1.0
            # It drops out of our room alone, so the server is asked, and says it is there.
            world.see(present=False, listening=False)
            await asyncio.sleep(0.5)
            world.leave()
            await asyncio.sleep(10)
            assert world.listening
            assert len(world.asked) == 2

    virtual(scenario())


def test_one_that_the_server_has_and_we_do_not_see_yet_is_waited_for() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            await asyncio.sleep(20)
            world.leave()
            world.on_server = True
            await asyncio.sleep(50)
            assert len(world.asked) == 1
            assert len(world.looked) < 10, "it looks again, with growing pauses"
            world.join()
            looked = len(world.looked)
            await asyncio.sleep(3600)
        assert (len(world.asked), len(world.looked)) == (1, looked)

    virtual(scenario())


def test_one_that_comes_back_by_itself_is_not_asked_for() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            await asyncio.sleep(20)
            world.leave()
            await asyncio.sleep(world.answers_s + PAUSES_S[0] / 2)
            world.join()
            await asyncio.sleep(3600)
        assert len(world.asked) == 1

    virtual(scenario())


def test_one_that_is_silent_is_taken_out_and_the_next_one_waited_for() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            await asyncio.sleep(20)
            world.see(silent=True, listening=False)
            await asyncio.sleep(PAUSES_S[0] + 0.5)
            assert world.removed == 1
            assert bus.steps == ["joined", "ready"], "that it is still there is not its joining"
            await asyncio.sleep(10)
        assert world.listening
        assert bus.steps == ["joined", "ready"] * 2

    virtual(scenario())


def test_while_we_are_out_of_the_room_nothing_is_asked_and_afterwards_all_is_looked_at() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            await asyncio.sleep(20)
            world.lose_connection()
            world.leave()  # no event says so
            await asyncio.sleep(600)
            assert (len(world.asked), world.looked) == (1, [])
            world.regain_connection()
            await asyncio.sleep(10)
            assert world.listening

    virtual(scenario())


def test_pauses_grow_and_begin_anew_after_it_was_well() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            await asyncio.sleep(20)
            world.fails = True
            world.leave()
            await asyncio.sleep(200)
            tried = world.asked[1:]
            between = [b - a - 2 * world.answers_s for a, b in itertools.pairwise(tried)]
            assert between == pytest.approx([*PAUSES_S[1:], *PAUSES_S[-1:] * 9][: len(between)])
            assert len(between) > len(PAUSES_S)
            assert set(bus.warnings) == {"avatar_server_unreachable"}
            world.fails = False
            await asyncio.sleep(40)
            assert world.listening
            # Lost again at once: it is in no hurry. Lost after it was well: it is.
            world.leave()
            await asyncio.sleep(PAUSES_S[-1] - 1)
            assert not world.listening
            await asyncio.sleep(10)
            assert world.listening
            await asyncio.sleep(WELL_S + 1)
            world.leave()
            await asyncio.sleep(3)
            assert world.listening

    virtual(scenario())


def test_one_that_does_not_come_is_told_and_asked_for_again() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        world.joins_s = None
        async with supervised(world, bus):
            await asyncio.sleep(TIMEOUT_S + 0.2)
            assert bus.warnings == ["no_avatar"]
            world.joins_s = 1.0
            await asyncio.sleep(10)
            assert world.listening

    virtual(scenario())


def test_that_it_has_not_come_is_not_told_where_we_cannot_know() -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        async with supervised(world, bus):
            world.lose_connection()
            await asyncio.sleep(TIMEOUT_S + 1)
            assert bus.warnings == []

    virtual(scenario())


HAPPENS = st.sampled_from(
    [
        "join",
        "leave",
        "lose_connection",
        "regain_connection",
        "silent",
        "unseen",
        "fails",
        "works",
        "never_joins",
        "joins",
    ]
)
PAUSE_S = st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.5, 0.6, 1.0, 3.0, 29.0, 31.0, 70.0])


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(HAPPENS, PAUSE_S), max_size=40), st.sampled_from([0.0, 0.1, 2.0]))
def test_whatever_happens_it_is_there_in_the_end_and_asked_for_once_at_a_time(
    story: list[tuple[str, float]], answers_s: float
) -> None:
    async def scenario() -> None:
        world, bus = World(), Bus()
        world.answers_s = answers_s
        async with supervised(world, bus) as task:
            await asyncio.sleep(5)  # the first start has its own tests
            for what, pause in story:
                happen(world, what)
                await asyncio.sleep(pause)
            world.fails, world.joins_s = False, 1.0
            world.regain_connection()
            await asyncio.sleep(120)
            assert not task.done()
            assert world.listening
            asked, looked = len(world.asked), len(world.looked)
            await asyncio.sleep(3600)
            assert world.listening
            assert (len(world.asked), len(world.looked)) == (asked, looked), "all is well"
            assert world.most_at_once == 1
            # No busy loop: growing pauses between one question and the next.
            assert looked + asked <= 4 * (5 + 120 + sum(pause for _, pause in story)) + len(story)
            assert math.isfinite(now())

    virtual(scenario())


def happen(world: World, what: str) -> None:
    match what:
        case "silent":
            if world.connected and world.present:
                world.see(silent=True, listening=False)
        case "unseen":
            world.see(present=False, listening=False, silent=False)
        case "fails" | "works":
            world.fails = what == "fails"
        case "never_joins" | "joins":
            world.joins_s = 1.0 if what == "joins" else None
        case _:
            getattr(world, what)()


def test_another_to_speak_through_is_refused() -> None:
    with pytest.raises(UsageError, match="means others: avatar-b") as caught:
        Supervisor(asked_for(avatar=["avatar-b*", "x"]), World(), Bus())
    assert caught.value.code == "avatar_differs"
