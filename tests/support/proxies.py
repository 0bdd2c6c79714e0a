"""An HTTP proxy of one's own: every name leads to this machine, and it notes who asks for what."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """At `address`; `asked`: the first line of each request."""

    address: str = ""
    asked: list[str] = field(default_factory=list)
    refuses: int | None = None


@asynccontextmanager
async def http_proxy() -> AsyncIterator[Proxy]:
    """On a free port of loopback; CONNECT, and plain requests in absolute form."""
    noted, open_ = Proxy(), set[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await _relay(noted, reader, writer)
        writer.close()
        open_.discard(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    noted.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield noted
    finally:
        server.close()
        for writer in tuple(open_):
            writer.transport.abort()
        while open_:  # noqa: ASYNC110 - each ends by itself now
            await asyncio.sleep(0)


async def _relay(noted: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    method, target, version = line.decode().split()
    noted.asked.append(f"{method} {target}")
    if noted.refuses is not None:
        writer.write(f"HTTP/1.1 {noted.refuses} No\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        return
    connects = method == "CONNECT"
    parts = urlsplit(f"//{target}" if connects else target)
    there, back = await asyncio.open_connection("127.0.0.1", parts.port)
    if connects:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        path = parts._replace(scheme="", netloc="").geturl() or "/"
        back.write(f"{method} {path} {version}\r\n".encode() + rest)
    async with asyncio.TaskGroup() as both:
        both.create_task(_pump(reader, back))
        both.create_task(_pump(there, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    sink.close()
