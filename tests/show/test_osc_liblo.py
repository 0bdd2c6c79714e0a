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
from micstream.show.osc import serving_osc
from micstream.speech.cutter import Gate
from micstream.web.serving import LOOPBACK
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
    await asyncio.to_thread(subprocess.run, words, check=True, timeout=10, capture_output=True)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def dump(folder: Path) -> AsyncIterator[tuple[Path, int]]:
    """`oscdump`: what it prints, and the port at which it listens."""
    printed, port = folder / "oscdump", free_port()
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
        await wait_until(lambda: shown(printed).get(backlog) == ("f", 0), 3)

        await send(port, "/micstream/mute", "i", 1)
        await wait_until(lambda: ours.controls.muted, 3)
        await wait_until(lambda: shown(printed)["/micstream/state/muted"] == ("i", 1), 3)
        await send(port, "/micstream/mute", "F")
        await wait_until(lambda: not ours.controls.muted, 3)
        await send(port, "/micstream/mute", "T")
        await wait_until(lambda: ours.controls.muted, 3)
        await send(port, "/micstream/auto")
        await wait_until(lambda: ours.controls.gate is Gate.DETECTOR, 3)

        await send(port, "/micstream/route", "f", 2)
        await wait_until(lambda: shown(printed)["/micstream/state/route"] == ("i", 2), 3)
        await send(port, "/micstream/mark", "s", "act two")
        await wait_until(lambda: ours.bus.state.marks == 1, 3)
        assert ours.bus.state.mark is not None
        assert ours.bus.state.mark.text == "act two"
        ours.bus.emit(events.CueStarted(cue="applause", number=1, duration_s=2.0))
        await wait_until(lambda: shown(printed)["/micstream/state/cue"] == ("i", 1), 3)

        await send(port, "/micstream/explode", "i", 1)
        refused = '/micstream/reply sis "explode" 0 "no_such_verb"'
        await wait_until(lambda: refused in printed.read_text(), 3, printed.read_text)


async def test_push_to_talk_by_oscsend_is_let_go_by_another_call_of_it() -> None:
    """Each call sends from another port: whoever holds is known by its address alone."""
    ours = Desk()
    ours.controls.manual("off")
    async with serving_osc(ours.controls, ours.bus, ours.taps, host=LOOPBACK, port=0) as port:
        await send(port, "/micstream/talk", "i", 1)
        await wait_until(lambda: ours.controls.gate is Gate.OPEN, 3)
        await send(port, "/micstream/talk", "i", 0)
        await wait_until(lambda: ours.controls.gate is Gate.CLOSED, 3)
