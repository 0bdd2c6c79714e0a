"""HTTP to servers that may be anybody's: what is read is bounded, what is odd is an error.

Behind an address there may be a captive portal, a proxy's page, another kind of server, or one that
never ends. `odd` is all that a client of theirs raises for it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from micstream.room.proxy import way_to

LONGEST_ANSWER: Final = 4 << 20
"""Bytes; a room of a thousand participants is a quarter of that."""

ODD: Final = (aiohttp.ClientError, OSError, TimeoutError, ValueError, TypeError, AttributeError)
"""What comes of an address that does not answer, or of an answer that is none."""


class OddAnswer(aiohttp.ClientError):
    """An answer that none of the servers meant would give; says so in words."""


class BoundedAnswer(aiohttp.ClientResponse):
    """Answer that is read up to `LONGEST_ANSWER`."""

    async def read(self) -> bytes:
        """The body.

        Raises:
            OddAnswer: it is longer.
        """
        if self._body is None:
            body = await read_up_to(self, LONGEST_ANSWER + 1)
            if len(body) > LONGEST_ANSWER:
                self.close()
                raise OddAnswer("what answers there never comes to an end")
            self._body = body
        return self._body


async def read_up_to(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The body of an answer, or its first `most` bytes.

    Raises:
        aiohttp.ClientError: it breaks off.
    """
    said = bytearray()
    async for piece in answer.content.iter_any():
        said += piece
        if len(said) >= most:
            break
    return bytes(said[:most])


def session(
    url: str,
    timeout: aiohttp.ClientTimeout,
    judge: Callable[[aiohttp.ClientResponse], Awaitable[None]] | bool = False,
) -> aiohttp.ClientSession:
    """Session for one server: by its proxy, and with bounded answers.

    Each answer is shown to `judge`, which raises for odd ones.

    Raises:
        UsageError: the proxy that the environment names is of no use.
    """
    return aiohttp.ClientSession(
        timeout=timeout,
        proxy=way_to(url).proxy,
        response_class=BoundedAnswer,
        raise_for_status=judge,
    )


def why(error: Exception, url: str) -> str:
    """What an error of `ODD` comes to, in words; `url`: where the answer was to come from."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its certificate is not to be trusted, or it speaks no TLS"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy {way_to(url).shown} does not answer"
        case aiohttp.ClientHttpProxyError(status=status):
            return refused_by_proxy(way_to(url).shown, status)
        case aiohttp.ClientConnectorError() if (error.os_error.errno or 0) > 0:
            return os.strerror(error.os_error.errno or 0).lower()
        case aiohttp.ClientConnectorError() | socket.gaierror() | UnicodeError():
            return "there is no such name"
        case TimeoutError():
            return "no answer"
        case OddAnswer():
            return str(error)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | OSError():
            return "it hung up"
        case aiohttp.InvalidURL():
            return "this is no address of a server"
        case _:
            return "what answers there is another kind of server"


def refused_by_proxy(proxy: str, status: int) -> str:
    """What a proxy means by this status."""
    what = "wants a user and a password" if status == 407 else "refuses"
    return f"the proxy {proxy} {what} ({status})"
