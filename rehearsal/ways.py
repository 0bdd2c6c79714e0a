"""Ways in, as the crew has them: HTTP, the page's socket, micstream ctl, OSC, a key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import aiohttp
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from chaos.terminal import Terminal
from micstream.demo import process
from micstream.viewer.changes import Changes
from rehearsal.accounts import Lit, Told
from rehearsal.script import KEYS, Act

_ANSWER_S: Final = 10.0
_KEEPALIVE_S: Final = 0.3
_LEVELS_S: Final = 1.0
_SUBSCRIBED_S: Final = 5.0


class Page:
    """What the operator's page does, over its socket: acts, is told, holds to talk."""

    def __init__(self, link: str) -> None:
        self._link = link.rstrip("/")
        self.state: Told = {}
        """The last one."""
        self.lit: list[Lit] = []
        """Each cue at the moment at which it was first shown as heard."""
        self.levels_a_second = 0
        """The most that came within any second."""
        self.changes = Changes()
        self._levels: deque[float] = deque()
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._holding: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Told]] = {}
        self._count = 0

    async def open(self) -> None:
        """Connect, and ask for levels."""
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(f"{self._link}/socket", heartbeat=2.0)
        self._tasks = [asyncio.create_task(self._listen(self._socket))]
        await self._socket.send_json({"subscribe": ["levels"]})

    async def do(self, verb: str, argument: str | int | None) -> str:
        """Do a verb: why it was refused, or nothing. `talk` is held until it is released."""
        if verb == "talk":
            self._hold(argument == "on")
        return await self._ask(verb, argument)

    async def aclose(self, *, abruptly: bool = False) -> None:
        """Be gone; `abruptly`: without a word, as a page whose machine was switched off."""
        self._hold(False)
        for task in self._tasks:
            task.cancel()
        if abruptly and self._socket is not None:
            # As the system does it for a program that was killed: no good-bye comes before.
            self._socket.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        if self._session is not None:
            await self._session.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, verb: str, argument: str | int | None) -> str:
        assert self._socket is not None
        self._count += 1
        number = self._count
        answered = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"do": verb, "argument": argument, "id": number})
        async with asyncio.timeout(_ANSWER_S):
            answer = await answered
        return "" if answer["ok"] else str(answer["message"])

    def _hold(self, held: bool) -> None:
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        if held:
            self._holding = asyncio.create_task(self._keep_holding())

    async def _keep_holding(self) -> None:
        assert self._socket is not None
        while True:
            await asyncio.sleep(_KEEPALIVE_S)
            with contextlib.suppress(ConnectionError):
                await self._socket.send_json({"do": "talk", "argument": "on"})

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            told = json.loads(message.data)
            if "answer" in told and (waiting := self._answers.pop(told["answer"], None)):
                waiting.set_result(told)
            elif "levels" in told:
                self._count_levels()
            elif "state" in told and "event" not in told:
                self._take(told["state"])

    def _take(self, state: Told) -> None:
        before, cue = self.state.get("cue"), state["cue"]
        lit_before = before and before["heard"] and cue and before["since"] == cue["since"]
        if cue and cue["heard"] and not lit_before:
            self.lit.append(Lit(cue["name"], time.time()))
        self.state = state
        self.changes.tell()

    def _count_levels(self) -> None:
        now = time.monotonic()
        self._levels.append(now)
        while self._levels[0] < now - _LEVELS_S:
            self._levels.popleft()
        self.levels_a_second = max(self.levels_a_second, len(self._levels))


class Remote(asyncio.DatagramProtocol):
    """What an OSC surface does: sends messages, is subscribed, keeps the last number of each."""

    def __init__(self) -> None:
        self.shown: dict[str, float] = {}
        self.replies: list[str] = []
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _: object) -> None:
        """Keep what is told."""
        message = OscMessage(data)
        values = list(message.params)
        if message.address == "/micstream/reply":
            self.replies.append(" ".join(map(str, values)))
        elif len(values) == 1:
            self.shown[message.address] = float(values[0])

    def error_received(self, exc: Exception) -> None:
        """Nobody is there yet."""

    def send(self, where: str, *values: str | int | float) -> None:
        """Send a message."""
        builder = OscMessageBuilder(where)
        for value in values:
            builder.add_arg(value)
        assert self._transport is not None
        self._transport.sendto(builder.build().dgram)

    def do(self, verb: str, argument: str | int | None) -> None:
        """Press what stands for a verb: a switch by its number, a cue's button by its address."""
        where = f"/micstream/{verb}"
        match verb, argument:
            case _, "on" | "off":
                self.send(where, int(argument == "on"))
            case "cue", str():
                self.send(f"{where}/{argument}", 1)
                self.send(f"{where}/{argument}", 0)
            case _, None:
                self.send(where, 1)
                self.send(where, 0)
            case _:
                assert argument is not None
                self.send(where, argument)


@asynccontextmanager
async def remote(port: int) -> AsyncIterator[Remote]:
    """A surface that speaks to this port, and has subscribed: again and again, as surfaces do."""
    surface = Remote()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: surface, remote_addr=("127.0.0.1", port)
    )

    async def subscribe() -> None:
        while True:
            surface.send("/micstream/subscribe", 10)
            await asyncio.sleep(_SUBSCRIBED_S)

    subscribing = asyncio.create_task(subscribe())
    try:
        yield surface
    finally:
        subscribing.cancel()
        await asyncio.wait([subscribing])
        transport.close()


class Ways:
    """All ways into one show."""

    def __init__(
        self,
        link: str,
        surface: Remote,
        terminal: Terminal,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        parts = urlsplit(link)
        self._base = f"http://{parts.netloc}"
        self._headers = {"Authorization": f"Bearer {parts.path.strip('/')}"}
        self._link, self._log = link, log
        self._environment = environment
        self._surface, self._terminal = surface, terminal
        self.page = Page(link)
        self.gone: list[Page] = []
        """Pages that are gone."""

    async def act(self, act: Act) -> str:
        """Do it: why it was refused, or nothing."""
        match act.way:
            case "http":
                return await self._http(act)
            case "page":
                return await self.page.do(act.verb, act.argument)
            case "ctl":
                return await self._ctl(act)
            case "osc":
                self._surface.do(act.verb, act.argument)
            case "key":
                self._terminal.type(KEYS[act.verb].encode())
        return ""

    async def state(self) -> Told:
        """The state, as a program asks for it."""
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.get(f"{self._base}/api/state") as reply,
        ):
            state: Told = (await reply.json())["state"]
            return state

    async def lose_page(self) -> None:
        """The page is gone without a word."""
        self.gone.append(self.page)
        await self.page.aclose(abruptly=True)

    async def another_page(self) -> None:
        """Another one, in its place."""
        self.page = Page(self._link)
        await self.page.open()

    @property
    def lit(self) -> list[Lit]:
        """What all pages have shown as heard."""
        return [lit for page in (*self.gone, self.page) for lit in page.lit]

    async def _http(self, act: Act) -> str:
        body: Any = {} if act.argument is None else {"argument": act.argument}
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.post(f"{self._base}/api/{act.verb}", json=body) as reply,
        ):
            answer = await reply.json()
        return "" if answer["ok"] else str(answer["message"])

    async def _ctl(self, act: Act) -> str:
        words = [act.verb, *([str(act.argument)] if act.argument is not None else [])]
        running: subprocess.Popen[bytes] = process.start(
            [sys.executable, "-m", "micstream", "ctl", *words],
            environment=self._environment,
            log=self._log,
        )
        try:
            async with asyncio.timeout(3 * _ANSWER_S):
                code = await process.ended(running)
        finally:
            await process.end(running)
        return "" if code == 0 else f"exit code {code}: {process.tail(self._log)}"
