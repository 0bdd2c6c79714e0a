"""What the avatar is told of the performer: the newest word, none too many, never in the way.

An avatar without these calls is asked once for each, and again when it has joined anew.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from livekit import rtc

from micstream.assembly import open_session
from micstream.bus import Bus
from micstream.delivery.actions import Answer
from micstream.demo.server import LocalServer
from micstream.events import Event
from micstream.room.calls import call
from micstream.session import Session
from micstream.settings import load
from micstream.speech.events import End, EndReason, Onset, Speech
from testbed.rooms import WireAvatar, wire_avatar
from testbed.waiting import stays, wait_until

pytestmark = pytest.mark.room

USER, AGENT = "user_state_changed", "agent_state_changed"
END = End(8_000, 8_000, 8_000, 8_000, True, EndReason.SILENCE)


@asynccontextmanager
async def performing(
    server: LocalServer, room: str, **flags: object
) -> AsyncIterator[tuple[Session, Iterable[Event]]]:
    settings = load(
        url=server.url, api_key=server.api_key, api_secret=server.api_secret, room=room, **flags
    )
    bus = Bus()
    happened = bus.subscribe("tests", 100_000).events
    async with open_session(settings, bus) as session:
        yield session, happened


def speak(session: Session, seconds: float = 0.5, *, end: bool = True) -> None:
    """As the segmenter would have it."""
    put = session._fan_out.put
    put(Onset(0, 0, 0), 0.0)
    put(Speech(0, bytes(round(32_000 * seconds))), 0.0)
    if end:
        put(END, 0.0)


def told(avatar: WireAvatar, *methods: str) -> list[str]:
    return [payload for method, payload, _ in avatar.calls if method in (methods or (USER, AGENT))]


async def until_user(avatar: WireAvatar, state: str) -> None:
    await wait_until(lambda: told(avatar, USER)[-1:] == [state], 5, state)


async def until_played(happened: Iterable[Event], count: int) -> None:
    await wait_until(
        lambda: sum(event.EVENT == "playback_finished" for event in happened) == count,
        10,
        f"{count} played",
    )


def knows_states(avatar: WireAvatar) -> None:
    avatar.register(USER)
    avatar.register(AGENT)


async def test_an_utterance_from_onset_to_the_end_of_its_playing(
    server: LocalServer, room_name: str
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        knows_states(avatar)
        async with performing(server, room_name) as (session, _):
            await session.room.wait_ready(20)
            await wait_until(lambda: len(told(avatar)) == 2, 5, "how it is at first")
            assert told(avatar) == ["listening", "listening"]
            speak(session, end=False)
            await wait_until(lambda: told(avatar, USER)[1:] == ["speaking"], 5, "the onset")
            await wait_until(lambda: told(avatar, AGENT)[1:] == ["speaking"], 5, "the sound")
            await stays(lambda: len(told(avatar)) == 4, 0.7, "nothing new, and it was told")
            session._fan_out.put(END, 0.0)
            await wait_until(lambda: len(told(avatar)) == 6, 5, "the end")
            assert told(avatar, USER)[2:] == told(avatar, AGENT)[2:] == ["listening"]
        assert told(avatar, USER)[3:] == ["away"], "we have left"
        assert told(avatar, AGENT)[3:] == []
        assert {caller for _, _, caller in avatar.calls} == {"external-audio-sender"}


async def test_one_that_never_reports_its_playing(server: LocalServer, room_name: str) -> None:
    async with wire_avatar(server, room_name) as avatar:
        knows_states(avatar)
        async with performing(server, room_name) as (session, _):
            await session.room.wait_ready(20)
            speak(session, 1.0)
            await wait_until(lambda: "speaking" in told(avatar, AGENT), 5, "the sound")
            await wait_until(lambda: told(avatar, AGENT)[-1] == "listening", 5, "a second of it")


async def test_muted_is_away_and_held_open_is_not(server: LocalServer, room_name: str) -> None:
    async with wire_avatar(server, room_name) as avatar:
        knows_states(avatar)
        async with performing(server, room_name) as (session, _):
            await session.room.wait_ready(20)
            controls = session.controls
            for change, state in (
                (partial(controls.mute, "on"), "away"),
                (controls.auto, "listening"),
                (partial(controls.manual, "off"), "away"),
                (partial(controls.manual, "on"), "listening"),
            ):
                change()
                await until_user(avatar, state)
    async with wire_avatar(server, room_name) as avatar:
        knows_states(avatar)
        async with performing(server, room_name, talk="push") as (session, _):
            await session.room.wait_ready(20)
            session.controls.manual("on")
            session.controls.manual("off")
            await wait_until(lambda: told(avatar, USER), 5, "its first word")
            await stays(lambda: "away" not in told(avatar, USER), 0.5, "between two presses")


async def test_an_interruption_ends_both(server: LocalServer, room_name: str) -> None:
    async with wire_avatar(server, room_name) as avatar:
        knows_states(avatar)
        async with performing(server, room_name) as (session, _):
            await session.room.wait_ready(20)
            speak(session, 5.0, end=False)
            await wait_until(lambda: told(avatar).count("speaking") == 2, 5, "both")
            await session.controls.interrupt()
            await wait_until(
                lambda: told(avatar, USER)[-1] == told(avatar, AGENT)[-1] == "listening", 3, "both"
            )


@pytest.mark.parametrize(
    ("which", "expected"), [("user", {USER}), ("agent", {AGENT}), ("off", set())]
)
async def test_as_much_as_was_asked_for(
    server: LocalServer, room_name: str, which: str, expected: set[str]
) -> None:
    async with wire_avatar(server, room_name, plays=True) as avatar:
        knows_states(avatar)
        async with performing(server, room_name, avatar_state=which) as (session, happened):
            await session.room.wait_ready(20)
            speak(session)
            await until_played(happened, 1)
        assert {method for method, _, _ in avatar.calls} - {"lk.clear_buffer"} == expected


async def test_one_that_does_not_know_them_is_asked_once_each_time_it_joins(
    server: LocalServer, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()

    async def counted(
        room: rtc.Room, identity: str, method: str, payload: str = "", *, timeout_s: float
    ) -> Answer:
        if method in (USER, AGENT):
            asked[method] += 1
        return await call(room, identity, method, payload, timeout_s=timeout_s)

    monkeypatch.setattr("micstream.room.avatar.call", counted)
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        performing(server, room_name) as (session, happened),
    ):
        await session.room.wait_ready(20)
        for number in range(1, 4):
            speak(session)
            await until_played(happened, number)
        assert asked == {USER: 1, AGENT: 1}
        await avatar.leave()
        await avatar.join()
        knows_states(avatar)
        await wait_until(lambda: len(told(avatar)) == 2, 20, "told, now that it knows")
        assert not [event for event in happened if event.EVENT in ("warning", "error")]


async def test_one_that_hangs_in_these_calls_is_spoken_through_all_the_same(
    server: LocalServer, room_name: str
) -> None:
    async def hang(_: rtc.RpcInvocationData) -> str:
        await asyncio.Event().wait()
        return ""

    async with wire_avatar(server, room_name, plays=True) as avatar:
        assert avatar.room is not None
        avatar.room.local_participant.register_rpc_method(USER, hang)
        avatar.room.local_participant.register_rpc_method(AGENT, hang)
        async with performing(server, room_name) as (session, happened):
            await session.room.wait_ready(20)
            for _ in range(3):
                speak(session)
            await until_played(happened, 3)
