"""Whatever answers in LiveKit's place: an error in words, and the supervisor goes on."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from micstream.avatars import supervisor
from micstream.avatars.supervisor import Supervisor
from micstream.errors import ConnectionFailed
from micstream.events import Event
from micstream.room.admin import find, remove
from micstream.settings import Settings, load
from micstream.tasks import run_guarded
from tests.support.avatar_servers import KEY, Answer, hangs_up, says, scripted

PROTOBUF = {"Content-Type": "application/protobuf"}
JSON = {"Content-Type": "application/json"}
SECRET = "s" * 40


def settings(url: str) -> Settings:
    return load(
        url=url, api_key="key", api_secret=SECRET, avatar_id="anna", license_key=KEY, room="show"
    )


async def cut_off(request: web.Request) -> web.StreamResponse:
    """Begins an answer, and hangs up in the midst of it."""
    answer = web.StreamResponse(headers={"Content-Length": "1000", **PROTOBUF})
    await answer.prepare(request)
    await answer.write(b"\n\x05")
    assert request.transport is not None
    request.transport.abort()
    return answer


async def no_http(request: web.Request) -> web.StreamResponse:
    """Another kind of server altogether."""
    assert request.transport is not None
    request.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    request.transport.close()
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    """Never comes to an end."""
    answer = web.StreamResponse(headers=PROTOBUF)
    await answer.prepare(request)
    try:
        while True:
            await answer.write(bytes(1 << 20))
    except ConnectionResetError:
        return answer


async def elsewhere(request: web.Request) -> web.StreamResponse:
    """The same, at an address where all is well."""
    if "again" in request.query:
        return web.Response(body=b"", headers=PROTOBUF)
    raise web.HTTPTemporaryRedirect(f"{request.path}?again")


ODD = [
    *(says(at, text, **JSON) for at in (400, 401, 403, 404, 429, 500) for text in ("[]", "1")),
    *(says(400, json.dumps(body), **JSON) for body in ({"code": None}, {"code": [1], "meta": 7})),
    *(says(503, text, **JSON) for text in ("null", '"x"', "{", "[" * 9_000, "")),
    *(says(200, text) for text in ("", "hello", "<!doctype html>", "{}", "\n\x00")),
    *(says(200, text, **PROTOBUF) for text in ("hello", "\n\x7f", "<!doctype html>" * 99)),
    *(says(status, "", Location="/") for status in (204, 304)),
    *(hangs_up, cut_off, no_http, endless, elsewhere),
]


@pytest.mark.parametrize("answer", ODD)
async def test_an_odd_answer_is_an_error_in_words(answer: Answer) -> None:
    async with scripted(answer) as page:
        ours = settings(page.address.replace("http", "ws")).connection()
        try:
            found = await find(ours, ("avatar-*",))
        except ConnectionFailed as error:
            assert error.hint
            assert SECRET not in error.message + error.hint
            assert "Error" not in error.message, "no name of a class"
        else:
            assert found == [], "it says that there is nobody"
            (asked, *_) = page.asked
            assert asked[0].startswith("/twirp/")


async def test_only_a_room_that_is_not_there_is_empty() -> None:
    gone = json.dumps({"code": "not_found", "msg": "no room"})
    async with scripted(says(404, gone, **JSON)) as page:
        ours = settings(page.address).connection()
        assert await find(ours, ("avatar-*",)) == []
        assert not await remove(ours, "avatar-anna")
    async with scripted(says(404, "page not found")) as page:
        with pytest.raises(ConnectionFailed, match="404"):
            await find(settings(page.address).connection(), ("avatar-*",))


class Troubles(list[Event]):
    """A bus that keeps what it is told."""

    emit = list.append


class Watch:
    """An avatar that is never there, and a room that is."""

    connected, present, listening, silent = True, False, False, False

    async def changed(self) -> None:
        await asyncio.Event().wait()


async def until(event: asyncio.Event) -> None:
    await event.wait()


async def test_keep_avatar_goes_on_whatever_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PAUSES_S", (0.0,))
    started = asyncio.Event()
    turns = iter([says(200, "", **PROTOBUF), *ODD])

    async def livekit(request: web.Request) -> web.StreamResponse:
        answer = next(turns, None)
        if answer is None:
            started.set()
            return await says(200, "", **PROTOBUF)(request)
        return await answer(request)

    async with scripted(livekit) as page, scripted(says(200, "{}")) as avatars:
        ours = load(
            url=page.address,
            api_key="key",
            api_secret=SECRET,
            avatar_id="anna",
            license_key=KEY,
            avatar_server=avatars.address,
            keep_avatar=True,
            wait_avatar=0.2,
        )
        supervisor_ = Supervisor(ours.supervisor(), Watch(), Troubles())
        async with asyncio.timeout(30):
            await run_guarded(until(started), supervisor_.run())
