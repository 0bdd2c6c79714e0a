"""Whoever reads what it prints: stalled, or stopped by Ctrl-S. The sound waits for none."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable

from chaos.faults.ending import next_is_heard
from chaos.row import Row, Times
from chaos.stage import Stage

_STALL_S = 15.0
_SPOKEN = 0.4
"""Of that time, at least, somebody speaks."""
_END_S = 4.0
"""Leaving, and a second for whoever may yet read the last events."""
_CTRL_S, _CTRL_Q, _CTRL_C = b"\x13", b"\x11", b"\x03"
Step = Callable[[Stage], None]


async def _open(stage: Stage, *, in_terminal: bool) -> None:
    await stage.server.start()
    await asyncio.gather(stage.plug_in(), stage.watch(), stage.call_avatar())
    await stage.start(in_terminal=in_terminal)
    await stage.under_way()
    await stage.mid_utterance()


async def _stalls(stage: Stage, stall: Step, go_on: Step, *, in_terminal: bool) -> Times:
    await _open(stage, in_terminal=in_terminal)
    before = len(stage.sender.told)
    fault = time.time()
    stall(stage)
    await asyncio.sleep(_STALL_S)
    assert stage.sender.alive, "it ended"
    assert len(stage.sender.told) <= before + 2, "its reader did not stall"
    loud = stage.sound.loud_s(since=fault)
    assert loud >= _SPOKEN * _STALL_S, f"in {_STALL_S:g} s the viewer heard {loud:.1f} s"
    go_on(stage)
    whole = time.time()
    await stage.sender.until("utterance_started", since=whole)
    await asyncio.sleep(1)  # all that was told meanwhile is read by then
    ids = [told["id"] for told in stage.sender.named("utterance_started")]
    told = {warning["code"] for warning in stage.sender.named("warning", since=fault)}
    counted = [f"u{number}" for number in range(1, len(ids) + 1)]
    assert ids == counted or "events_lost" in told, f"neither told nor counted: {ids}"
    return Times(recovered=await stage.sounds_again(time.time()))


async def _ends(stage: Stage, stall: Step, end: Step, *, in_terminal: bool) -> Times:
    await _open(stage, in_terminal=in_terminal)
    stall(stage)
    await asyncio.sleep(3)
    fault = time.time()
    end(stage)
    code = await stage.sender.ended(15)
    took = time.time() - fault
    assert code == 0, f"it ended with {code}"
    await next_is_heard(stage)
    return Times(recovered=took)


def _stall(stage: Stage) -> None:
    stage.sender.stall()


def _read_on(stage: Stage) -> None:
    stage.sender.read_on()


def _typed(keys: bytes) -> Step:
    return lambda stage: stage.terminal.type(keys)


def _terminate(stage: Stage) -> None:
    stage.sender.send(signal.SIGTERM)


ROWS = (
    Row(
        name="reader-stalls",
        provokes=f"whoever reads --json reads nothing for {_STALL_S:g} s",
        must="heard all the time; afterwards all events come, or are counted",
        provoke=lambda stage: _stalls(stage, _stall, _read_on, in_terminal=False),
    ),
    Row(
        name="ctrl-s",
        provokes=f"Ctrl-S in its terminal, and Ctrl-Q after {_STALL_S:g} s",
        must="heard all the time; afterwards all events come, or are counted",
        provoke=lambda s: _stalls(s, _typed(_CTRL_S), _typed(_CTRL_Q), in_terminal=True),
    ),
    Row(
        name="sigterm-stalled",
        provokes="SIGTERM while nobody reads --json",
        must="ended in order and in time; the avatar speaks for the next sender",
        provoke=lambda stage: _ends(stage, _stall, _terminate, in_terminal=False),
        recover_s=_END_S,
    ),
    Row(
        name="ctrl-c-stopped",
        provokes="Ctrl-C in a terminal that Ctrl-S has stopped",
        must="ended in order and in time; the avatar speaks for the next sender",
        provoke=lambda s: _ends(s, _typed(_CTRL_S), _typed(_CTRL_C), in_terminal=True),
        recover_s=_END_S,
    ),
)
