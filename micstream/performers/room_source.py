"""A participant of the room as a live source: a second machine, a phone, a browser.

Its sound comes when it comes: a block's time is its arrival here, the way through the network
before it is not known. Where nobody speaks it is silent to the last bit: a browser suppresses
noise, and a participant may have muted himself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from micstream.audio.clock import CaptureClock
from micstream.audio.format import SPEECH, AudioFormat
from micstream.errors import AudioDeviceError
from micstream.room.hearing import Frame, Hearing
from micstream.sources.source import Block

_BACK_S: Final = 3.0
"""How long one who was lost is waited for before that is told."""
_GAP_S: Final = 0.15
"""Lateness of all frames of a second from which sound was lost, and nobody said so."""


class RoomOpener:
    """Opens a participant's microphone as often as it is lost; at first it waits for ever."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing

    async def open(self, *, again: bool = False) -> RoomSource:
        """Wait for its first sound; `again`: for some seconds.

        Raises:
            AudioDeviceError: it has not come back by then.
        """
        try:
            async with asyncio.timeout(_BACK_S if again else None):
                while True:
                    frames = self._hearing.frames()
                    try:
                        first = await anext(frames, None)
                    except BaseException:
                        await frames.aclose()
                        raise
                    if first is not None:
                        return RoomSource(self._hearing.identity, first, frames)
                    await frames.aclose()
        except TimeoutError:
            raise self._absent() from None

    def _absent(self) -> AudioDeviceError:
        who = self._hearing.identity
        if self._hearing.is_present:
            return AudioDeviceError(
                f"{who!r} is in the room and publishes no microphone",
                hint="allow it there, and look whether the page or program says why",
                code="no_microphone_track",
            )
        return AudioDeviceError(
            f"{who!r} is not in the room",
            hint="open the performer's page again, or see who has which identity there",
            code="performer_away",
        )


class RoomSource:
    """An open microphone of a participant: 16 kHz mono."""

    format: Final[AudioFormat] = SPEECH
    pick: Final = 0
    silent_at_rest: Final = True

    def __init__(self, identity: str, first: Frame, frames: AsyncGenerator[Frame, None]) -> None:
        self.name = f"room:{identity}"
        self._identity = identity
        self._first = first
        self._frames = frames

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Block after block.

        Raises:
            AudioDeviceError: he has left, or publishes his microphone no more.
        """
        telling = Telling()
        async with aclosing(self._frames):
            yield telling.told(self._first)
            async for frame in self._frames:
                yield telling.told(frame)
        raise AudioDeviceError(
            f"the microphone of {self._identity!r} is gone",
            hint="it is heard again as soon as it is published",
            code="device_lost",
        )


class Telling:
    """Makes blocks of frames, each with what was lost before it."""

    def __init__(self) -> None:
        self._clock = CaptureClock()
        self._position_s = 0.0
        self._late_s: list[float] = []

    def told(self, frame: Frame) -> Block:
        """The block of this frame."""
        lost_s = self._missing(SPEECH.seconds(len(frame.pcm)), frame.arrived)
        # His jitter buffer gives frames whatever the network does: what lacks was not taken here.
        return Block(frame.pcm, frame.arrived, lost_s, "slow" if lost_s else "")

    def _missing(self, seconds: float, arrived: float) -> float:
        """Seconds lost before it: as much as all frames of a second came later than due."""
        due_s = self._position_s + seconds
        late_s = self._clock.behind_s(due_s, arrived)
        self._late_s = [*self._late_s, late_s] if late_s >= _GAP_S else []
        missing_s = 0.0
        if len(self._late_s) * seconds >= 1.0:
            missing_s, self._late_s = min(self._late_s), []
        self._position_s = due_s + missing_s
        self._clock.observe(self._position_s, arrived)
        return missing_s
