"""The shell of the room against a double of the SDK, in virtual time: nobody waits for a minute."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from livekit import rtc

from micstream import ConnectionFailed, UtteranceClosed
from micstream.delivery import wire
from micstream.link.connection import CONNECT_S, STRAY_S
from micstream.room import joining
from micstream.room.room import Room
from micstream.room.utterance import AvatarGone
from micstream.settings import load
from micstream.speech.events import EndReason
from tests.support.live import Record
from tests.support.sdk import FakeRoom, Server
from tests.support.virtual_loop import run

Scene = Callable[["Stage"], Coroutine[Any, Any, None]]


class Stage:
    """A server's double, our room, and what was told."""

    def __init__(self, server: Server, **changes: Any) -> None:
        self.server = server
        self.record = Record()
        flags = {"url": "ws://server", "api_key": "key", "api_secret": "s" * 40, "room": "room"}
        # There is no server that could be asked who is there.
        quiet = {"avatar_state": "off", "take_over": True}
        self.settings = load(**(flags | quiet | changes))

    def room(self) -> Room:
        return Room.of(self.settings, self.record)

    def named(self, name: str) -> list[Any]:
        return [event for event in self.record.events if name == event.EVENT]

    def connections(self) -> list[tuple[str, int]]:
        return [(event.state, event.attempt) for event in self.named("connection")]

    def warned(self) -> list[str]:
        return [event.code for event in self.named("warning")]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a scene in virtual time, on a stage of its own."""

    def play_(scene: Scene, **changes: Any) -> None:
        async def work() -> None:
            server = Server()
            monkeypatch.setattr(rtc, "Room", server.new_room)
            async with asyncio.timeout(3_600):
                await scene(Stage(server, **changes))
            assert joining._leaving == {} or server.there == []

        run(work())

    return play_


def now() -> float:
    return asyncio.get_running_loop().time()


# ---- the connection ------------------------------------------------------------------------------


def test_a_join_that_succeeds_late_changes_nothing(play: Callable[..., None]) -> None:
    """The server stands still for 16 s while we join again (E1)."""

    async def scene(stage: Stage) -> None:
        server = stage.server
        server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            failing = asyncio.create_task(room.wait_failed())
            server.answers.clear()
            server.lose(server.rooms[0])
            await asyncio.sleep(0.5 + CONNECT_S + 1)
            late = server.rooms[1]
            server.answers.set()
            await room.wait_ready(30)
            await asyncio.sleep(60)
            assert late.left
            assert late not in server.there
            assert len(server.there) == 1
            assert not failing.done()
            assert room.is_ready
            failing.cancel()
        assert stage.connections() == [
            ("connecting", 1),
            ("connected", 1),
            ("lost", 0),
            ("connecting", 1),
            ("connecting", 2),
            ("connected", 2),
        ]

    play(scene)


def test_nor_does_one_that_puts_the_adopted_one_out(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = FakeRoom.connect

    async def hanging(room: FakeRoom, *arguments: Any) -> None:
        if len(room.server.rooms) == 2:
            await asyncio.sleep(CONNECT_S + STRAY_S + 10)
        await connect(room, *arguments)

    async def scene(stage: Stage) -> None:
        server = stage.server
        server.join("avatar-a")
        monkeypatch.setattr(FakeRoom, "connect", hanging)
        async with stage.room() as room:
            await room.wait_ready(5)
            server.lose(server.rooms[0])
            await asyncio.sleep(100)
            assert room.is_ready
            assert len(server.there) == 1
            assert [state for state, _ in stage.connections()].count("lost") == 2

    play(scene)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (rtc.DisconnectReason.PARTICIPANT_REMOVED, "removed"),
        (rtc.DisconnectReason.ROOM_DELETED, "room_deleted"),
    ],
)
@pytest.mark.parametrize("stay", [False, True])
def test_whoever_puts_us_out_ends_us_unless_we_are_to_stay(
    play: Callable[..., None], reason: Any, code: str, stay: bool
) -> None:
    async def scene(stage: Stage) -> None:
        stage.server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            stage.server.lose(stage.server.rooms[0], reason)
            if stay:
                await room.wait_ready(5)
                assert stage.warned() == [code]
                return
            with pytest.raises(ConnectionFailed) as failed:
                await room.wait_failed()
            assert failed.value.code == code
            await asyncio.sleep(60)
            assert len(stage.server.rooms) == 1

    play(scene, stay=stay)


def test_a_room_that_the_server_closes_because_it_is_empty_is_joined_again(
    play: Callable[..., None],
) -> None:
    async def scene(stage: Stage) -> None:
        stage.server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            stage.server.lose(stage.server.rooms[0], rtc.DisconnectReason.ROOM_CLOSED)
            await room.wait_ready(5)
            assert stage.warned() == []

    play(scene)


@pytest.mark.parametrize("reason", [4, 5, 2])
def test_nor_is_it_an_error_of_one_who_is_leaving_anyway(
    play: Callable[..., None], reason: int
) -> None:
    """The crew closes the room while we leave."""

    async def scene(stage: Stage) -> None:
        stage.server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            async with room.utterance() as utterance:
                await utterance.write(b"\x00\x40" * 16_000)
            leaving = asyncio.create_task(room.leave(now() + 2))
            await asyncio.sleep(0.05)
            stage.server.lose(stage.server.rooms[0], reason)
            await leaving

    play(scene)


def test_two_performers_each_speak_through_their_own(play: Callable[..., None]) -> None:
    """An avatar may say `ok` to anybody; whose it is its attribute tells."""

    async def scene(stage: Stage) -> None:
        behalf = wire.ON_BEHALF
        stage.server.join("avatar-a", attributes={behalf: "somebody"})
        stage.server.join("avatar-b", attributes={behalf: stage.settings.identity})
        async with stage.room() as room:
            await room.wait_ready(5)
            assert room.avatars[0].identity == "avatar-b"

    play(scene)


def test_whoever_takes_our_identity_ends_us(play: Callable[..., None]) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.room() as room:
            stage.server.admit(FakeRoom(stage.server))
            with pytest.raises(ConnectionFailed) as failed:
                await room.wait_failed()
            assert failed.value.code == "identity_in_use"
            with pytest.raises(ConnectionFailed):
                room.utterance()
            await asyncio.sleep(60)
            assert len(stage.server.rooms) == 1

    play(scene)


def test_whoever_is_cancelled_while_joining_leaves_again(play: Callable[..., None]) -> None:
    """And the next of the same name waits for that, so that neither puts the other out."""

    async def scene(stage: Stage) -> None:
        server = stage.server
        server.answers.clear()

        async def enter() -> None:
            async with stage.room():
                pass

        entering = asyncio.create_task(enter())
        await asyncio.sleep(1)
        begun = now()
        entering.cancel()
        await asyncio.wait({entering})
        assert now() - begun < 1, "it is not waited for"
        asyncio.get_running_loop().call_later(5, server.answers.set)
        async with stage.room():
            assert server.rooms[0].left
            assert server.there == [server.rooms[1]]
            await asyncio.sleep(30)
            assert len(server.there) == 1
        assert "lost" not in [state for state, _ in stage.connections()]

    play(scene)


def test_a_first_connection_that_takes_too_long_fails_and_is_left(
    play: Callable[..., None],
) -> None:
    async def scene(stage: Stage) -> None:
        stage.server.answers.clear()
        begun = now()
        with pytest.raises(ConnectionFailed, match="does not answer within 15 s"):
            async with stage.room():
                pass
        assert now() - begun == pytest.approx(CONNECT_S, abs=0.5)
        stage.server.answers.set()
        await asyncio.sleep(1)
        assert stage.server.rooms[0].left
        assert stage.server.there == []

    play(scene)


def test_a_server_that_is_away_is_tried_again_for_ever(play: Callable[..., None]) -> None:
    async def scene(stage: Stage) -> None:
        server = stage.server
        server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            server.refuses = True
            server.lose(server.rooms[0])
            await asyncio.sleep(600)
            assert 100 < len(server.rooms) < 140
            server.refuses = False
            await room.wait_ready(10)

    play(scene)


def test_a_failure_in_a_callback_reaches_the_owner(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.room() as room:
            failing = asyncio.create_task(room.wait_failed())
            monkeypatch.setattr(room.avatars[0]._link, "seen", lambda *_: 1 / 0)
            stage.server.join("avatar-a")
            with pytest.raises(ZeroDivisionError):
                await failing

    play(scene)


def test_a_failure_in_a_task_reaches_the_owner_and_does_not_hold_up_leaving(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        begun = now()
        async with stage.room() as room:
            monkeypatch.setattr(room.avatars[0]._link, "answered", lambda *_: 1 / 0)
            stage.server.join("avatar-a")
            with pytest.raises(ZeroDivisionError):
                await room.wait_ready(20)
        assert now() - begun < 1
        assert stage.server.there == []

    play(scene)


def test_after_a_failure_streams_are_closed_and_the_avatars_left_in_order(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has failed may be something else altogether."""

    async def scene(stage: Stage) -> None:
        avatar = stage.server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            async with room.utterance() as utterance:
                await utterance.write(bytes(32_000))
                room._tasks.guarded(lambda: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    await room.wait_failed()
            await room.leave(now() + 2.0)
        assert avatar.streams[0].closed
        assert stage.server.there == []

    play(scene)


def test_a_failure_that_nobody_has_heard_of_is_raised_at_the_end(
    play: Callable[..., None],
) -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def scene(stage: Stage) -> None:
        stage.server.join("avatar-a")
        with pytest.raises(ZeroDivisionError):
            async with stage.room() as room:
                await room.wait_ready(5)
                room._tasks.spawn(fails())
        assert stage.server.there == []

    play(scene)


# ---- the avatars ---------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["bound", "hangs", "not active"])
def test_a_useless_avatar_gives_way_to_a_good_one(play: Callable[..., None], first: str) -> None:
    async def scene(stage: Stage) -> None:
        facts: dict[str, dict[str, Any]] = {
            "bound": {"answer": "reject"},
            "hangs": {"answer": None},
            "not active": {"state": rtc.ParticipantState.PARTICIPANT_STATE_JOINED},
        }
        stage.server.join("avatar-a", **facts[first])
        good = stage.server.join("avatar-b")
        async with stage.room() as room:
            await room.wait_ready(10)
            assert room.avatars[0].identity == "avatar-b"
            assert "avatar_passed_over" in stage.warned()
            async with room.utterance() as utterance:
                await utterance.write(bytes(32_000))
        assert [bytes(stream.pcm) for stream in good.streams] == [bytes(32_000)]
        assert all(stream.closed for stream in good.streams)

    play(scene)


def test_that_no_avatar_is_there_is_told_after_ten_seconds(play: Callable[..., None]) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.room():
            await asyncio.sleep(9.5)
            assert stage.warned() == []
            await asyncio.sleep(300)
            assert stage.warned() == ["no_avatar"]
            (warning,) = stage.named("warning")
            assert warning.avatar == "avatar-*"
            assert "within 10 s" in warning.message

    play(scene)


def test_one_that_answers_nothing_ever_holds_up_leaving_no_longer_than_it_may(
    play: Callable[..., None],
) -> None:
    async def scene(stage: Stage) -> None:
        avatar = stage.server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            async with room.utterance() as utterance:
                await utterance.write(bytes(160_000))
                avatar.answer = None
            begun = now()
            await room.leave(begun + 2.0)
        assert now() - begun < 2.1
        assert avatar.streams[0].closed
        assert stage.server.there == []

    play(scene)


def test_what_was_sent_plays_first_unless_somebody_is_in_a_hurry(
    play: Callable[..., None],
) -> None:
    async def scene(stage: Stage) -> None:
        stage.server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            async with room.utterance() as utterance:
                await utterance.write(bytes(160_000))
            begun = now()
            leaving = asyncio.create_task(room.leave(None))
            await asyncio.sleep(2)
            assert not leaving.done()
            await room.leave(now() + 2.0)
            await leaving
            assert now() - begun < 4.1

    play(scene)


def test_only_whoever_stands_for_the_avatar_is_answered(play: Callable[..., None]) -> None:
    async def scene(stage: Stage) -> None:
        server = stage.server
        server.join("avatar-a")
        server.join("somebody")
        report = json.dumps({"playback_position": 1.0, "interrupted": False})
        async with stage.room() as room:
            await room.wait_ready(5)
            me = server.rooms[0].local_participant
            for caller, answer in (("avatar-a", "ok"), ("somebody", "reject"), ("", "reject")):
                assert me.report(caller, wire.PLAYBACK_STARTED) == answer
                assert me.report(caller, wire.PLAYBACK_FINISHED, report) == answer
            assert me.report("avatar-a", wire.PLAYBACK_FINISHED, "{") == "reject"
            server.lose(server.rooms[0])
            assert me.report("avatar-a", wire.PLAYBACK_STARTED) == "reject", "no more"
            await asyncio.sleep(5)
            assert me.report("avatar-a", wire.PLAYBACK_STARTED) == "reject", "not adopted"

    play(scene)


def test_an_interrupt_closes_an_utterance_and_a_lost_avatar_too(
    play: Callable[..., None],
) -> None:
    async def scene(stage: Stage) -> None:
        avatar = stage.server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            async with room.utterance() as utterance:
                await utterance.write(bytes(6_400))
                clears = avatar.calls.count(wire.CLEAR_BUFFER)
                await room.avatars[0].interrupt()
                assert avatar.calls.count(wire.CLEAR_BUFFER) == clears + 1
                with pytest.raises(UtteranceClosed, match="open another"):
                    await utterance.write(bytes(6_400))
            assert utterance.sent_s == 0.2
            async with room.utterance() as utterance:
                await utterance.write(bytes(6_400))
                stage.server.leave("avatar-a")
                with pytest.raises(AvatarGone) as gone:
                    await utterance.write(bytes(6_400))
                assert not isinstance(gone.value, UtteranceClosed)
            ended = [event.reason for event in stage.named("utterance_ended")]
            assert ended == [EndReason.INTERRUPT, EndReason.AVATAR]
        assert all(stream.closed for stream in avatar.streams)

    play(scene)


def test_one_that_answers_and_plays_nothing_any_more_is_told(play: Callable[..., None]) -> None:
    """Its reports stop, and it publishes no sound: it is spoken through, and is not ready."""

    async def scene(stage: Stage) -> None:
        server = stage.server
        server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            watch = room.watch("avatar-a")
            me = server.rooms[0].local_participant

            async def say() -> None:
                async with room.utterance() as utterance:
                    await utterance.write(b"\x00\x40" * 16_000)

            def report() -> None:
                me.report("avatar-a", wire.PLAYBACK_STARTED)
                finished = json.dumps({"playback_position": 1.0, "interrupted": False})
                me.report("avatar-a", wire.PLAYBACK_FINISHED, finished)

            await say()
            report()
            for _ in range(5):
                await say()
                await asyncio.sleep(4)
            assert stage.warned() == ["avatar_dead"]
            assert [event.identity for event in stage.named("avatar_silent")] == ["avatar-a"]
            assert watch.silent
            assert not room.is_ready
            sent = len(server.others["avatar-a"].streams)
            await say()
            assert len(server.others["avatar-a"].streams) == sent + 1
            report()
            assert [event.how for event in stage.named("avatar_ready")] == ["probe", "heard"]
            assert room.is_ready
            assert not watch.silent

    play(scene)


def test_a_watch_tells_what_there_is_to_see_of_a_participant(play: Callable[..., None]) -> None:
    async def scene(stage: Stage) -> None:
        server = stage.server
        async with stage.room() as room:
            watch = room.watch("avatar-a")
            seen = [(watch.connected, watch.present, watch.listening, watch.silent)]

            async def look() -> None:
                while True:
                    await watch.changed()
                    seen.append((watch.connected, watch.present, watch.listening, watch.silent))

            looking = asyncio.create_task(look())
            await asyncio.sleep(1)
            server.join("avatar-a")
            await asyncio.sleep(1)
            room.avatars[0]._link.silent(now())
            server.others["avatar-a"].answer = None
            room.avatars[0].turn()
            await asyncio.sleep(5)
            server.leave("avatar-a")
            await asyncio.sleep(1)
            server.join("avatar-a")
            await asyncio.sleep(1)
            server.lose(server.rooms[0])
            await asyncio.sleep(0.3)
            looking.cancel()
        assert seen == [
            (True, False, False, False),
            (True, True, False, False),
            (True, True, True, False),
            (True, True, False, True),
            (True, False, False, True),
            (True, True, False, False),
            (True, True, True, False),
            (False, False, False, False),
        ]

    play(scene)


def test_readiness_is_told_each_time_an_avatar_has_begun_to_listen(
    play: Callable[..., None],
) -> None:
    async def scene(stage: Stage) -> None:
        times = 0

        async def count() -> None:
            nonlocal times
            async for _ in room.times_ready():
                times += 1

        async with stage.room() as room:
            counting = asyncio.create_task(count())
            for expected in (1, 2, 3):
                stage.server.join("avatar-a")
                await asyncio.sleep(1)
                assert times == expected
                stage.server.leave("avatar-a")
                await asyncio.sleep(1)
            counting.cancel()

    play(scene)


def test_nobody_stands_for_two(play: Callable[..., None]) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.room() as room:
            for identity, taken in (
                ("avatar-b", [None, "avatar-b", None]),
                ("avatar-a", ["avatar-a", "avatar-b", None]),
                ("avatar-c", ["avatar-a", "avatar-b", "avatar-c"]),
            ):
                stage.server.join(identity)
                await asyncio.sleep(1)
                assert [avatar.identity for avatar in room.avatars] == taken
            assert room.is_ready

    play(scene, avatar=["avatar-*", "avatar-b", "*"])


def test_a_room_that_nobody_watches_is_warned_of(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        monkeypatch.setattr(FakeRoom, "departure_timeout", 300.0)
        stage.server.join("avatar-a")
        async with stage.room() as room:
            await room.wait_ready(5)
            assert stage.warned() == ["no_viewer"]
            standard = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
            stage.server.join("viewer", kind=standard)
            stage.server.leave("viewer")
            assert stage.warned() == ["no_viewer"] * 2

    play(scene)
