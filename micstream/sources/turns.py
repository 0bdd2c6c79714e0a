"""Turns: sources one after the other, and a live one that is held while another is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from micstream.errors import UsageError


class Holdable(Protocol):
    """Live source that can give way for a while: a microphone's sound path."""

    def hold(self) -> object:
        """Let nothing through from now on; it goes on capturing."""
        ...

    def release(self) -> object:
        """Be heard again."""
        ...


class Turns:
    """Whose turn it is: one source with an end at a time, in the order in which they came.

    A live source has no turn. It is heard whenever nobody else is, and is held meanwhile: from
    before the first of those that take a turn until no one has or awaits one.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._takers = 0
        self._live: Holdable | None = None

    @property
    def is_live(self) -> bool:
        """A live source is listened to."""
        return self._live is not None

    @property
    def is_taken(self) -> bool:
        """Somebody has a turn or awaits one: a live source is held."""
        return self._takers > 0

    def refuse_while_live(self) -> None:
        """Refuse what would have to wait for a live source's end.

        Raises:
            UsageError: a live source is listened to.
        """
        if self._live is not None:
            raise UsageError(
                "the microphone is listened to already, and that has no end",
                hint="end listen() first, or have another Sender for another source",
                code="busy",
            )

    @asynccontextmanager
    async def live(self, source: Holdable) -> AsyncIterator[None]:
        """Be heard whenever nobody has a turn; one live source at a time.

        Raises:
            UsageError: another one is listened to.
        """
        self.refuse_while_live()
        self._live = source
        if self._takers:
            source.hold()
        try:
            yield
        finally:
            self._live = None

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Take a turn, after those who came before; the live source is held meanwhile."""
        self._takers += 1
        if self._takers == 1 and self._live is not None:
            self._live.hold()
        try:
            async with self._turn:
                yield
        finally:
            self._takers -= 1
            if not self._takers and self._live is not None:
                self._live.release()
