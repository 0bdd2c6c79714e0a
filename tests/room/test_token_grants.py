"""What our token allows is what is used: all else a real server refuses."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import pytest
from livekit import api, rtc

from micstream.demo.server import LocalServer
from micstream.room import connect, token
from micstream.settings import load
from testbed.rooms import joined, wire_avatar
from testbed.waiting import stays
from tests.conftest import SENDER
from tests.support.senders import voice

pytestmark = pytest.mark.room


def ours(server: LocalServer, room: str) -> str:
    """The token with which `live`, `play` and `pipe` join."""
    settings = load(url=server.url, api_key=server.api_key, api_secret=server.api_secret, room=room)
    return connect.credentials(settings.connection())[1]


@pytest.fixture
async def us(server: LocalServer, room_name: str) -> AsyncIterator[rtc.Room]:
    """In the room, with that token and nothing else of ours."""
    room = rtc.Room()
    await room.connect(server.url, ours(server, room_name), rtc.RoomOptions(auto_subscribe=False))
    yield room
    await room.disconnect()


def test_it_says_what_is_used_and_no_more(server: LocalServer) -> None:
    claims = jwt.decode(ours(server, "show"), server.api_secret, algorithms=["HS256"])
    assert claims.pop("exp") - claims.pop("nbf") == 600 == connect.TOKEN_LIFE.total_seconds()
    config = claims.pop("roomConfig")
    assert set(config) == {"emptyTimeout", "departureTimeout"}
    assert {name: value for name, value in claims.items() if value} == {
        "iss": server.api_key,
        "sub": SENDER,
        "name": SENDER,
        "kind": "agent",
        "video": {
            "roomJoin": True,
            "room": "show",
            "canPublish": False,
            "canPublishData": True,
            "canSubscribe": True,
            "canUpdateOwnMetadata": False,
        },
    }


async def test_no_track_can_be_published_with_it(
    server: LocalServer, room_name: str, us: rtc.Room
) -> None:
    track = rtc.LocalAudioTrack.create_audio_track("a", rtc.AudioSource(16_000, 1))
    async with joined(server, room_name, "viewer") as viewer:
        publishing = asyncio.create_task(us.local_participant.publish_track(track))
        try:
            await stays(
                lambda: not publishing.done() or publishing.exception(), 1.5, "it was published"
            )
            assert not viewer.remote_participants[SENDER].track_publications
        finally:
            publishing.cancel()
            await asyncio.wait([publishing])


async def test_nothing_about_oneself_can_be_changed_with_it(
    server: LocalServer, room_name: str, us: rtc.Room
) -> None:
    me = us.local_participant
    async with joined(server, room_name, "viewer") as viewer, wire_avatar(server, room_name) as av:
        await me.set_metadata("x")  # the SDK does not tell that it was refused
        await me.set_name("somebody else")
        await me.set_attributes({"lk.publish_on_behalf": "x"})
        # What is allowed and sent after that has come.
        assert await me.perform_rpc(
            destination_identity=av.identity, method="lk.clear_buffer", payload=""
        )
        seen = viewer.remote_participants[SENDER]
        assert (seen.name, seen.metadata, dict(seen.attributes)) == (SENDER, "", {})
    async with joined(server, room_name, "late viewer") as viewer:
        seen = viewer.remote_participants[SENDER]
        assert (seen.name, seen.metadata, dict(seen.attributes)) == (SENDER, "", {})


async def test_the_servers_own_calls_are_refused_it(server: LocalServer, room_name: str) -> None:
    given = ours(server, room_name)
    asked: dict[str, dict[str, Any]] = {
        "ListRooms": {},
        "CreateRoom": {"name": room_name},
        "DeleteRoom": {"room": room_name},
        "ListParticipants": {"room": room_name},
        "RemoveParticipant": {"room": room_name, "identity": "viewer"},
        "UpdateParticipant": {"room": room_name, "identity": SENDER, "name": "x"},
        "UpdateRoomMetadata": {"room": room_name, "metadata": "x"},
        "SendData": {"room": room_name, "data": "eA=="},
    }
    page = server.url.replace("ws", "http") + "/twirp/livekit.RoomService/"
    async with (
        joined(server, room_name, "viewer") as viewer,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {given}"}) as session,
    ):
        for method, fields in asked.items():
            async with session.post(page + method, json=fields) as answer:
                assert answer.status in (401, 403), (method, await answer.text())
        assert viewer.isconnected()


async def test_it_leads_into_no_other_room_and_not_for_long(
    server: LocalServer, room_name: str
) -> None:
    expired = token.mint(
        api_key=server.api_key,
        api_secret=server.api_secret,
        room=room_name,
        identity=SENDER,
        ttl=datetime.timedelta(minutes=-10),
    )
    with pytest.raises(rtc.ConnectError):
        await rtc.Room().connect(server.url, expired)
    page = server.url.replace("ws", "http") + "/rtc/validate"
    query = {"access_token": ours(server, room_name), "room": "another"}
    async with aiohttp.ClientSession() as session, session.get(page, params=query) as answer:
        said = await answer.text()
        assert answer.status == 401 or "another" not in said


async def test_every_joining_has_a_token_of_its_own(
    server: LocalServer, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    mint = token.mint

    def counted(**what: Any) -> str:
        used.append(mint(**what))
        return used[-1]

    monkeypatch.setattr(token, "mint", counted)
    async with wire_avatar(server, room_name), voice(server, room_name, stay=True) as speaking:
        assert len(used) == 1
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as admin:
            who = api.RoomParticipantIdentity(room=room_name, identity=SENDER)
            await admin.room.remove_participant(who)
        await speaking.until("ready", 20, count=2)
        assert len(used) == 2
    for each in used:
        claims = jwt.decode(each, server.api_secret, algorithms=["HS256"])
        assert claims["exp"] - claims["nbf"] == 600
