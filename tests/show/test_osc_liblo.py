"""OSC as another implementation speaks it: liblo's oscsend and oscdump."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from micstream import events
from micstream.demo import process
from micstream.show import osc
from micstream.show.osc import serving_osc
from micstream.speech.cutter import Gate
from micstream.web.serving import LOOPBACK
from testbed.ports import own_port
from testbed.waiting import wait_until
from tests.support.desk import Desk

PROGRAMS = ("oscsend", "oscdump")


@pytest.fixture(autouse=True)
def liblo() -> None:
    for program in PROGRAMS:
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: install the package liblo-tools")


async def send(port: int, where: str, types: str = "", *values: object) -> None:
    """`oscsend`, as one types it."""
    words = ["oscsend", LOOPBACK, str(port), where, *([types] if types else []), *map(str, values)]
    await asyncio.to_thread(subprocess.run, words, check=True, timeout=60, capture_output=True)


@asynccontextmanager
async def dump(folder: Path) -> AsyncIterator[tuple[Path, int]]:
    """`oscdump`: what it prints, and the port at which it listens."""
    printed, port = folder / "oscdump", own_port(socket.SOCK_DGRAM)
    running = process.start(
        ["oscdump", "-L", str(port)], environment={"PATH": "/usr/bin:/bin"}, log=printed
    )
    try:
        yield printed, port
    finally:
        await process.end(running)


def shown(printed: Path) -> dict[str, tuple[str, float]]:
    """The type and the number last told at each address."""
    lines = re.findall(r"^\S+ (/\S+) ([if]) (\S+)\s*$", printed.read_text(), re.MULTILINE)
    return {where: (kind, float(value)) for where, kind, value in lines}


async def test_oscsend_presses_and_oscdump_shows(tmp_path: Path) -> None:
    ours = Desk()
    async with (
        serving_osc(ours.controls, ours.bus, ours.taps, host=LOOPBACK, port=0) as port,
        dump(tmp_path) as (printed, back),
    ):

        async def subscribed() -> bool:
            await send(port, "/micstream/subscribe", "ii", 60, back)
            return "/micstream/state/muted" in shown(printed)

        for _ in range(50):  # until it listens
            if await subscribed():
                break
            await asyncio.sleep(0.1)
        assert shown(printed)["/micstream/state/muted"] == ("i", 0)
        backlog = "/micstream/state/backlog"
        await wait_until(lambda: shown(printed).get(backlog) == ("f", 0), 15)

        await send(port, "/micstream/mute", "i", 1)
        await wait_until(lambda: ours.controls.muted, 15)
        await wait_until(lambda: shown(printed).get("/micstream/state/muted") == ("i", 1), 15)
        await send(port, "/micstream/mute", "F")
        await wait_until(lambda: not ours.controls.muted, 15)
        await send(port, "/micstream/mute", "T")
        await wait_until(lambda: ours.controls.muted, 15)
        await send(port, "/micstream/auto")
        await wait_until(lambda: ours.controls.gate is Gate.DETECTOR, 15)

        await send(port, "/micstream/route", "f", 2)
        await wait_until(lambda: shown(printed).get("/micstream/state/route") == ("i", 2), 15)
        await send(port, "/micstream/mark", "s", "act two")
        await wait_until(lambda: ours.bus.state.marks == 1, 15)
        assert ours.bus.state.mark is not None
        assert ours.bus.state.mark.text == "act two"
        ours.bus.emit(events.CueStarted(cue="applause", number=1, duration_s=2.0))
        await wait_until(lambda: shown(printed).get("/micstream/state/cue") == ("i", 1), 15)

        await send(port, "/micstream/explode", "i", 1)
        refused = '/micstream/reply sis "explode" 0 "no_such_verb"'
        await wait_until(lambda: refused in printed.read_text(), 15, printed.read_text)


async def test_push_to_talk_by_oscsend_is_let_go_by_another_call_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each call sends from another port: whoever holds is known by its address alone."""
    monkeypatch.setattr(osc, "HELD_S", 60.0)  # it does not end by itself
    ours = Desk()
    ours.controls.manual("off")
    async with serving_osc(ours.controls, ours.bus, ours.taps, host=LOOPBACK, port=0) as port:
        await send(port, "/micstream/talk", "i", 1)
        await wait_until(lambda: ours.controls.gate is Gate.OPEN, 15)
        await send(port, "/micstream/talk", "i", 0)
        await wait_until(lambda: ours.controls.gate is Gate.CLOSED, 15)
