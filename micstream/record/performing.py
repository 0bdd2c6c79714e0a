"""Performing of a replay: each utterance of a plan as one segment, written as it was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from micstream import record_notices as notices
from micstream.controls import Controls
from micstream.errors import AvatarUnavailable
from micstream.events import Emitter
from micstream.record.format import Piece
from micstream.record.plan import Part, Plan, Planned
from micstream.room.room import Room
from micstream.room.utterance import AvatarGone, UtteranceClosed
from micstream.tasks import task_group

LATE_S: Final = 0.02
"""A write that comes so much too late is told of, at the end."""
_LOAD_S: Final = 5.0
"""An utterance's sound is read so long before its time."""
_OPEN_S: Final = 0.05
"""Its segment is opened so long before its first write: that takes some milliseconds."""


class Performing:
    """Performs a plan through a room; `avatars`: for each part, by what it is found there."""

    def __init__(
        self, plan: Plan, avatars: Sequence[str], load: Callable[[Piece], bytes], room: Room
    ) -> None:
        self.late_s = 0.0
        """The most that a write came after its time, in seconds."""
        self._plan = plan
        self._avatars = avatars
        self._load = load
        self._room = room

    async def run(self, bus: Emitter, controls: Controls) -> None:
        """Perform all of it; what cannot be heard is told, and passed over."""
        self._began = asyncio.get_running_loop().time() + _OPEN_S
        async with task_group() as tasks:
            for part, avatar in zip(self._plan.parts, self._avatars, strict=False):
                tasks.create_task(self._part(part, avatar, bus))
            for at in self._plan.interrupts:
                tasks.create_task(self._interrupt(at, controls))
        if self.late_s > LATE_S:
            bus.emit(notices.replay_late(self.late_s))

    async def _part(self, part: Part, avatar: str, bus: Emitter) -> None:
        for utterance in part.utterances:
            await self._until(utterance.begins - _LOAD_S)
            sound = await asyncio.to_thread(self._loaded, utterance)
            await self._until(utterance.begins - _OPEN_S)
            try:
                await self._speak(utterance, sound, avatar)
            except UtteranceClosed:
                pass  # by the interrupt that ended it then, too
            except (AvatarUnavailable, AvatarGone) as error:
                bus.emit(notices.replay_unheard(utterance.utterance, utterance.seconds, error))

    async def _speak(self, planned: Planned, sound: list[bytes], avatar: str) -> None:
        async with self._room.utterance(rate=planned.rate, avatar=avatar) as utterance:
            for (at, _), pcm in zip(planned.writes, sound, strict=True):
                await self._until(at)
                self.late_s = max(self.late_s, self._now - at)
                await utterance.write(pcm)

    async def _interrupt(self, at: float, controls: Controls) -> None:
        await self._until(at)
        await controls.do("interrupt", by="program")

    def _loaded(self, utterance: Planned) -> list[bytes]:
        return [self._load(piece) for _, piece in utterance.writes]

    @property
    def _now(self) -> float:
        """Seconds since the replay's beginning."""
        return asyncio.get_running_loop().time() - self._began

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._now))
