"""A running program is read as it comes: nothing is lost, nothing waited for that cannot come."""

from __future__ import annotations

import json
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.output import Output
from chaos.sender import sender

EVENT = json.dumps({"event": "ready", "t": 1.0})
LINES = st.lists(st.sampled_from([EVENT, "a line", "", '{"event": "bye", "t": 2.0}', "über"]))


@given(lines=LINES, sizes=st.lists(st.integers(1, 9), min_size=1))
def test_however_it_is_divided_the_same_is_read(lines: list[str], sizes: list[int]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    output, at, turn = Output(), 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        output.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert [told.name for told in output.told] == [
        json.loads(line)["event"] for line in lines if line.startswith("{")
    ]
    assert output.said == [line for line in lines if line and not line.startswith("{")]


PLAYS = """
import sys, time
print('{"event": "ready", "t": 1.0, "id": "u1"}', flush=True)
print('{"event": "ready", "t": 1.0, "id": "u2"}\\nsaid', flush=True)
sys.stdin.read()
print('{"event": "late", ', end="", flush=True)
time.sleep(0.05)
print('"t": 2.0}\\nthe last line', flush=True)
sys.exit(3)
"""
WAITS = """
import time
print('{"event": "ready", "t": 1.0}', flush=True)
time.sleep(60)
"""


async def test_what_it_tells_is_waited_for_and_its_end() -> None:
    async with sender(environment=os.environ, patch=PLAYS) as (ours, terminal):
        assert terminal is None
        second = await ours.until("ready", where=lambda told: told["id"] == "u2")
        assert second["t"] == 1.0
        assert (await ours.until("late")).name == "late"
        assert await ours.ended(10) == 3
        assert ours.said == ["said", "the last line"]
        assert not ours.alive
        with pytest.raises(AssertionError, match="it ended with 3 before never"):
            await ours.until("never")
    assert "the last line" in ours.story()


async def test_what_never_comes_is_given_up_and_what_runs_is_ended() -> None:
    async with sender(environment=os.environ, patch=WAITS) as (ours, _):
        await ours.until("ready")
        with pytest.raises(AssertionError, match=r"no late within 0\.05 s"):
            await ours.until("late", timeout=0.05)
        with pytest.raises(AssertionError, match=r"it has not ended within 0\.05 s"):
            await ours.ended(0.05)
        ours.send(signal.SIGSTOP)
    assert not ours.alive


async def test_in_a_terminal_it_is_read_as_well_and_hung_up() -> None:
    async with sender(environment=os.environ, patch=WAITS, in_terminal=True) as (ours, terminal):
        await ours.until("ready")
        assert terminal is not None
        terminal.close()
        assert await ours.ended(10) == -signal.SIGHUP
