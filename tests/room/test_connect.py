"""Joining, where the server takes its time or we lose patience."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from livekit import api

from micstream import ConnectionFailed
from micstream.demo.server import LocalServer
from micstream.link import connection
from micstream.room import joining
from testbed.program import environment, program
from testbed.speech import HELLO
from testbed.waiting import stays, wait_until
from tests.conftest import SENDER
from tests.support.senders import voice

pytestmark = [pytest.mark.room, pytest.mark.slow]


def signalled(server: LocalServer, number: signal.Signals) -> None:
    assert server._process is not None
    os.kill(server._process.pid, number)


@pytest.fixture
async def frozen(server_binary: Path, tmp_path: Path) -> AsyncIterator[LocalServer]:
    """A server that takes connections and answers nothing, until it is woken."""
    own = LocalServer(server_binary, tmp_path / "server.log")
    await own.start()
    signalled(own, signal.SIGSTOP)
    try:
        yield own
    finally:
        signalled(own, signal.SIGCONT)
        await own.stop()


async def test_one_that_nobody_waits_for_any_more_leaves_again(
    frozen: LocalServer, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK goes on joining: it must neither stay under our name nor end the program."""
    monkeypatch.setattr(connection, "CONNECT_S", 0.5)
    with pytest.raises(ConnectionFailed, match="does not answer"):
        async with voice(frozen, room_name, ready=False):
            pass
    assert joining._leaving
    signalled(frozen, signal.SIGCONT)
    monkeypatch.undo()
    async with voice(frozen, room_name, ready=False) as ours:
        # Fifteen seconds later the SDK would end a program that has left a room unattended: it was
        # waited for, and left. What follows from that is in test_room_shell.py, in virtual time.
        assert not joining._leaving
        await stays(lambda: not ours.named("connection")[2:], 2, "nobody puts us out")
        async with api.LiveKitAPI(frozen.url, frozen.api_key, frozen.api_secret) as client:
            asked = api.ListParticipantsRequest(room=room_name)
            there = (await client.room.list_participants(asked)).participants
        assert [each.identity for each in there] == [SENDER]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_whoever_ends_it_meanwhile_does_not_wait(
    frozen: LocalServer, tmp_path: Path, number: signal.Signals
) -> None:
    command = ("play", HELLO, "--json")
    async with program(tmp_path, *command, env=environment(frozen)) as ours:
        await ours.until("connection")
        await asyncio.sleep(0.2)
        ours.send(number)
        assert await ours.ended(10) == 0
        assert ours.events[-1]["event"] == "bye"
        assert ours.stderr == ""


async def test_a_microphone_that_is_not_there_is_told_meanwhile(
    frozen: LocalServer, tmp_path: Path
) -> None:
    command = ("live", "--device", "no such device", "--json")
    async with program(tmp_path, *command, env=environment(frozen)) as ours:
        await wait_until(lambda: ours.named("error"), 30, "it")
        assert await ours.ended(10) == 4
