"""Laws of the room's shell, whoever comes, goes, reports or puts us out: in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit import rtc

from micstream import AvatarUnavailable, UtteranceClosed
from micstream.delivery import wire
from micstream.room.room import Room
from micstream.settings import load
from tests.support.live import Record
from tests.support.sdk import Server
from tests.support.virtual_loop import run

STANDARD = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
REASONS = st.sampled_from(
    [
        value
        for name, value in rtc.DisconnectReason.items()
        if name not in ("DUPLICATE_IDENTITY", "CLIENT_INITIATED")
    ]
)
NAMES = st.sampled_from(
    ["avatar-a", "avatar-b", "avatar-", "avatar-a ", "viewer", "me", "AVATAR-a"]
)
ANSWERS = st.sampled_from(["ok", "reject", "", "OK", None])
STEPS = st.one_of(
    st.tuples(st.just("join"), NAMES, ANSWERS, st.booleans()),
    st.tuples(st.just("leave"), NAMES),
    st.tuples(st.just("lose"), REASONS),
    st.tuples(st.just("say"), st.integers(1, 3)),
    st.tuples(st.just("started"), NAMES),
    st.tuples(st.just("finished"), NAMES, st.floats(0, 5), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.3, 2.0, 12.0])),
)


async def _say(room: Room, seconds: int) -> None:
    with contextlib.suppress(AvatarUnavailable, UtteranceClosed, TimeoutError):
        async with asyncio.timeout(10), room.utterance() as utterance:
            for _ in range(seconds):
                await utterance.write(b"\x00\x40" * 16_000)


async def _do(step: tuple[Any, ...], server: Server, room: Room) -> None:
    match step:
        case "join", name, answer, standard:
            server.join(name, answer=answer, **({"kind": STANDARD} if standard else {}))
        case "leave", name if name in server.others:
            server.leave(name)
        case "lose", reason if server.there:
            server.lose(server.there[0], reason)
        case "say", seconds:
            await _say(room, seconds)
        case "started", name if server.there:
            server.there[0].local_participant.report(name, wire.PLAYBACK_STARTED)
        case "finished", name, position, interrupted if server.there:
            said = json.dumps({"playback_position": position, "interrupted": interrupted})
            server.there[0].local_participant.report(name, wire.PLAYBACK_FINISHED, said)
        case "wait", seconds:
            await asyncio.sleep(seconds)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, max_size=25))
def test_whatever_was_before_a_good_avatar_that_comes_is_heard(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[Any, ...]]
) -> None:
    """No namesake is spoken through on the way, nothing fails, and what is sent is whole."""

    async def scene() -> None:
        server = Server()
        monkeypatch.setattr(rtc, "Room", server.new_room)
        flags = {"url": "ws://server", "api_key": "key", "api_secret": "s" * 40, "room": "room"}
        options = load(**flags, avatar_state="off", stay=True, avatar=["avatar-*"])
        strangers = []
        async with asyncio.timeout(3_600), Room.of(options, Record()) as room:
            failing = asyncio.create_task(room.wait_failed())
            for step in steps:
                await _do(step, server, room)
                strangers += [
                    each
                    for each in server.others.values()
                    if each.streams
                    and (each.kind == STANDARD or not each.identity.startswith("avatar-"))
                ]
            for name in tuple(server.others):
                server.leave(name)
            good = server.join("avatar-good")
            await room.wait_ready(60)
            await _say(room, 2)
            assert bytes(good.streams[-1].pcm) == b"\x00\x40" * 32_000
            assert good.streams[-1].closed
            assert not failing.done()
            failing.cancel()
        assert strangers == []

    run(scene())
