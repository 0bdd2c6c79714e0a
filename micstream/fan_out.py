"""Fan-out: what is said goes to all avatars, or to the one that the route names.

Each avatar has a delivery of its own, so that one that is slow or absent holds up no other. Who
got an utterance's onset gets all of that utterance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from micstream.speech.events import Onset, SegmentEvent


class Output(Protocol):
    """One avatar, as far as the fan-out needs it: see `room.avatar.Avatar`."""

    @property
    def pattern(self) -> str:
        """Pattern by which `--avatar` names it."""
        ...

    @property
    def is_listening(self) -> bool:
        """Listening: the next word is heard."""
        ...

    def put(self, event: SegmentEvent, captured_at: float, *, ages: bool = True) -> None:
        """Take an event, now. `ages`, at an onset: what waits becomes late."""
        ...

    async def put_in_turn(
        self, event: SegmentEvent, captured_at: float, *, wait_avatar: float, alone: bool
    ) -> None:
        """Take an event once there is room."""
        ...

    async def join(self) -> None:
        """Wait until everything taken is sent or dropped."""
        ...

    def mute(self, on: bool) -> None:
        """The performer was muted, or is no more."""
        ...

    async def interrupt(self) -> None:
        """Drop what waits, close the stream, have the avatar drop the rest."""
        ...


class Yielding(Protocol):
    """Who speaks now, and lets anybody else go first."""

    def yield_turn(self) -> None:
        """End the open utterance here, at once."""
        ...


class FanOut:
    """Hands segment events to the avatars of the route.

    Raises:
        ValueError: the route leads to one that is not there.
    """

    def __init__(self, outputs: Sequence[Output], route: int = 0) -> None:
        self._outputs = tuple(outputs)
        self._number = route
        self._route = self._chosen(route)
        self._taking = self._route
        """Those that get what is left of the utterance."""
        self.give_way: Yielding | None = None
        """Who ends before another's onset; asked once."""

    def __len__(self) -> int:
        return len(self._outputs)

    @property
    def names(self) -> tuple[str, ...]:
        """All avatars, as `--avatar` names them."""
        return tuple(output.pattern for output in self._outputs)

    # ---- the route -----------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """The route: place of the one, from 1; 0: all of them."""
        return self._number

    @property
    def routed(self) -> tuple[str, ...]:
        """Those that get what is said, as `--avatar` names them."""
        return tuple(output.pattern for output in self._route)

    def route(self, number: int) -> None:
        """Lead what is said to one, by its place from 1 up, or to all (0); from the next onset on.

        Raises:
            ValueError: there are not so many.
        """
        self._route = self._chosen(number)
        self._number = number

    def would_change(self, number: int) -> bool:
        """Compare with the route: True where that leads elsewhere. Raises as `route`."""
        return self._chosen(number) != self._route

    def _chosen(self, number: int) -> tuple[Output, ...]:
        if not 0 <= number <= len(self._outputs):
            raise ValueError(f"avatars: {len(self._outputs)}; there is no {number}")
        return self._outputs[number - 1 : number] if number else self._outputs

    # ---- what is said --------------------------------------------------------------------------

    def put(
        self, event: SegmentEvent, captured_at: float, *, ages: bool = True, own: bool = False
    ) -> None:
        """Hand on an event, now; an onset's first sample was captured at this monotonic second.

        `own`: it is of the one who gives way to others.
        """
        if not own:
            self._go_before(event)
        for output in self._takers(event):
            output.put(event, captured_at, ages=ages)

    async def put_in_turn(
        self, event: SegmentEvent, captured_at: float, *, wait_avatar: float
    ) -> None:
        """Hand on an event once there is room: for sources that can wait, and lose nothing.

        Where no avatar listens for `wait_avatar` seconds the utterance is dropped. While one
        listens, those that do not are not waited for.
        """
        self._go_before(event)
        takers = self._takers(event)
        for output in takers:
            alone = not any(other.is_listening for other in takers if other is not output)
            await output.put_in_turn(
                event, captured_at, wait_avatar=wait_avatar if alone else 0.0, alone=alone
            )

    async def join(self) -> None:
        """Wait until everything taken is sent or dropped."""
        await asyncio.gather(*(output.join() for output in self._outputs))

    def mute(self, on: bool) -> None:
        """Tell the avatars that the performer is muted, or is no more."""
        for output in self._outputs:
            output.mute(on)

    async def interrupt(self) -> None:
        """Have every avatar fall silent, also one that only plays what is left of it."""
        await asyncio.gather(*(output.interrupt() for output in self._outputs))

    def _go_before(self, event: SegmentEvent) -> None:
        """Before an onset, have whoever gives way end."""
        if self.give_way is not None and isinstance(event, Onset):
            speaking, self.give_way = self.give_way, None
            speaking.yield_turn()

    def _takers(self, event: SegmentEvent) -> tuple[Output, ...]:
        if isinstance(event, Onset):
            self._taking = self._route
        return self._taking
