"""Avatars that note what they get, in place of those in a room."""

from __future__ import annotations

import asyncio

from micstream.speech.events import End, Onset, SegmentEvent, Speech


class NotedOutput:
    """One avatar of the fan-out; everything is taken at once, unless it is `stuck`."""

    def __init__(self, pattern: str = "avatar-a") -> None:
        self.pattern = pattern
        self.is_listening = True
        self.muted = False
        self.interrupts = 0
        self.got: list[SegmentEvent] = []
        self.ages: list[bool] = []
        self.in_turn: list[tuple[float, bool]] = []
        """For how long each event in turn may wait for an avatar, and whether for it alone."""
        self.free = asyncio.Event()
        self.free.set()

    def put(self, event: SegmentEvent, captured_at: float, *, ages: bool = True) -> None:
        """Note it."""
        self.got.append(event)
        self.ages.append(ages)

    async def put_in_turn(
        self, event: SegmentEvent, captured_at: float, *, wait_avatar: float, alone: bool
    ) -> None:
        """Note it, once it is free."""
        self.in_turn.append((wait_avatar, alone))
        await self.free.wait()
        self.put(event, captured_at, ages=False)

    async def join(self) -> None:
        """Wait until it is free."""
        await self.free.wait()

    def mute(self, on: bool) -> None:
        """Note it."""
        self.muted = on

    async def interrupt(self) -> None:
        """Note it."""
        self.interrupts += 1

    @property
    def kinds(self) -> str:
        """What came: `(` an onset, `-` speech, `)` an end."""
        signs: dict[type, str] = {Onset: "(", Speech: "-", End: ")"}
        return "".join(signs[type(event)] for event in self.got)

    @property
    def ends(self) -> list[str]:
        """Why each utterance ended."""
        return [str(event.reason) for event in self.got if isinstance(event, End)]
