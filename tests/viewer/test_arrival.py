"""An avatar's way into the room, watched: each step, and what is said where one is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from micstream.avatars.start import Progress, bring, order
from micstream.demo.server import LocalServer
from micstream.errors import AvatarUnavailable, ConnectionFailed
from micstream.events import Event, Warned
from micstream.settings import load
from micstream.settings.pieces import StartSettings
from micstream.viewer import arrival
from testbed.rooms import bystander, joined, wire_avatar
from testbed.waiting import wait_until
from tests.conftest import SENDER
from tests.support.avatar_servers import KEY, Avatars

pytestmark = pytest.mark.room


def settings(server: LocalServer, room: str, **more: Any) -> StartSettings:
    flags: dict[str, Any] = {
        "url": server.url,
        "api_key": server.api_key,
        "api_secret": server.api_secret,
        "room": room,
        "license_key": KEY,
        "avatar_id": "demo",
        "avatar_server": "http://127.0.0.1:1",
    }
    return load(**flags | more).start()


class Told:
    """The steps and warnings so far."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.warnings: list[Warned] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.warnings.append(event)
        else:
            self.steps.append(event.as_dict()["step"])
            assert 0 <= event.as_dict()["seconds"] <= event.as_dict()["total_s"]


async def arrives(
    ours: StartSettings, told: Told, *, timeout: float = 15.0, picture_timeout: float = 5.0
) -> None:
    wanted = order(ours)
    async with arrival.arriving(ours.connection, wanted) as avatar:
        await avatar.until_ready(
            Progress(wanted.identity, told),
            timeout=timeout,
            picture_timeout=picture_timeout,
            on_warning=told.emit,
        )


@asynccontextmanager
async def arriving(
    ours: StartSettings, told: Told, **how: float
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(arrives(ours, told, **how))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_from_the_question_to_the_picture(
    server: LocalServer, room_name: str, avatars: Avatars
) -> None:
    """A real avatar shows itself to whoever waits for it, and to the next one too."""
    ours = settings(server, room_name, **avatars.flags)
    told = Told()
    wanted = order(ours)
    progress = Progress(wanted.identity, told)
    async with arrival.arriving(ours.connection, wanted) as avatar:
        await bring(ours, progress, told, timeout_s=90)
        await avatar.until_ready(progress, timeout=60, picture_timeout=60, on_warning=told.emit)
    assert told.steps == ["asked", "accepted", "joined", "active", "picture", "ready"]
    assert told.warnings == []
    await bring(ours, progress, told)
    assert told.steps[6:] == ["present"], "it is not asked for twice"
    async with bystander(server, room_name, avatar="avatar-demo") as viewer:
        await wait_until(lambda: viewer.listening and viewer.shows_picture, 30, "both")
        assert viewer.strays == []
    with pytest.raises(AvatarUnavailable) as caught:
        other = settings(server, room_name, identity="somebody", **avatars.flags)
        await bring(other, progress, told)
    assert caught.value.code == "avatar_bound"
    assert f"listens to {SENDER!r}, not to 'somebody'" in caught.value.message
    assert "avatar stop" in caught.value.hint


async def test_one_that_waits_for_its_sender_is_there(server: LocalServer, room_name: str) -> None:
    told = Told()
    async with wire_avatar(server, room_name, identity="avatar-demo"):
        await arrives(settings(server, room_name), told, picture_timeout=0.2)
    assert told.steps == ["joined", "active", "ready"]
    assert [warning.code for warning in told.warnings] == ["no_picture_yet"]
    assert SENDER in told.warnings[0].message


async def test_one_that_has_its_sender_must_show_itself(
    server: LocalServer, room_name: str
) -> None:
    told = Told()
    async with (
        joined(server, room_name, SENDER, kind="agent"),
        wire_avatar(server, room_name, identity="avatar-demo") as avatar,
    ):
        with pytest.raises(AvatarUnavailable) as caught:
            await arrives(settings(server, room_name), told, timeout=4, picture_timeout=0.2)
        assert caught.value.code == "avatar_not_ready"
        assert "shows no picture within 4 s" in caught.value.message
        async with arriving(settings(server, room_name), told, picture_timeout=0.2) as task:
            await avatar.publish_tracks()
            await task
    assert told.steps[-2:] == ["picture", "ready"]


async def test_one_that_does_not_come(server: LocalServer, room_name: str) -> None:
    with pytest.raises(AvatarUnavailable) as caught:
        await arrives(settings(server, room_name), Told(), timeout=0.5)
    assert caught.value.code == "no_avatar"
    assert "'avatar-demo' has not joined within 0.5 s" in caught.value.message
    assert "LIVEKIT_URL" in caught.value.hint


async def test_one_that_leaves_again(server: LocalServer, room_name: str) -> None:
    told = Told()
    async with (
        wire_avatar(server, room_name, identity="avatar-demo") as avatar,
        arriving(settings(server, room_name), told, timeout=60, picture_timeout=60) as task,
    ):
        await wait_until(lambda: "active" in told.steps, 15, "it is active")
        await avatar.leave()
        with pytest.raises(AvatarUnavailable) as caught:
            await task
    assert caught.value.code == "avatar_left"


async def test_without_a_room_it_is_not_asked_for(room_name: str) -> None:
    ours = load(
        url="ws://127.0.0.1:1",
        api_key="key",
        api_secret="s" * 40,
        license_key=KEY,
        avatar_id="demo",
        room=room_name,
    ).start()
    told = Told()
    with pytest.raises(ConnectionFailed) as caught:
        await bring(ours, Progress("avatar-demo", told), told)
    assert caught.value.code == "server_unreachable"
    with pytest.raises(ConnectionFailed):
        await arrives(ours, told)
    assert told.steps == []
