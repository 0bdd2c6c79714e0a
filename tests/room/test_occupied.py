"""A second sender of one identity is refused before it puts the first one out."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream import ConnectionFailed, FileSource
from micstream.demo.server import LocalServer
from micstream.room import occupied
from micstream.settings import load
from micstream.settings.pieces import ConnectionSettings
from testbed.program import environment, program
from testbed.rooms import wire_avatar
from testbed.speech import HELLO
from testbed.waiting import wait_until
from tests.support.live import Record
from tests.support.senders import voice

KEYS = {"api_key": "key", "api_secret": "s" * 40, "room": "show"}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["identity", "state", "joined_at", "joinedAt", "sid"])


def connection(url: str, **more: Any) -> ConnectionSettings:
    return load(url=url, **KEYS | more).connection()


# ---- the question, and any answer to it ----------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("ws://127.0.0.1:7880", "http://127.0.0.1:7880"),
        ("wss://show.example/", "https://show.example"),
        ("https://show.example/lk?x=1", "https://show.example/lk"),
        ("ws://[::1]:7880", "http://[::1]:7880"),
    ],
)
def test_the_server_is_asked_where_it_is_joined(url: str, asked: str) -> None:
    expected = f"{asked}/twirp/livekit.RoomService/GetParticipant"
    assert occupied.question_url(url) == expected


@pytest.mark.parametrize(
    ("told", "since"),
    [
        ({"identity": "a", "state": "ACTIVE", "joined_at": "1700000000"}, 1.7e9),
        ({"identity": "a", "joinedAt": "1700000000"}, 1.7e9),
        ({"identity": "a", "joined_at": 1700000000}, 1.7e9),
        ({"identity": "a"}, 0.0),
        ({"identity": "a", "joined_at": "soon"}, 0.0),
        ({"identity": "a", "joined_at": "1e400"}, 0.0),
        ({"identity": "a", "state": "DISCONNECTED"}, None),
        ({"code": "not_found", "msg": "participant does not exist"}, None),
        ([], None),
        (7, None),
    ],
)
def test_an_answer_is_read(told: object, since: float | None) -> None:
    assert occupied.read_answer(json.dumps(told).encode()) == since


@given(
    st.binary(max_size=30) | st.dictionaries(NAMES, ANYTHING).map(lambda d: json.dumps(d).encode())
)
def test_whatever_answers_in_its_place_is_never_in_the_way(answer: bytes) -> None:
    since = occupied.read_answer(answer)
    assert since is None or 0 <= since < 1e11
    if since is not None:
        occupied.already("me", "show", since)  # any time can be told


def test_an_answer_without_end_or_depth_is_none() -> None:
    assert occupied.read_answer(b"[" * 100_000) is None


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[Any]]]:
    """An HTTP server that says this to everybody; what it was asked."""
    asked: list[Any] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            asked.append((self.path, dict(self.headers), self.rfile.read(length)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers), b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_it_asks_for_one_participant_with_a_token_for_that_alone() -> None:
    with answering(200, b'{"identity": "me", "joined_at": "1700000000"}') as (url, asked):
        assert await occupied.present_since(connection(url, identity="me")) == 1.7e9
    path, headers, body = asked[0]
    assert path == "/twirp/livekit.RoomService/GetParticipant"
    assert json.loads(body) == {"room": "show", "identity": "me"}
    assert headers["Authorization"].startswith("Bearer ")
    assert KEYS["api_secret"] not in str(asked)


@pytest.mark.parametrize("name", ["B\u00fchne/1", 'a "b" \\ c', "\U0001f3a4", "x" * 5_000])
async def test_any_name_is_asked_for_as_it_is(name: str) -> None:
    with answering(404, b"{}") as (url, asked):
        assert await occupied.present_since(connection(url, identity=name, room=name)) is None
    assert json.loads(asked[0][2]) == {"room": name, "identity": name}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"code": "not_found"}'),
        (401, b"no"),
        (500, b"<html>"),
        (200, b"\xff\x00"),
        (204, b""),
    ],
)
async def test_what_is_no_answer_is_not_in_the_way(status: int, body: bytes) -> None:
    with answering(status, body) as (url, _):
        assert await occupied.present_since(connection(url)) is None


async def test_our_token_goes_to_nobody_else() -> None:
    with answering(200, b"{}") as (other, theirs):
        elsewhere = other.replace("ws", "http")
        with answering(302, b"", Location=elsewhere) as (url, _):
            assert await occupied.present_since(connection(url)) is None
    assert theirs == []


async def test_no_proxy_reads_our_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is set, and the server is on loopback, or on the stage's own network."""
    with answering(200, b"{}") as (proxy, passed):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.replace("ws", "http"))
        monkeypatch.setenv("NO_PROXY", "")
        with answering(200, b'{"identity": "me"}') as (url, asked):
            assert await occupied.present_since(connection(url)) == 0.0
    assert len(asked) == 1
    assert passed == []


async def test_a_server_that_is_not_there_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(occupied, "_ANSWER_S", 60.0)
    begun = time.monotonic()
    assert await occupied.present_since(connection("ws://127.0.0.1:9")) is None
    assert time.monotonic() - begun < 20


async def test_one_that_says_nothing_is_waited_for_so_long_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    def hangs(_: urllib.request.Request) -> bytes:
        released.wait(10)
        return b""

    monkeypatch.setattr(occupied, "ask", hangs)
    monkeypatch.setattr(occupied, "_ANSWER_S", 0.01)
    assert await occupied.present_since(connection("ws://127.0.0.1:9")) is None
    released.set()


@pytest.mark.parametrize("flags", [{"take_over": True}, {"api_secret": None, "token": None}])
async def test_nobody_is_asked_where_it_is_of_no_use(
    flags: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To take over was asked for; or there is but a token, which may not ask."""

    async def never(_: ConnectionSettings) -> float:
        raise AssertionError("it was asked")

    monkeypatch.setattr(occupied, "present_since", never)
    await occupied.refuse_second(connection("ws://127.0.0.1:9", **flags), Record())


def test_since_when_is_told_by_the_clock_on_the_wall() -> None:
    now = time.time()
    said = occupied.already("me", "show", now)
    assert re.fullmatch(r"a sender 'me' is in the room 'show' already, since \d\d:\d\d", said)
    assert occupied.already("me", "show", 0.0).endswith("already")
    assert re.search(r"since 20\d\d-\d\d-\d\d \d\d:\d\d$", occupied.already("me", "show", 1.7e9))


# ---- in a real room ------------------------------------------------------------------------------


@pytest.mark.room
async def test_the_second_is_refused_and_the_first_goes_on(
    server: LocalServer, room_name: str
) -> None:
    async with (
        wire_avatar(server, room_name, plays=True) as avatar,
        voice(server, room_name) as ours,
    ):
        before = len(ours.named("connection"))
        with pytest.raises(ConnectionFailed, match="already, since") as refused:
            async with voice(server, room_name):
                pass
        assert refused.value.code == "identity_in_use"
        assert "--take-over" in refused.value.hint
        assert len(ours.named("connection")) == before, "it was not put out for a moment"
        await ours.sender.speak(FileSource(HELLO, pace="fast"))
        await wait_until(lambda: avatar.streams and avatar.streams[0].closed, 5, "its end")


@pytest.mark.room
async def test_nobody_takes_the_place_of_the_avatar(server: LocalServer, room_name: str) -> None:
    """Its name was given as ours, by mistake."""
    async with wire_avatar(server, room_name, identity="avatar-anna") as avatar:
        with pytest.raises(ConnectionFailed, match="already, since"):
            async with voice(server, room_name, ready=False, identity="avatar-anna"):
                pass
        assert avatar.room is not None and avatar.room.isconnected()


@pytest.mark.room
async def test_whoever_leaves_makes_place_at_once(server: LocalServer, room_name: str) -> None:
    for _ in range(3):
        async with voice(server, room_name, ready=False) as ours:
            assert ours.named("warning") == []


@pytest.mark.room
async def test_one_that_was_killed_is_in_nobodys_way(
    server: LocalServer, room_name: str, tmp_path: Path
) -> None:
    command = ("play", HELLO, "--room", room_name, "--wait-avatar", "60", "--json")
    async with program(tmp_path, *command, env=environment(server)) as killed:
        await killed.until("connection", count=2)
        os.kill(killed.running.pid, signal.SIGSTOP)
        try:
            begun = asyncio.get_running_loop().time()
            async with voice(server, room_name, ready=False) as ours:
                assert asyncio.get_running_loop().time() - begun < 8
                assert [event.code for event in ours.named("warning")] == ["left_behind"]
        finally:
            os.kill(killed.running.pid, signal.SIGKILL)
