"""OSC: every verb by an address, the state back by numbers, and no packet that harms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from micstream import events
from micstream.errors import UsageError
from micstream.show.osc import SUBSCRIBERS, Osc, serving_osc
from micstream.show.osc_words import Asked, Subscribe, asked, feedback
from micstream.speech.cutter import Gate
from micstream.state import State
from micstream.verbs import VERBS
from micstream.web.serving import LOOPBACK
from testbed.waiting import wait_until
from tests.support.desk import Desk

CUES = ("applause", "Second Act", "7")


@pytest.mark.parametrize(
    ("address", "arguments", "expected"),
    [
        ("/micstream/mute", [1], Asked("mute", "on")),
        ("/micstream/mute", [0], Asked("mute", "off")),
        ("/micstream/mute", [1.0], Asked("mute", "on")),
        ("/micstream/mute", [True], Asked("mute", "on")),
        ("/micstream/mute", [], Asked("mute", "toggle")),
        ("/micstream/mute/toggle", [1], Asked("mute", "toggle")),
        ("/micstream/talk", [1], Asked("talk", "on")),
        ("/micstream/talk", [0], Asked("talk", "off")),
        ("/micstream/panic", [1], Asked("panic", None)),
        ("/micstream/panic", [], Asked("panic", None)),
        ("/micstream/panic", [0], None),
        ("/micstream/cue", ["applause"], Asked("cue", "applause")),
        ("/micstream/cue", [2], Asked("cue", 2)),
        ("/micstream/cue/applause", [1], Asked("cue", "applause")),
        ("/micstream/cue/applause", [], Asked("cue", "applause")),
        ("/micstream/cue/applause", [0], None),
        ("/micstream/cue/second_act", [1], Asked("cue", "Second Act")),
        ("/micstream/cue/Second%20Act", [1], Asked("cue", "Second Act")),
        ("/micstream/cue/stop", [1], Asked("cue", "stop")),
        ("/micstream/route", [2], Asked("route", 2)),
        ("/micstream/route", [0], Asked("route", 0)),
        ("/micstream/route/2", [1], Asked("route", 2)),
        ("/micstream/mark", ["act two"], Asked("mark", "act two")),
        ("/micstream/subscribe", [60], Subscribe(60.0)),
        ("/micstream/subscribe", [60, 9001], Subscribe(60.0, 9001)),
        ("/micstream/subscribe", [60.0, 9001.0], Subscribe(60.0, 9001)),
        ("/micstream/status", [], Subscribe(None)),
        ("/micstream/status", [9001], Subscribe(None, 9001)),
        ("/elsewhere/mute", [1], None),
    ],
)
def test_an_address_has_one_meaning(address: str, arguments: list[Any], expected: object) -> None:
    assert asked(address, arguments, CUES) == expected


values = st.one_of(
    st.integers(), st.floats(), st.text(max_size=20), st.booleans(), st.binary(), st.none()
)


@given(
    st.sampled_from([*VERBS, "subscribe", "status", "explode", ""]),
    st.text(max_size=10),
    st.lists(values, max_size=3),
)
def test_anything_is_done_or_refused(verb: str, name: str, arguments: list[Any]) -> None:
    try:
        said = asked(f"/micstream/{verb}/{name}", arguments, CUES)
    except UsageError as refused:
        assert refused.code in ("no_such_verb", "bad_argument")
    else:
        assert said is None or isinstance(said, Asked | Subscribe)


def test_each_state_is_one_number_at_an_address_of_its_own() -> None:
    told = feedback(State(), CUES)
    assert all(isinstance(value, int | float) for value in told.values())
    assert told["/micstream/state/muted"] == 0
    assert told["/micstream/state/cue/Second_Act"] == 0
    assert all(" " not in address for address in told)


class Remote(asyncio.DatagramProtocol):
    """A controller at the other end."""

    def __init__(self) -> None:
        self.got: dict[str, list[Any]] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: object) -> None:
        message = OscMessage(data)
        self.got[message.address] = list(message.params)

    def send(self, address: str, *arguments: Any) -> None:
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        self.transport.sendto(builder.build().dgram)


@asynccontextmanager
async def desk() -> AsyncIterator[tuple[Desk, Remote]]:
    ours, remote = Desk(), Remote()
    async with serving_osc(ours.controls, ours.bus, ours.taps, host=LOOPBACK, port=0) as port:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: remote, remote_addr=(LOOPBACK, port)
        )
        yield ours, remote
        transport.close()


async def test_a_verb_is_done_and_whoever_subscribed_is_told() -> None:
    async with desk() as (ours, remote):
        remote.send("/micstream/subscribe", 60)
        await wait_until(lambda: remote.got.get("/micstream/state/muted") == [0], 3)
        remote.send("/micstream/mute", 1)
        await wait_until(lambda: remote.got["/micstream/state/muted"] == [1], 3)
        assert ours.bus.state.muted
        remote.send("/micstream/subscribe", 0)
        remote.send("/micstream/mute", 0)
        await wait_until(lambda: not ours.bus.state.muted, 3)
        remote.send("/micstream/explode")
        await wait_until(lambda: "/micstream/reply" in remote.got, 3)
        assert remote.got["/micstream/reply"] == ["explode", 0, "no_such_verb"]
        assert remote.got["/micstream/state/muted"] == [1], "told no more"


async def test_a_cue_lights_when_it_is_heard() -> None:
    async with desk() as (ours, remote):
        remote.send("/micstream/subscribe", 60)
        await wait_until(lambda: bool(remote.got), 3)
        ours.bus.emit(events.CueStarted(cue="applause", number=1, duration_s=2.0))
        ours.bus.emit(
            events.UtteranceStarted(
                avatar="a", id="u1", onset_s=0, decided_s=0, lead_ms=100, cue="applause"
            )
        )
        await wait_until(lambda: remote.got["/micstream/state/cue"] == [1], 3)
        assert remote.got["/micstream/state/cue/applause"] == [0]
        ours.bus.emit(events.PlaybackStarted(avatar="a", id="u1", delay_ms=200))
        await wait_until(lambda: remote.got["/micstream/state/cue/applause"] == [1], 3)


async def test_push_to_talk_by_a_button() -> None:
    async with desk() as (ours, remote):
        ours.controls.manual("off")
        remote.send("/micstream/talk", 1)
        await wait_until(lambda: ours.controls.gate is Gate.OPEN, 3)
        remote.send("/micstream/talk", 0)
        await wait_until(lambda: ours.controls.gate is Gate.CLOSED, 3)


@given(st.binary(max_size=200))
def test_no_packet_harms(packet: bytes) -> None:
    async def scenario() -> None:
        ours = Desk()
        osc = Osc(ours.controls, ours.bus, ours.taps)
        osc.datagram_received(packet, ("127.0.0.1", 9))
        osc.datagram_received(b"/micstream/mute\0,i\0\0" + packet, ("127.0.0.1", 9))
        osc.datagram_received(b"#bundle\0" + packet, ("127.0.0.1", 9))
        await asyncio.sleep(0)

    asyncio.run(scenario())


async def test_subscribers_are_bounded() -> None:
    ours = Desk()
    osc = Osc(ours.controls, ours.bus, ours.taps)
    packet = OscMessageBuilder("/micstream/subscribe")
    packet.add_arg(60)
    for port in range(3 * SUBSCRIBERS):
        osc.datagram_received(packet.build().dgram, ("127.0.0.1", port))
    assert len(osc._subscribers) == SUBSCRIBERS


class Listener(asyncio.DatagramProtocol):
    """One that listens at another port than the one it sends from, as Companion does."""

    def __init__(self) -> None:
        self.got: list[tuple[str, list[Any]]] = []

    def datagram_received(self, data: bytes, address: object) -> None:
        message = OscMessage(data)
        self.got.append((message.address, list(message.params)))


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[Listener, int]]:
    loop = asyncio.get_running_loop()
    transport, found = await loop.create_datagram_endpoint(Listener, local_addr=(LOOPBACK, 0))
    yield found, transport.get_extra_info("sockname")[1]
    transport.close()


async def test_whoever_listens_at_another_port_says_which() -> None:
    async with desk() as (ours, remote), listener() as (other, port):
        remote.send("/micstream/subscribe", 60, port)
        await wait_until(lambda: ("/micstream/state/muted", [0]) in other.got, 3)
        remote.send("/micstream/mute", 1)
        await wait_until(lambda: ("/micstream/state/muted", [1]) in other.got, 3)
        remote.send("/micstream/explode")
        refused = ("/micstream/reply", ["explode", 0, "no_such_verb"])
        await wait_until(lambda: refused in other.got, 3)
        remote.send("/micstream/subscribe", 0, port)
        remote.send("/micstream/mute", 0)
        await wait_until(lambda: not ours.bus.state.muted, 3)
        assert other.got[-1] == refused, "told no more"
        assert set(remote.got) == {"/micstream/reply"}


@pytest.mark.parametrize("port", [0, -1, 65_536, "x", 1.5, True])
def test_a_port_that_is_none_is_refused(port: object) -> None:
    with pytest.raises(UsageError, match="port"):
        asked("/micstream/subscribe", [60, port], CUES)


async def test_what_changes_while_another_one_subscribes_is_told_to_all() -> None:
    async with desk() as (_, remote):
        remote.send("/micstream/subscribe", 60)
        await wait_until(lambda: remote.got.get("/micstream/state/muted") == [0], 3)
        remote.send("/micstream/mute", 1)
        async with listener() as (other, port):
            remote.send("/micstream/status", port)  # before the loop has told of the mute
            await wait_until(lambda: ("/micstream/state/muted", [1]) in other.got, 3)
        await wait_until(lambda: remote.got["/micstream/state/muted"] == [1], 1)


async def test_a_port_that_is_taken_is_refused_in_words() -> None:
    ours = Desk()
    async with serving_osc(ours.controls, ours.bus, ours.taps, host=LOOPBACK, port=0) as port:
        with pytest.raises(Exception, match=f"--osc {port}: the port cannot be had"):
            async with serving_osc(ours.controls, ours.bus, ours.taps, host=LOOPBACK, port=port):
                raise AssertionError


async def test_a_fault_of_ours_is_told_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    def told(ours: Desk, times: int) -> bool:
        return ours.bus.state.warnings == times

    async with desk() as (ours, remote):
        monkeypatch.setattr(ours.controls, "do", breaks)
        remote.send("/micstream/mute", 1)
        await wait_until(lambda: told(ours, 1), 3)
        monkeypatch.undo()
        remote.send("/micstream/subscribe", 60)
        await wait_until(lambda: remote.got.get("/micstream/state/muted") == [0], 3)
        monkeypatch.setattr("micstream.show.osc.feedback", breaks)
        ours.controls.mute("on", by="test")
        await wait_until(lambda: told(ours, 2), 3)
        assert ours.bus.state.warning is not None
        assert ours.bus.state.warning.code == "osc_failed"
