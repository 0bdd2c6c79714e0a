"""A way to the server on which everything arrives later, and not equally late.

It listens inside a namespace on the server's own loopback address and ports, and speaks to the
server outside. Datagrams may overtake each other; what goes over TCP stays in order.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from chaos.namespace import Namespace, namespace

_LOOPBACK: Final = "127.0.0.1"
_SIZE: Final = 65_536
Address = tuple[str, int]


class Relay:
    """TCP and UDP between a namespace and this machine; what it does may be changed at any time."""

    def __init__(self, ports: tuple[int, int], prefix: Sequence[str] = ()) -> None:
        self.prefix = prefix
        """What a program's command begins with, so that it runs at the other end of it."""
        self.delay_s = 0.0
        """Each packet is late by this many seconds, in each direction."""
        self.jitter_s = 0.0
        """And by 0 to so many more."""
        self.loss = 0.0
        """So many datagrams of one are lost."""
        self._tcp_port, self._udp_port = ports
        self._chance = random.Random(1)
        self._sockets: list[socket.socket] = []
        self._upstream: dict[Address, socket.socket] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, inside: Namespace) -> None:
        """Begin."""
        listening, datagrams = inside.sockets(self._inside)
        self._sockets += [listening, datagrams]
        self._begin(self._accept(listening))
        asyncio.get_running_loop().add_reader(datagrams, self._up, datagrams)

    async def aclose(self) -> None:
        """End all of it."""
        loop = asyncio.get_running_loop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in (*self._sockets, *self._upstream.values()):
            loop.remove_reader(each)
            each.close()

    def _inside(self) -> list[socket.socket]:
        made = []
        for kind, port in (
            (socket.SOCK_STREAM, self._tcp_port),
            (socket.SOCK_DGRAM, self._udp_port),
        ):
            each = socket.socket(socket.AF_INET, kind)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((_LOOPBACK, port))
            each.setblocking(False)
            made.append(each)
        made[0].listen()
        return made

    # ---- UDP -----------------------------------------------------------------------------------

    def _up(self, datagrams: socket.socket) -> None:
        with suppress(BlockingIOError):
            data, sender = datagrams.recvfrom(_SIZE)
            if sender not in self._upstream:
                up = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                up.setblocking(False)
                up.connect((_LOOPBACK, self._udp_port))
                self._upstream[sender] = up
                asyncio.get_running_loop().add_reader(up, self._down, up, datagrams, sender)
            self._later(self._upstream[sender].send, data)

    def _down(self, up: socket.socket, datagrams: socket.socket, sender: Address) -> None:
        with suppress(BlockingIOError, ConnectionRefusedError):
            self._later(lambda data: datagrams.sendto(data, sender), up.recv(_SIZE))

    def _later(self, send: Callable[[bytes], int], data: bytes) -> None:
        def sent() -> None:
            with suppress(OSError):  # it may be closed by then
                send(data)

        if self._chance.random() >= self.loss:
            asyncio.get_running_loop().call_later(self._late_s(), sent)

    def _late_s(self) -> float:
        return self.delay_s + self._chance.uniform(0, self.jitter_s)

    # ---- TCP -----------------------------------------------------------------------------------

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            inside, _ = await loop.sock_accept(listening)
            outside = socket.socket()
            outside.setblocking(False)
            self._sockets += [inside, outside]
            try:
                await loop.sock_connect(outside, (_LOOPBACK, self._tcp_port))
            except OSError:
                inside.close()
                continue
            self._begin(self._pump(inside, outside))
            self._begin(self._pump(outside, inside))

    async def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await loop.sock_recv(source, _SIZE):
                await asyncio.sleep(self._late_s())
                await loop.sock_sendall(sink, data)
            sink.shutdown(socket.SHUT_WR)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@asynccontextmanager
async def relay(ports: tuple[int, int]) -> AsyncIterator[Relay]:
    """A Relay from a namespace of its own to the server on these ports, for the context."""
    async with namespace() as inside:
        await inside.line()  # unused, but the SDK does without a network that is loopback alone
        between = Relay(ports, inside.prefix)
        try:
            between.listen(inside)
            yield between
        finally:
            await between.aclose()
