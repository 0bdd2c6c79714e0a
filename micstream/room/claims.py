"""Direct utterances of one avatar: who has asked for a turn to speak, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from micstream.delivery import actions
from micstream.delivery.delivery import Delivery
from micstream.errors import AvatarUnavailable
from micstream.room.utterance import Utterance
from micstream.speech.events import EndReason


class Owner(Protocol):
    """Avatar, as far as those who speak through it directly need it."""

    def turn(self) -> None:
        """Act on what the cores want, and set the timer."""

    def absence(self) -> AvatarUnavailable:
        """Error that says why nobody listens."""
        ...


class Claims:
    """Utterances by the number of their claim, from the first wait for a turn to their end."""

    def __init__(self, delivery: Delivery, owner: Owner) -> None:
        self._delivery = delivery
        self._owner = owner
        self._utterances: dict[int, Utterance] = {}

    @asynccontextmanager
    async def utterance(self, rate: int) -> AsyncIterator[Utterance]:
        """Open a segment for mono 16-bit PCM at `rate` Hz; it is closed whatever happens.

        One segment at a time: this waits for the one before to be closed. Writing waits while the
        avatar has more than `max_backlog` seconds to play.

        Raises:
            AvatarUnavailable: no avatar listens just now.
            ValueError: there is no such rate.
        """
        claim = self._delivery.claim(rate, _now())
        utterance = self._utterances[claim] = Utterance(self, claim, rate)
        try:
            self._owner.turn()
            if not await utterance.begin():
                raise self._owner.absence()
            try:
                yield utterance
            finally:
                await utterance.aclose()
        finally:
            self._utterances.pop(claim, None)

    # ---- from the utterances -------------------------------------------------------------------

    def offer(self, claim: int, pcm: bytes) -> bool:
        """Hand over sound; False: the utterance is over."""
        taken = self._delivery.offer(claim, pcm, _now())
        self._owner.turn()
        return taken

    def want_capacity(self, claim: int) -> None:
        """Ask to be told once the avatar can take more."""
        self._delivery.want_capacity(claim, _now())
        self._owner.turn()

    def end(self, claim: int, reason: EndReason) -> None:
        """Take nothing more of it, and close it."""
        self._delivery.end(claim, reason, _now())
        self._owner.turn()

    # ---- from the delivery ---------------------------------------------------------------------

    def wake(self, action: actions.Action) -> None:
        """Wake the owner of an utterance, unless it waits no more."""
        match action:
            case actions.Granted(claim, id):
                if utterance := self._utterances.get(claim):
                    utterance.grant(id)
            case actions.Refused(claim):
                if utterance := self._utterances.get(claim):
                    utterance.refuse()
            case actions.Sent(claim, sent_s):
                if utterance := self._utterances.get(claim):
                    utterance.sent(sent_s)
            case actions.Capacity(claim):
                if utterance := self._utterances.get(claim):
                    utterance.capacity()
            case actions.Ended(claim, reason, sent_s):
                if utterance := self._utterances.get(claim):
                    utterance.end(reason, sent_s)


def _now() -> float:
    """Monotonic seconds, as `time.monotonic` tells them."""
    return asyncio.get_running_loop().time()
