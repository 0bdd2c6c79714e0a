"""Joining a room with the SDK, and leaving one again; neither is ever broken off half-way.

The SDK goes on with a connection where its caller is cancelled: it would stay in the room under our
identity, and end the program because nobody takes what has joined (livekit/python-sdks, issue 784).
So what nobody waits for any more is gone through with, and left again.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final
from weakref import WeakKeyDictionary

from livekit import rtc

from micstream.room.proxy import steer_sdk

FAILURES: Final = (rtc.ConnectError, OSError, RuntimeError, AssertionError)
"""What the SDK raises where a room cannot be joined; TimeoutError is an OSError."""

_GOODBYE_S: Final = 2.0
"""How long leaving may take; where nothing gets through the SDK waits for 15 s and more."""

_connecting: Final[WeakKeyDictionary[rtc.Room, asyncio.Future[None]]] = WeakKeyDictionary()
_leaving: Final[dict[asyncio.Task[None], str]] = {}
"""Rooms that are being left, and as whom: held here, for whoever joined them may be gone."""


async def join(room: rtc.Room, url: str, token: str, options: rtc.RoomOptions) -> None:
    """Connect `room`. One whose caller is cancelled goes on until `leave` has seen to it.

    Raises:
        UsageError: the proxy that the environment names is of no use.
        One of `FAILURES`: it fails.
    """
    steer_sdk(url)
    connecting = asyncio.ensure_future(room.connect(url, token, options))
    _connecting[room] = connecting
    await asyncio.wait({connecting})
    connecting.result()


def said(error: Exception) -> str:
    """What one of `FAILURES` says."""
    if isinstance(error, TimeoutError):
        return "no answer"
    return str(getattr(error, "message", error)) or "the SDK does not say why"


def leave(room: rtc.Room, name: str) -> asyncio.Task[None]:
    """Leave `room`, as soon as it is joined; the task ends when we are out of it.

    `name`: what `until_left` is asked for.
    """
    task = asyncio.create_task(_leave(room), name=f"leaving {name}")
    _leaving[task] = name
    task.add_done_callback(lambda done: _leaving.pop(done, None))
    return task


async def until_left(name: str, timeout_s: float) -> None:
    """Wait until no room of this name is being left any more, so long at most."""
    loop = asyncio.get_running_loop()
    if strays := [task for task, of in _leaving.items() if of == name and task.get_loop() is loop]:
        await asyncio.wait(strays, timeout=timeout_s)


async def say_goodbye(room: rtc.Room) -> None:
    """Leave a room that was joined, waiting for it no longer than `_GOODBYE_S`."""
    # Shielded: the SDK goes on with it as long as the program runs.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_S):
            await asyncio.shield(room.disconnect())


async def _leave(room: rtc.Room) -> None:
    connecting = _connecting.get(room)
    # Whatever the SDK says of it, there is nothing more to be done.
    with contextlib.suppress(Exception):
        if connecting is not None:
            await connecting
        await room.disconnect()
