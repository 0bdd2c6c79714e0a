"""Serving: an application at a port of this machine, and why it cannot be had."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from micstream.errors import MicstreamError, UsageError

LOOPBACK: Final = "127.0.0.1"
_NO_PORT: Final = (errno.EADDRINUSE, errno.EACCES)


@asynccontextmanager
async def serving(
    app: web.Application,
    *,
    host: str,
    port: int | None,
    usual: int,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve an application at `host`: the port. None takes the usual one, or any that is free.

    `tls`: on https.

    Raises:
        MicstreamError: the port cannot be had (code "port_in_use").
        UsageError: the host is none of this machine's addresses.
    """
    # No log of requests: their paths hold the key.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        yield await _listen(runner, host, [usual, 0] if port is None else [port], tls)
    finally:
        await runner.cleanup()


async def _listen(
    runner: web.AppRunner, host: str, tried: list[int], tls: ssl.SSLContext | None
) -> int:
    for number, each in enumerate(tried):
        try:
            await web.TCPSite(runner, host, each, ssl_context=tls).start()
            break
        except OSError as error:
            if error.errno in _NO_PORT and number + 1 < len(tried):
                continue
            raise _no_site(error, host, each) from None
    taken: int = runner.addresses[0][1]
    return taken


def _no_site(error: OSError, host: str, port: int) -> MicstreamError:
    if error.errno in _NO_PORT:
        taken = error.errno == errno.EADDRINUSE
        return MicstreamError(
            f"port {port} {'is in use' if taken else 'may not be used by this user'}",
            hint="give another by --port, or none: then one is found",
            code="port_in_use" if taken else "port_refused",
        )
    known = not isinstance(error, socket.gaierror)
    return UsageError(
        f"--host: {host!r} is {'not of this machine' if known else 'no name that is known'}",
        hint="give one of this machine's own addresses, or --lan for all of them",
        code="bad_host",
    )
