"""The show's control: from a press to its effect, by each way in, while somebody speaks.

A stage of its own, as for `bench.latency`. Presses are `mute on` and `mute off` in turn: from the
press (for ctl: from the command's start, with all of its program) to the second that the event
`gate` carries. At the sound: from an interrupt over the socket, while the avatar speaks, to the
last sound that a viewer's program gets.

With and without: the sender's CPU, at rest and while somebody speaks, and its delay: without the
control; with the control server, OSC and two clients that take levels; and with the live view in a
terminal, the control server and two operators' pages in a Chromium. The browser's own CPU is not
counted, but it is on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import pty
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import numpy as np
import psutil
from pythonosc.udp_client import SimpleUDPClient

from bench.latency import said_and_heard
from bench.report import Figures, dump, parser, show
from bench.senders import MICSTREAM, OURS, ROOM, Stage, stage, tell
from bench.spoken import sentences
from testbed.browser import browser
from testbed.waiting import wait_until

_IN_TERMINAL: Final = (sys.executable, "-m", "bench.in_terminal")
PRESSES, QUICK_PRESSES = 50, 6
INTERRUPTS, QUICK_INTERRUPTS = 12, 2
UTTERANCES, QUICK_UTTERANCES = 20, 3
REST_S, QUICK_REST_S = 30.0, 4.0
_BETWEEN_S: Final = 0.3
_EFFECT_S: Final = 10.0
Press = Callable[[str], Awaitable[None]]


class Extent(Enum):
    """How much of the control there is."""

    NONE = "none"
    SOCKETS = "server, OSC, two sockets"
    PAGES = "server, view, two pages"


@dataclass
class Client:
    """A socket that takes what a page takes."""

    socket: aiohttp.ClientWebSocketResponse
    levels: int = 0
    state_bytes: int = 0

    async def take(self) -> None:
        """Count what comes, until it is closed."""
        await self.socket.send_json({"subscribe": ["levels"]})
        async for message in self.socket:
            said = json.loads(message.data)
            self.levels += "levels" in said
            if "state" in said:
                self.state_bytes = max(self.state_bytes, len(message.data.encode()))


@dataclass(frozen=True)
class Desk:
    """Every way in to the sender on the stage."""

    ways: Mapping[str, Press]
    clients: list[Client]


@asynccontextmanager
async def desk(on: Stage, osc: int, keyboard: int) -> AsyncIterator[Desk]:
    """Two clients that take levels, and a press by each way."""
    opened = urlsplit((await on.sender.until("control_open"))["link"])
    address, key = f"http://127.0.0.1:{opened.port}", opened.path.strip("/").split("/")[0]
    sender = SimpleUDPClient("127.0.0.1", osc)
    async with contextlib.AsyncExitStack() as stack:
        headers = {"Authorization": f"Bearer {key}"}
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        clients = []
        for _ in range(2):
            ws = await stack.enter_async_context(http.ws_connect(f"{address}/api/socket"))
            clients.append(Client(ws))
            taking = asyncio.create_task(clients[-1].take())
            stack.callback(taking.cancel)

        async def by_http(argument: str) -> None:
            async with http.post(f"{address}/api/mute/{argument}") as reply:
                assert reply.status == 200, await reply.text()

        async def by_socket(argument: str) -> None:
            await clients[0].socket.send_json({"do": "mute", "argument": argument})

        async def by_osc(argument: str) -> None:
            sender.send_message("/micstream/mute", 1 if argument == "on" else 0)

        async def by_ctl(argument: str) -> None:
            command = (str(MICSTREAM), "ctl", "mute", argument, "--room", ROOM)
            child = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.DEVNULL
            )
            assert await child.wait() == 0

        async def by_key(_: str) -> None:
            os.write(keyboard, b"m")

        ways = {"key": by_key, "http": by_http, "socket": by_socket, "osc": by_osc, "ctl": by_ctl}
        yield Desk(ways, clients)


async def _press(on: Stage, press: Press, argument: str) -> float:
    """Milliseconds until the gate has followed."""
    before = len(on.sender.events("gate"))
    pressed = time.time()
    await press(argument)
    await wait_until(lambda: len(on.sender.events("gate")) > before, _EFFECT_S, "the gate")
    return 1000 * (float(on.sender.events("gate")[before]["t"]) - pressed)


async def _interrupt(on: Stage, client: Client) -> float | None:
    """Milliseconds until the avatar was heard for the last time; None: it said more by then."""
    began = time.time()
    await on.heard.until_loud(0.3, since=began)
    pressed = time.time()
    await client.socket.send_json({"do": "interrupt"})
    await asyncio.sleep(1.0)
    last = on.heard.last_loud_at(pressed)
    return 1000 * (last - pressed) if last is not None and last < pressed + 0.95 else None


async def measured(extent: Extent, given: Amounts) -> Figures:
    """One fresh stage, with so much of the control."""
    osc, port = _free_port(), str(_free_port())
    options = {
        Extent.NONE: (),
        Extent.SOCKETS: ("--control", "--control-port", port, "--osc", str(osc)),
        Extent.PAGES: ("--control", "--control-port", port),
    }
    words: tuple[str, ...] = (*OURS.command, *options[extent])
    if extent is Extent.PAGES:
        words = (*_IN_TERMINAL, *(word for word in words if word != "--json"))
    track, script = sentences(given.utterances)
    async with contextlib.AsyncExitStack() as stack:
        keyboard, terminal = pty.openpty()
        stack.callback(os.close, keyboard)
        stack.callback(os.close, terminal)
        sender = replace(OURS, command=words)
        on = await stack.enter_async_context(stage(sender, stdin=terminal))
        at, pid = None, on.sender.pid
        if extent is Extent.SOCKETS:
            at = await stack.enter_async_context(desk(on, osc, keyboard))
        elif extent is Extent.PAGES:
            (told,) = on.sender.events("in_terminal")
            pid = told["pid"]
            await stack.enter_async_context(_pages(told["page"]))
        levels_before, since = at.clients[0].levels if at else 0, time.monotonic()
        with _cpu(pid) as at_rest:
            await asyncio.sleep(given.rest_s)
        figures: Figures = {"cpu_percent": at_rest.percent}
        if at:
            levels = at.clients[0].levels - levels_before
            figures["levels_per_s"] = levels / (time.monotonic() - since)
        with _cpu(pid) as speaking:
            said = await said_and_heard(on, track)
        figures["cpu_speaking_percent"] = speaking.percent
        _, results = await asyncio.to_thread(said.measured, track, script)
        delays = [each.start_ms for each in results if each.start_ms is not None]
        figures["delay_median_ms"] = float(np.median(delays)) if delays else None
        if at:
            figures |= await _pressed(on, at, given)
        figures["avatar_alive"] = on.avatar.alive
    return figures


@asynccontextmanager
async def _pages(link: str) -> AsyncIterator[None]:
    """Two operators' pages in a Chromium, both with their line."""
    async with browser() as running:
        for _ in range(2):
            page = await running.new_page()
            await page.goto(link)
            await page.wait_for_selector("html[data-line=good]")
        yield


@dataclass
class _Cpu:
    """CPU that a process took meanwhile."""

    percent: float = 0.0


@contextlib.contextmanager
def _cpu(pid: int) -> Iterator[_Cpu]:
    program, took = psutil.Process(pid), _Cpu()
    before, since = sum(program.cpu_times()[:2]), time.monotonic()
    yield took
    took.percent = 100 * (sum(program.cpu_times()[:2]) - before) / (time.monotonic() - since)


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    presses: int
    interrupts: int
    utterances: int
    rest_s: float


async def _pressed(on: Stage, at: Desk, given: Amounts) -> Figures:
    """Presses and interrupts, with speech going on all the time."""
    track, _ = sentences(QUICK_UTTERANCES)

    async def speak() -> None:
        while True:
            await on.say(track)

    speaking = asyncio.create_task(speak())
    ways: dict[str, list[float]] = {name: [] for name in at.ways}
    try:
        for name, press in at.ways.items():
            tell(f"show: by {name}")
            for argument in itertools.islice(itertools.cycle(("on", "off")), 2 * given.presses):
                ways[name].append(await _press(on, press, argument))
                await asyncio.sleep(_BETWEEN_S)
        tell("show: interrupts")
        async with asyncio.timeout(30 + 20 * given.interrupts):
            silent = [await _interrupt(on, at.clients[0]) for _ in range(given.interrupts)]
    finally:
        speaking.cancel()
        await asyncio.wait([speaking])
    return {
        "ways": ways,
        "silent_ms": [each for each in silent if each is not None],
        "state_bytes": max(client.state_bytes for client in at.clients),
    }


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _print(figures: Figures) -> None:
    on = figures[Extent.SOCKETS.value]
    rows: list[tuple[Any, ...]] = [
        (f"by {name}", float(np.median(each)), float(np.percentile(each, 95)), len(each), 50.0)
        for name, each in on["ways"].items()
    ]
    if silent := on["silent_ms"]:
        middle, late = float(np.median(silent)), float(np.percentile(silent, 95))
        rows.append(("interrupt, at the avatar's sound", middle, late, len(silent), 350.0))
    show("Press to effect", ("", "median ms", "p95 ms", "presses", "to reach"), rows)
    costs = {
        "cpu_percent": "CPU at rest, % of a core",
        "cpu_speaking_percent": "CPU while speaking, % of a core",
        "delay_median_ms": "delay, median ms",
        "state_bytes": "state, bytes at most",
        "levels_per_s": "levels a second to a client",
    }
    show(
        "What the control costs",
        ("", *(extent.value for extent in Extent)),
        [
            (what, *(figures[extent.value].get(name) for extent in Extent))
            for name, what in costs.items()
        ],
        "ctl counts from the command's start",
    )


async def bench(given: Amounts) -> Figures:
    """Without the control, then with more and more of it."""
    figures: Figures = {}
    for extent in Extent:
        tell(f"show: control {extent.value}")
        figures[extent.value] = await measured(extent, given)
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser("bench.show", __doc__).parse_args(arguments)
    much = Amounts(PRESSES, INTERRUPTS, UTTERANCES, REST_S)
    little = Amounts(QUICK_PRESSES, QUICK_INTERRUPTS, QUICK_UTTERANCES, QUICK_REST_S)
    figures = asyncio.run(bench(little if given.quick else much))
    if given.json:
        dump("show", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
