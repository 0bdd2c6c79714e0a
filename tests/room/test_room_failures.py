"""What fails unexpectedly in the background is heard of, and leaving is gone through with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from livekit import rtc

from micstream import ConnectionFailed
from micstream.link.network import AWAY_S
from micstream.room import network
from micstream.room.room import LEAVE_S, Room
from micstream.room.utterance import AvatarGone
from micstream.tasks import finish
from tests.room.test_room_shell import Stage
from tests.support.sdk import FakeRoom, Me, Server, _Writer
from tests.support.virtual_loop import run

Scene = Callable[[Stage], Coroutine[Any, Any, None]]


class Mistake(Exception):
    """Nobody has thought of this one."""


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scene], None]:
    """Run a scene in virtual time; nothing of it is left running, and no task's error unheard."""

    def play_(scene: Scene) -> None:
        unheard: list[dict[str, Any]] = []

        async def work() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: unheard.append(context))
            server = Server()
            monkeypatch.setattr(rtc, "Room", server.new_room)
            before = asyncio.all_tasks()
            async with asyncio.timeout(3_600):
                await scene(Stage(server))
            await asyncio.sleep(60)
            assert server.there == []
            assert asyncio.all_tasks() == before

        run(work())
        assert unheard == []

    return play_


async def fail(*_: object, **__: object) -> Any:
    await asyncio.sleep(0)
    raise Mistake


@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (FakeRoom, "get_rtc_stats"),  # the network watch
        (Me, "perform_rpc"),  # readiness, and the delivery's calls
        (Me, "stream_bytes"),
        (_Writer, "write"),
        (_Writer, "aclose"),
    ],
)
def test_whatever_task_of_the_room_fails_its_owner_hears_of_it(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    async def scene(stage: Stage) -> None:
        stage.server.join("avatar-a")
        async with stage.room() as room:
            if owner is not Me or method != "perform_rpc":
                await room.wait_ready(5)
            with monkeypatch.context() as patched:
                patched.setattr(owner, method, fail)
                with suppress(AvatarGone, Mistake):
                    await speak(room)
                with pytest.raises(Mistake):
                    await asyncio.wait_for(room.wait_failed(), 60)

    play(scene)


async def speak(room: Room) -> None:
    """Something, once that is possible."""
    await room.wait_ready(5)
    async with room.utterance() as utterance:
        await utterance.write(bytes(32_000))


def test_a_nudge_that_fails_is_heard_of(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        stage.server.join("avatar-a")

        async def stale(_: object) -> tuple[float, float]:
            return AWAY_S, 0.01

        monkeypatch.setattr(network, "_last_packet", stale)
        monkeypatch.setattr(network, "send_to_ourselves", fail)
        with pytest.raises(Mistake):
            async with stage.room() as room:
                await asyncio.wait_for(room.wait_failed(), 60)

    play(scene)


def test_joining_anew_is_tried_again_whatever_the_sdk_raises(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [RuntimeError("no handle"), OSError("reset"), AssertionError(), TimeoutError()]

    async def scene(stage: Stage) -> None:
        server, connect = stage.server, FakeRoom.connect

        async def odd(room: FakeRoom, *arguments: Any) -> None:
            if errors:
                raise errors.pop()
            await connect(room, *arguments)

        async with stage.room() as room:
            monkeypatch.setattr(FakeRoom, "connect", odd)
            server.lose(server.there[0])
            while room.adopted is None:  # noqa: ASYNC110 - virtual
                await asyncio.sleep(1)
            assert not errors
        assert stage.warned() == ["server_unreachable"] * 4
        told = [event.message for event in stage.named("warning")]
        assert all("Error" not in each for each in told)

    play(scene)


def test_a_first_join_that_fails_oddly_is_an_error_in_words(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def odd(*_: object) -> None:
        raise RuntimeError("no handle")

    async def scene(stage: Stage) -> None:
        monkeypatch.setattr(FakeRoom, "connect", odd)
        with pytest.raises(ConnectionFailed, match="no handle"):
            async with stage.room():
                raise AssertionError("never here")

    play(scene)


def test_a_room_that_cannot_be_left_holds_up_nothing(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.room():
            good = FakeRoom.disconnect
            monkeypatch.setattr(FakeRoom, "disconnect", fail)
        await good(stage.server.there[0])

    play(scene)


# ---- cancelled again and again ---------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("silent", [False, True])
def test_however_often_leaving_is_cancelled_it_is_gone_through_with(
    play: Callable[[Scene], None], times: int, silent: bool
) -> None:
    async def scene(stage: Stage) -> None:
        avatar = stage.server.join("avatar-a")
        inside = asyncio.Event()

        async def stay() -> None:
            async with stage.room() as room:
                await room.wait_ready(5)
                async with room.utterance() as utterance:
                    await utterance.write(bytes(64_000))
                avatar.answer = None if silent else "ok"
                inside.set()
                await asyncio.Event().wait()

        staying = asyncio.create_task(stay())
        await inside.wait()
        begun = asyncio.get_running_loop().time()
        for _ in range(times):
            staying.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await staying
        took_s = asyncio.get_running_loop().time() - begun
        assert took_s <= LEAVE_S + 1
        assert stage.server.there == [], "left, and not only given up"
        assert avatar.streams[0].closed
        assert avatar.calls.count("lk.clear_buffer") >= 2, "it has nothing to report to nobody"

    play(scene)


def test_work_that_is_finished_is_so_whoever_cancels_and_tells_its_result() -> None:
    async def main() -> None:
        done: list[int] = []

        async def work() -> str:
            for number in range(5):
                await asyncio.sleep(1)
                done.append(number)
            return "done"

        assert await finish(work()) == "done"
        done.clear()
        finishing = asyncio.create_task(finish(work()))
        for _ in range(3):
            await asyncio.sleep(0.5)
            finishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finishing
        assert done == [0, 1, 2, 3, 4]
        finishing = asyncio.create_task(finish(fail()))
        with pytest.raises(Mistake):
            await finishing

    run(main())
