"""HTTP to servers that may be anybody's: what is read is bounded, what is odd is an error.

Behind an address there may be a captive portal, a proxy's page, another kind of server, or one that
never ends. `odd` is all that a client of theirs raises for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp

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
            self._body = await read_bounded(self, LONGEST_ANSWER)
        return self._body


async def read_bounded(answer: aiohttp.ClientResponse, longest: int) -> bytes:
    """The body of an answer of no more than `longest` bytes.

    Raises:
        OddAnswer: it is longer.
        aiohttp.ClientError: it breaks off.
    """
    said = bytearray()
    async for piece in answer.content.iter_any():
        said += piece
        if len(said) > longest:
            answer.close()
            raise OddAnswer(f"its answer is longer than {longest} bytes")
    return bytes(said)


def session(
    timeout: aiohttp.ClientTimeout,
    judge: Callable[[aiohttp.ClientResponse], Awaitable[None]] | bool = False,
) -> aiohttp.ClientSession:
    """Session whose answers are bounded; each is shown to `judge`, which raises for odd ones."""
    more: dict[str, Any] = {"response_class": BoundedAnswer}
    return aiohttp.ClientSession(timeout=timeout, raise_for_status=judge, **more)
