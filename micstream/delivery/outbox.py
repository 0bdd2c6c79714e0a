"""Outbox: actions in order, the calls that wait for an answer, the avatar's name. Pure.

Every part of the core puts what it wants done here; the shell drains it.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Final

from micstream.delivery.actions import Action, Call, Tell
from micstream.events import (
    AvatarEvent,
    Dropped,
    Event,
    PlaybackFinished,
    PlaybackStarted,
    UtteranceStarted,
    Warned,
)

GRAIN_S: Final = 0.001
"""A timer for what is reckoned (not for a moment that was set) is set so much later: sums of floats
are then past the mark."""


def earliest(*times: float | None) -> float | None:
    """The first of these moments; None where there is none."""
    return min((at for at in times if at is not None), default=None)


class Outbox:
    """Actions for the shell."""

    def __init__(self, name: str) -> None:
        self.name = name
        """The avatar's, in events."""
        self._actions: list[Action] = []
        self._numbers = itertools.count(1)
        self._calls: dict[int, float] = {}
        """When each call that was not answered has failed."""
        self._unbegun = ""
        """The utterance that has its turn, until it is told that it has started."""
        self._early: list[Tell] = []
        """What the avatar has reported of it meanwhile."""

    def put(self, action: Action) -> None:
        """Have the shell do this."""
        self._actions.append(action)

    def drain(self) -> list[Action]:
        """All actions since the last time."""
        actions, self._actions = self._actions, []
        return actions

    def tell(self, event: Event, name: str | None = None) -> None:
        """Emit an event; `name`: of the avatar it is about, where that is no longer this one."""
        if isinstance(event, AvatarEvent | Dropped | Warned):
            event = replace(event, avatar=self.name if name is None else name)
        match event:
            case PlaybackStarted(id=self._unbegun) | PlaybackFinished(id=self._unbegun):
                self._early.append(Tell(event))
            case UtteranceStarted(id=self._unbegun):
                self.put(Tell(event))
                self._early = [
                    Tell(replace(early.event, t=max(early.event.t, event.t)))
                    for early in self._early
                ]
                self.expect("")
            case _:
                self.put(Tell(event))

    def expect(self, utterance: str) -> None:
        """Expect that this one is told as started, once its first write has returned; none: empty.

        On a machine with much else to do the avatar reports it sooner. That is told afterwards, as
        whoever reads the events knows nothing of it before.
        """
        self._actions += self._early
        self._unbegun, self._early = utterance, []

    def call(self, method: str, payload: str, timeout_s: float, now: float) -> int:
        """Call the avatar; the number under which the answer comes, `NONE` after `timeout_s`."""
        number = next(self._numbers)
        self._calls[number] = now + timeout_s
        self.put(Call(number, method, payload, timeout_s))
        return number

    def settle(self, call: int) -> bool:
        """Note that a call is over; False where it was already."""
        return self._calls.pop(call, None) is not None

    def overdue(self, now: float) -> list[int]:
        """Calls that were not answered in time, whatever the shell says."""
        return [call for call, until in self._calls.items() if now >= until]

    def next_timer(self) -> float | None:
        """Monotonic second at which the next call has failed."""
        return min(self._calls.values(), default=None)
