"""Holding push-to-talk through a socket: kept by a keepalive that is no new press; the pulse."""

from __future__ import annotations

from micstream.speech.cutter import Gate
from testbed.waiting import wait_until
from tests.support.desk import desk, told


async def test_a_keepalive_goes_on_with_what_is_held() -> None:
    async with desk() as (ours, client), client.ws_connect(f"{ours.url}/api/socket") as socket:
        ours.controls.manual("off")
        await socket.send_json({"do": "talk", "argument": "on", "id": 1})
        for number in range(2, 6):
            await socket.send_json({"keep": "talk", "id": number})
            answer = await told(socket, "answer")
        assert answer["ok"]
        assert ours.controls.gate is Gate.OPEN


async def test_a_keepalive_opens_nothing_that_another_has_closed() -> None:
    async with desk() as (ours, client), client.ws_connect(f"{ours.url}/api/socket") as socket:
        ours.controls.manual("off")
        for close in ("interrupt", "panic", "mute"):
            ours.controls.mute("off")
            await socket.send_json({"do": "talk", "argument": "on", "id": 1})
            assert (await told(socket, "answer"))["ok"]
            await ours.controls.do(close, "on" if close == "mute" else None)
            ours.controls.mute("off")
            await socket.send_json({"keep": "talk", "id": 2})
            refused = await told(socket, "answer")
            assert (refused["ok"], refused["code"]) == (False, "not_held"), close
            assert ours.controls.gate is Gate.CLOSED, close


async def test_a_keepalive_that_comes_too_late_opens_nothing() -> None:
    async with desk() as (ours, client), client.ws_connect(f"{ours.url}/api/socket") as socket:
        ours.controls.manual("off")
        await socket.send_json({"do": "talk", "id": 1})
        await told(socket, "answer")
        await wait_until(lambda: ours.controls.gate is Gate.CLOSED, 3)
        await socket.send_json({"keep": "talk", "id": 2})
        assert (await told(socket, "answer"))["code"] == "not_held"
        assert ours.controls.gate is Gate.CLOSED


async def test_a_ping_is_answered_whatever_it_holds() -> None:
    async with desk() as (ours, client), client.ws_connect(f"{ours.url}/api/socket") as socket:
        for sign in (1, "x", None):
            await socket.send_json({"ping": sign})
            assert (await told(socket, "pong"))["pong"] == sign
