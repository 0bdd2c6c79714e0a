"""Echo guards as the settings say, and what tells of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from micstream.echo.echo_guard import EchoGuard
from micstream.echo.memory import HallMemory
from micstream.echo.reference import Beside, Reference
from micstream.echo.room_sound import RoomSound
from micstream.echo.watch import EchoWatch
from micstream.events import Warned
from micstream.taps import Listener

KEEP_S: Final = 1.0
"""Longest wait for a disk on which what an echo guard has learned is kept."""
Emit = Callable[[Warned], None]
MakeGuard = Callable[[Emit], tuple[EchoGuard, Listener]]
"""Makes the guard of one more sound path, and the listener that tells what is in its way."""


def maker(channel: int, room_sound: RoomSound | None) -> MakeGuard:
    """Maker of guards whose reference is `channel`, from 1; 0: the avatars' sound in the room."""

    memory = memory_of(channel)

    def make(emit: Emit) -> tuple[EchoGuard, Listener]:
        reference: Reference
        if channel or room_sound is None:
            reference = Beside(channel)
        else:
            reference = room_sound.branch()
        guard = EchoGuard(reference, memory)
        return guard, EchoWatch(guard, emit)

    return make


def memory_of(channel: int) -> HallMemory:
    """What was learned of halls with this reference: a channel, from 1; 0: the avatars' sound."""
    return HallMemory(f"channel:{channel}" if channel else "auto")
