"""An avatar that was lost is brought back, once each time; and the next word is heard."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit import api

from micstream.avatars import supervisor
from micstream.avatars.supervisor import AvatarWatch, Supervisor
from micstream.demo.server import LocalServer
from micstream.errors import ConnectionFailed
from testbed.rooms import bystander, wire_avatar
from testbed.waiting import wait_until
from tests.conftest import SENDER
from tests.support.avatar_servers import KEY, Avatars, hangs, says, scripted
from tests.support.senders import Voice, voice

pytestmark = pytest.mark.room

TONE = (b"\x00\x20" * 20 + b"\x00\xe0" * 20) * 200
"""Half a second."""


class Claims:
    """The room's watch, until it is claimed that the avatar is silent: to prove it takes 25 s."""

    def __init__(self, watch: AvatarWatch) -> None:
        self._watch = watch
        self._claimed = asyncio.Event()

    def claim_silent(self) -> None:
        self._claimed.set()

    @property
    def connected(self) -> bool:
        return self._watch.connected

    @property
    def present(self) -> bool:
        return self._watch.present

    @property
    def listening(self) -> bool:
        return self._watch.listening and not self.silent

    @property
    def silent(self) -> bool:
        if not self._watch.present:
            self._claimed.clear()
        return self._claimed.is_set()

    async def changed(self) -> None:
        tasks = [asyncio.create_task(self._watch.changed())]
        if not self._claimed.is_set():
            tasks.append(asyncio.create_task(self._wait_claimed()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _wait_claimed(self) -> None:
        await self._claimed.wait()


@asynccontextmanager
async def supervised(
    server: LocalServer, room: str, **flags: Any
) -> AsyncIterator[tuple[Voice, asyncio.Task[None], Claims]]:
    """A sender in the room, and the avatar brought in for it."""
    async with voice(server, room, ready=False, **flags) as ours:
        settings, session = ours.sender._settings.supervisor(), ours.sender._session
        watch = Claims(session.room.watch("avatar-demo"))
        task = asyncio.create_task(Supervisor(settings, watch, session.bus).run())
        try:
            yield ours, task, watch
        finally:
            task.cancel()
            await asyncio.wait([task])


def steps(ours: Voice) -> list[str]:
    return [event.step for event in ours.named("avatar_starting")]


async def brought_in(ours: Voice, *, count: int) -> None:
    """It is ready for the `count`th time, and each step to it was told: by another task."""
    await ours.until("ready", 90, count=count)
    told = ["asked", "accepted", "joined", "ready"] * count
    await wait_until(lambda: len(steps(ours)) >= len(told), 5, lambda: str(steps(ours)))
    assert steps(ours) == told


async def say(ours: Voice, *, count: int) -> None:
    """Something, and it is the `count`th that is played."""
    async with ours.sender.utterance() as utterance:
        await utterance.write(TONE)
    await ours.until("playback_finished", count=count)


@pytest.mark.slow
async def test_one_that_was_killed_comes_back_and_the_next_word_is_heard(
    server: LocalServer, room_name: str, avatars: Avatars
) -> None:
    async with (
        bystander(server, room_name, avatar="avatar-demo") as viewer,
        supervised(server, room_name, keep_avatar=True, wait_avatar=90, **avatars.flags) as (
            ours,
            task,
            watch,
        ),
    ):
        await brought_in(ours, count=1)
        await say(ours, count=1)
        (worker,) = avatars.server.sessions.values()
        os.kill(worker.pid, signal.SIGTERM)
        await brought_in(ours, count=2)
        heard, size = viewer.heard_seconds(), viewer.sound.size
        await wait_until(lambda: viewer.sound.size > size, 10, "the viewer to hear the new one")
        await say(ours, count=2)
        await wait_until(lambda: viewer.heard_seconds() > heard + 0.3, 5, "its sound")
        (worker,) = avatars.server.sessions.values()
        # One that hangs: the evidence is the delivery's affair; here it is what follows from it.
        os.kill(worker.pid, signal.SIGSTOP)
        watch.claim_silent()
        await ours.until("ready", 90, count=3)
        await say(ours, count=3)
        await wait_until(lambda: not worker.alive, 10, "the end of the one that hung")
        assert not task.done()
    assert steps(ours).count("asked") == 3


async def test_it_is_asked_for_again_for_ever_and_never_twice_at_once(
    server: LocalServer, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PAUSES_S", (0.05,))
    # Started, and it does not come; then all that can go wrong, and then it is there.
    answers = (says(200, "{}"), says(401), says(404), says(200, "no JSON"), hangs)
    async with (
        scripted(*answers) as page,
        wire_avatar(server, room_name, identity="avatar-demo") as avatar,
        supervised(
            server,
            room_name,
            keep_avatar=True,
            license_key=KEY,
            avatar_id="demo",
            avatar_server=page.address,
            wait_avatar=1.5,
        ) as (ours, task, _),
    ):
        await ours.until("ready")
        assert page.asked == []
        await avatar.leave()
        await wait_until(lambda: len(page.asked) >= 6, 30, "the second question that hangs")
        codes = [event.code for event in ours.named("warning")]
        expected = ["no_avatar", "license_refused", "unknown_avatar", "avatar_server_answer"]
        assert [code for code in codes if code in expected] == expected
        assert "avatar_server_timeout" in codes
        await avatar.join()
        await ours.until("ready", count=2)
        assert not task.done()


@pytest.mark.parametrize(("status", "code"), [(401, "license_refused"), (404, "unknown_avatar")])
async def test_a_first_start_that_fails_is_the_programs_end(
    server: LocalServer, room_name: str, status: int, code: str
) -> None:
    async with (
        scripted(says(status)) as page,
        supervised(
            server,
            room_name,
            keep_avatar=True,
            license_key=KEY,
            avatar_id="demo",
            avatar_server=page.address,
        ) as (_, task, _),
    ):
        with pytest.raises(ConnectionFailed) as caught:
            await task
    assert caught.value.code == code


@pytest.mark.slow
async def test_a_room_that_was_left_for_good_is_looked_at_again(
    server: LocalServer, room_name: str, avatars: Avatars
) -> None:
    """The avatar ends while we are out of the room: no event says so."""
    flags = {"keep_avatar": True, "wait_avatar": 90, "stay": True, **avatars.flags}
    async with supervised(server, room_name, **flags) as (
        ours,
        _,
        _,
    ):
        await ours.until("ready", 90)
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as admin:
            for identity in (SENDER, "avatar-demo"):
                who = api.RoomParticipantIdentity(room=room_name, identity=identity)
                await admin.room.remove_participant(who)
        await ours.until("ready", 90, count=2)
        await say(ours, count=1)
