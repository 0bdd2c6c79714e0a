"""What the avatars publish, heard by a viewer of our own beside the session, for the record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from micstream import record_notices as notices
from micstream.errors import MicstreamError
from micstream.events import Event
from micstream.record.store import Published
from micstream.room.redact import redact
from micstream.settings.pieces import ConnectionSettings
from micstream.tasks import task_group
from micstream.viewer.sound import SoundBlock
from micstream.viewer.viewer import viewing

_AGAIN_S: Final = 5.0
_LASTED_S: Final = 60.0
"""A loss after so long is news."""
_NAME: Final = "micstream-record"


class _Sink:
    """Hands every block of one avatar on."""

    def __init__(self, avatar: str, put: Callable[[Published], None]) -> None:
        self._avatar = avatar
        self._put = put

    def push(self, block: SoundBlock) -> None:
        """Take the next block."""
        self._put(Published(self._avatar, block.arrived, block.pcm))

    def end(self, error: Exception | None = None) -> None:
        """Learn that nothing comes any more: whoever views says so too."""


class AvatarSound:
    """Listens to every avatar that `hear` names, until `run` is cancelled."""

    def __init__(
        self,
        connection: ConnectionSettings,
        put: Callable[[Published], None],
        tell: Callable[[Event], None],
    ) -> None:
        self._connection = connection
        self._put = put
        self._tell = tell
        self._avatars: dict[str, None] = {}
        self._more = asyncio.Event()

    def hear(self, avatar: str) -> None:
        """Listen to this one too."""
        if avatar not in self._avatars:
            self._avatars[avatar] = None
            self._more.set()

    async def run(self) -> None:
        """View the room, and view it again where that fails; which is told once."""
        told = False
        while True:
            began = time.monotonic()
            try:
                await self._view()
            except Exception as error:  # of whatever kind: the show goes on
                if not told or time.monotonic() - began > _LASTED_S:
                    why = error.message if isinstance(error, MicstreamError) else repr(error)
                    hint = getattr(error, "hint", "")
                    self._tell(notices.record_avatar_failed(redact(why), hint))
                told = True
            await asyncio.sleep(_AGAIN_S)

    async def _view(self) -> None:
        async with viewing(self._connection, _NAME) as viewer:
            heard: set[str] = set()

            def look() -> bool:
                for avatar in self._avatars.keys() - heard:
                    viewer.attach_sound(avatar, _Sink(avatar, self._put))
                    heard.add(avatar)
                return False

            async with task_group() as tasks:
                waiting = tasks.create_task(viewer.until(lambda: False))
                while not waiting.done():
                    self._more.clear()
                    look()
                    more = asyncio.ensure_future(self._more.wait())
                    try:
                        await asyncio.wait({waiting, more}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        more.cancel()
