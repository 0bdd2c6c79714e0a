"""The control server: a key always, one meaning of each verb, and nobody who holds anything up."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from micstream import events
from micstream.show import client as show_client
from micstream.show.server import CLIENTS
from micstream.speech.cutter import Gate
from micstream.taps import Captured
from testbed.waiting import wait_until
from tests.support.desk import KEY, desk, told


async def test_a_verb_is_done_and_answered_with_the_state() -> None:
    async with desk() as (ours, client):
        async with client.post(f"{ours.url}/api/mute", json={"argument": "on"}) as reply:
            answer = await reply.json()
        assert (reply.status, answer["ok"]) == (200, True)
        assert (answer["state"]["gate"], answer["state"]["muted"]) == ("closed", True)
        assert ours.controls.muted
        async with client.post(f"{ours.url}/api/mute/off") as reply:
            assert (await reply.json())["state"]["muted"] is False
        async with client.get(f"{ours.url}/api/state") as reply:
            state = (await reply.json())["state"]
        assert state == json.loads(json.dumps(ours.bus.state.as_dict()))


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("explode", None, 404, "no_such_verb"),
        ("mute", '{"argument": "loud"}', 400, "bad_argument"),
        ("mute", "{", 400, "bad_argument"),
        ("mute", '["on"]', 400, "bad_argument"),
        ("mute", "[" * 5_000 + "]" * 5_000, 400, "bad_argument"),
        ("mute", '{"a":' * 2_000 + "1" + "}" * 2_000, 400, "bad_argument"),
        ("mute", "9" * 5_000, 400, "bad_argument"),
        ("route", "NaN", 400, "bad_argument"),
        ("cue", '{"name": "nope"}', 404, "no_such_cue"),
        ("route", "7", 400, "bad_argument"),
        ("cue", "", 400, "bad_argument"),
        ("mute/on/twice", None, 404, "bad_request"),
        ("mute", "x" * 20_000, 413, "bad_request"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    path: str, body: str | None, status: int, code: str
) -> None:
    async with desk() as (ours, client):
        async with client.post(f"{ours.url}/api/{path}", data=body) as reply:
            answer = await reply.json()
        assert (reply.status, answer["ok"], answer["code"]) == (status, False, code)
        assert answer["hint"]
        assert ours.controls.gate is Gate.DETECTOR


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Basic " + KEY, "Bearer", KEY])
async def test_without_the_key_nothing_is_told(given: str | None) -> None:
    async with desk() as (ours, _), aiohttp.ClientSession() as stranger:
        headers = {"Authorization": given} if given else {}
        for method, path in (("GET", "state"), ("POST", "panic"), ("GET", "socket")):
            async with stranger.request(method, f"{ours.url}/api/{path}", headers=headers) as reply:
                assert reply.status == 401
                assert KEY not in await reply.text()
        async with stranger.get(f"{ours.url}/wrong/") as reply:
            assert reply.status == 403
        assert not ours.controls.muted


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "elsewhere.example"},
    ],
)
async def test_another_page_in_the_browser_is_refused(headers: dict[str, str]) -> None:
    async with desk() as (ours, client):
        async with client.post(f"{ours.url}/api/panic", headers=headers) as reply:
            assert reply.status == 403
        for path in ("api/socket", f"{KEY}/socket"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.ws_connect(f"{ours.url}/{path}", headers=headers)
        assert not ours.controls.muted


@pytest.mark.parametrize(
    "asked", ["OPTIONS *", "GET //", "GET /%00/", "GET http://elsewhere/x", "CONNECT a:1"]
)
async def test_a_request_for_no_page_is_refused(asked: str) -> None:
    async with desk() as (ours, _):
        host, port = ours.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{asked} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        async with asyncio.timeout(5):
            status = await reader.readline()
        writer.close()
        assert status.split()[1] in (b"400", b"403", b"404", b"405"), status


async def test_a_socket_is_told_all_at_first_and_then_what_happens() -> None:
    async with desk() as (ours, client), client.ws_connect(f"{ours.url}/api/socket") as socket:
        greeting = (await told(socket, "hello"))["hello"]
        assert greeting["api"] == 1
        assert greeting["avatars"] == ["avatar-a", "avatar-b"]
        assert [cue["name"] for cue in greeting["cues"]] == ["applause"]
        assert (await told(socket, "state"))["state"]["muted"] is False
        await socket.send_json({"do": "mute", "argument": "on", "id": 7})
        async with asyncio.timeout(5):
            messages = [await socket.receive_json() for _ in range(3)]
        (gate,) = [m for m in messages if "event" in m]
        assert (gate["event"], gate["muted"], gate["by"]) == ("gate", True, "http")
        assert {"answer": 7, "ok": True} in messages
        assert any("event" not in m and m.get("state", {}).get("muted") for m in messages)


@pytest.mark.parametrize(
    "said",
    [
        "{",
        "[]",
        "[" * 5_000 + "]" * 5_000,
        "9" * 5_000,
        '{"do": 3}',
        '{"do": "explode"}',
        '{"subscribe": ["secrets"]}',
        '"mute"',
    ],
)
async def test_a_message_that_is_none_is_refused_and_nothing_ends(said: str) -> None:
    async with desk() as (ours, client), client.ws_connect(f"{ours.url}/api/socket") as socket:
        await socket.send_str(said)
        refused = await told(socket, "answer")
        assert refused["ok"] is False
        assert refused["hint"]
        await socket.send_json({"do": "mute", "id": 1})
        assert (await told(socket, "answer"))["ok"] is True


async def test_push_to_talk_ends_with_its_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_client, "KEEPALIVE_S", 60.0)
    async with desk() as (ours, client):
        ours.controls.manual("off")
        socket = await client.ws_connect(f"{ours.url}/api/socket")
        await socket.send_json({"do": "talk", "argument": "on", "id": 1})
        await told(socket, "answer")
        assert ours.controls.gate is Gate.OPEN
        await socket.close()
        await wait_until(lambda: ours.controls.gate is Gate.CLOSED, 10)


async def test_push_to_talk_ends_by_itself_and_is_refused_while_muted() -> None:
    async with desk() as (ours, client), client.ws_connect(f"{ours.url}/api/socket") as socket:
        ours.controls.manual("off")
        await socket.send_json({"do": "talk", "id": 1})
        await told(socket, "answer")
        assert ours.controls.gate is Gate.OPEN
        await wait_until(lambda: ours.controls.gate is Gate.CLOSED, 10)
        ours.controls.mute("on")
        await socket.send_json({"do": "talk", "id": 2})
        assert (await told(socket, "answer"))["code"] == "muted"


async def test_levels_come_only_to_whoever_asks() -> None:
    async with desk() as (ours, client):
        async with (
            client.ws_connect(f"{ours.url}/api/socket") as one,
            client.ws_connect(f"{ours.url}/api/socket") as other,
        ):
            await told(one, "state")
            await told(other, "state")
            assert not ours.taps.active
            await one.send_json({"subscribe": ["levels"], "id": 1})
            await told(one, "answer")
            ours.taps.captured(Captured("mic", 0, 0, 0.0, b"\x00\x40" * 1_600, speaking=False))
            levels = (await told(one, "levels"))["levels"]
            assert levels == {"rms_db": -6.0, "peak_db": -6.0, "clipping": False}
            ours.bus.emit(events.Marked(text="x"))
            assert "levels" not in await told(other, "event")
        await wait_until(lambda: not ours.taps.active, 3)


async def test_one_more_than_there_is_place_for_is_refused() -> None:
    async with desk() as (ours, client):
        sockets = [await client.ws_connect(f"{ours.url}/api/socket") for _ in range(CLIENTS)]
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await client.ws_connect(f"{ours.url}/api/socket")
        await sockets[0].close()
        await wait_until(lambda: ours.server.clients < CLIENTS, 3)
        await (await client.ws_connect(f"{ours.url}/api/socket")).close()


async def test_one_that_takes_nothing_holds_nobody_up_and_is_put_out() -> None:
    async with desk() as (ours, client):
        host, port = ours.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1)
        writer.write(
            f"GET /api/socket HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Authorization: Bearer {KEY}\r\n\r\n".encode()
        )
        await wait_until(lambda: ours.server.clients == 1, 3)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        async with client.ws_connect(f"{ours.url}/api/socket") as other:
            await told(other, "state")
            for _ in range(40):
                for _ in range(100):
                    ours.bus.emit(events.Marked(text="x" * 190))
                await asyncio.sleep(0.01)
                await told(other, "event")
            await wait_until(lambda: ours.server.clients <= 1, 10)
        writer.close()
