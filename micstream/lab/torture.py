"""Torture of an avatar: what a show does to it by accident, on purpose; does it live, and follow?

Each ordeal is what a sender within the protocol may do, or what one does by mistake. After each a
sentence is spoken: an avatar that lives is heard, and reports what is heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from micstream.lab.align import RATE, follow_way
from micstream.lab.analysis import analyse
from micstream.lab.lipsync import LipSync
from micstream.lab.running import Lab, Plan, lab, paced
from micstream.lab.take import Samples
from micstream.session import Session
from micstream.settings.pieces import ConnectionSettings

INTERRUPTS: Final = 50
SHORT: Final = 20
SHORT_S: Final = 0.1
LONG_S: Final = 60.0
VERY_LONG_S: Final = 300.0
MOVED_MS: Final = 45.0
"""An offset that has moved by this is noticed (ITU-R BT.1359-1)."""
LEFT_OPEN_S: Final = 12.0
"""Longer than a stock receiver waits for the rest of a segment: 10 s."""
_BEGUN_S: Final = 0.3
"""By then the avatar has begun to play."""
_HEARD_S: Final = 15.0
_WARM_S: Final = 2.0
"""A viewer's buffer finds its length."""


def _piece(pcm: Samples, seconds: float) -> Samples:
    """So much of what may be said, over and over where it is shorter."""
    size = round(seconds * RATE)
    return np.tile(pcm, -(-size // pcm.size))[:size]


@dataclass(frozen=True, slots=True)
class Ordeal:
    """One of them."""

    name: str
    says: str
    do: Callable[[Session, Samples], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Survived:
    """How it went."""

    ordeal: str
    alive: bool
    """The sentence after it was heard."""
    reported: bool | None
    """And reported within a tenth of what was heard; None: it was not heard."""
    heard_delay_ms: float | None
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON's types."""
        delay = self.heard_delay_ms
        return {
            "ordeal": self.ordeal,
            "alive": self.alive,
            "reported": self.reported,
            "heard_delay_ms": None if delay is None else round(delay, 1),
            "why": self.why,
        }


async def _interrupts(session: Session, speech: Samples) -> None:
    for _ in range(INTERRUPTS):
        async with session.room.utterance() as utterance:
            await utterance.write(_piece(speech, 0.6).tobytes())
            await asyncio.sleep(_BEGUN_S)
            await session.controls.interrupt(by="lab")


async def _short(session: Session, speech: Samples) -> None:
    for _ in range(SHORT):
        async with session.room.utterance() as utterance:
            await utterance.write(_piece(speech, SHORT_S).tobytes())


async def _queued(session: Session, speech: Samples) -> None:
    for _ in range(2):
        async with session.room.utterance() as utterance:
            await utterance.write(_piece(speech, 3.0).tobytes())
    await session.controls.interrupt(by="lab")


async def _left_open(session: Session, speech: Samples) -> None:
    async with session.room.utterance() as utterance:
        await utterance.write(_piece(speech, 1.0).tobytes())
        await asyncio.sleep(LEFT_OPEN_S)


async def _wrong_rate(session: Session, speech: Samples) -> None:
    async with session.room.utterance(rate=24_000) as utterance:
        await utterance.write(_piece(speech, 1.5).tobytes())


async def _long(session: Session, speech: Samples) -> None:
    async with session.room.utterance() as utterance:
        await paced(utterance.write, _piece(speech, LONG_S), 0)


async def _very_long(session: Session, speech: Samples) -> None:
    async with session.room.utterance() as utterance:
        await paced(utterance.write, _piece(speech, VERY_LONG_S), 0)


ORDEALS: Final = (
    Ordeal("interrupts", f"{INTERRUPTS} utterances, each interrupted", _interrupts),
    Ordeal("short", f"{SHORT} segments of {1000 * SHORT_S:.0f} ms", _short),
    Ordeal("queued", "two segments queued, and cleared", _queued),
    Ordeal("left_open", f"a stream left open for {LEFT_OPEN_S:g} s", _left_open),
    Ordeal("wrong_rate", "sound of 16 kHz, said to be of 24", _wrong_rate),
    Ordeal("long", f"{LONG_S:g} s at a stretch", _long),
    Ordeal("very_long", f"{VERY_LONG_S / 60:g} minutes at a stretch", _very_long),
)


def no_longer_follows(before: LipSync, after: LipSync) -> str:
    """Why its mouth follows less well after it all than before; empty: it follows as it did."""
    if before.offset_ms is None:
        return ""
    if after.offset_ms is None:
        return f"before, its offset was {before.offset_ms:+.0f} ms; after it: {after.why}"
    moved = after.offset_ms - before.offset_ms
    if abs(moved) < MOVED_MS:
        return ""
    return f"its offset has moved by {moved:+.0f} ms, to {after.offset_ms:+.0f}"


async def in_step(session: Session, connection: ConnectionSettings, plan: Plan) -> LipSync:
    """Have the plan spoken, and measure how the mouth follows; nothing is taken off.

    Raises:
        AvatarUnavailable: it shows no picture, or gives no sound.
        ConnectionFailed: the room cannot be joined a second time, to look.
    """
    async with lab(session, connection, plan) as made:
        await asyncio.sleep(_WARM_S)
        await made.speak(plan)
        taken = made.take()
    return (await asyncio.to_thread(analyse, taken)).found


async def tortured(
    session: Session, made: Lab, speech: Samples, ordeals: tuple[Ordeal, ...] = ORDEALS
) -> AsyncIterator[Survived]:
    """Go through all of them, telling of each how it went; ends with the first it died of."""
    for ordeal in ordeals:
        try:
            await ordeal.do(session, speech)
        except Exception as error:
            yield Survived(ordeal.name, False, None, None, str(error) or type(error).__name__)
            return
        survived = await _after(made, speech, ordeal)
        yield survived
        if not survived.alive:
            return


async def _after(made: Lab, speech: Samples, ordeal: Ordeal) -> Survived:
    """Speak a sentence, and listen for it."""
    pcm = _piece(speech, 4.0)
    said = await made.say_aloud(pcm, timeout=_HEARD_S)
    if said is None:
        return Survived(ordeal.name, False, None, None, "nothing was taken any more")
    take = made.take()
    sent = float(take.clock.seconds(said.sent_at))
    way = follow_way(pcm, take.heard, sent - 0.2, sent + _HEARD_S)
    if way is None:
        return Survived(ordeal.name, False, None, None, "a sentence after it was not heard")
    heard_s = way.ends_at_s - way.heard_at_s
    reported = said.reported_s is not None and abs(said.reported_s - heard_s) < 0.1 * heard_s
    return Survived(ordeal.name, True, reported, 1000 * (way.heard_at_s - sent))
