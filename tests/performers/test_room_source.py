"""A participant's microphone as a live source: heard, lost, back, muted, and never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import numpy as np
import pytest
from livekit import rtc

from micstream import events
from micstream.audio.format import SPEECH
from micstream.backoff import Backoff
from micstream.demo.server import LocalServer
from micstream.performers.room_source import RoomOpener, RoomSource, Telling
from micstream.room.hearing import Frame, Hearing
from micstream.room.tasks import Changes
from micstream.sources.health import HealthReporter
from micstream.sources.live import Reopening
from micstream.sources.source import Block, Item, Lost, Opened
from micstream.taps import Captured
from testbed.performing import performing
from testbed.rooms import joined
from testbed.speech import SENTENCES, labels, place, samples
from testbed.waiting import wait_until

_PIECE = 9_600
"""Samples: 0.6 s."""


class Ears:
    """A participant who hears others, as the sender's room does."""

    def __init__(self) -> None:
        self.adopted: rtc.Room | None = None
        self.changes = Changes()

    def prepare(self, room: rtc.Room) -> None:
        """Look again whenever somebody has changed."""
        self.adopted = room
        for name in ("participant_connected", "participant_disconnected", "track_published"):
            room.on(name, lambda *_: self.changes.tell())


class Taken:
    """What a source gave so far."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    @property
    def pcm(self) -> bytes:
        return b"".join(item.pcm for item in self.items if isinstance(item, Block))

    def count(self, kind: type) -> int:
        return sum(isinstance(item, kind) for item in self.items)

    async def take(self, source: Reopening) -> None:
        async with aclosing(source.items()) as items:
            async for item in items:
                self.items.append(item)


@pytest.mark.room
async def test_he_is_heard_whenever_he_is_there(server: LocalServer, room_name: str) -> None:
    label = labels()[0]
    said = samples(SENTENCES)[round(label.start * 16_000) : round(label.end * 16_000)]
    ears, taken = Ears(), Taken()
    async with joined(server, room_name, "ears", prepare=ears.prepare):
        hearing = Hearing(ears, ears.changes, "ben")
        source = Reopening(RoomOpener(hearing), backoff=Backoff(0.05))
        taking = asyncio.create_task(taken.take(source))
        try:
            async with performing(server, room_name, "ben") as ben:
                await ben.silent(0.5)
                await wait_until(lambda: taken.count(Block), 10, "his sound")
                speaking = asyncio.create_task(ben.say(said))
                await speaking
                await ben.silent(0.5)
                heard = np.frombuffer(taken.pcm, np.int16)
                # Piece by piece: on a busy machine the jitter buffer stretches what it has.
                pieces = [said[at : at + _PIECE] for at in range(0, len(said) - _PIECE, _PIECE)]
                alike = [place(piece.tobytes(), heard)[1] for piece in pieces]
                assert max(alike) > 0.7, "what he said, as the codec has it"
                await ben.unpublish()
                await wait_until(lambda: taken.count(Lost) == 1, 10, "lost")
                await ben.publish()
                talking = asyncio.create_task(ben.say(said))
                await wait_until(lambda: taken.count(Opened) == 2, 10, "back")
                await talking
            await wait_until(lambda: taken.count(Lost) == 2, 10, "he has left")
            assert ears.adopted is not None
        finally:
            taking.cancel()
            with suppress(asyncio.CancelledError):
                await taking
    back = taken.items.index(next(each for each in taken.items if isinstance(each, Lost))) + 2
    first = taken.items[back]
    assert isinstance(first, Block)
    assert first.lost_s > 0
    assert first.lost_code == "device"


def frames(*loud: bool, at: float = 0.0, late_from: int = 10_000, late: float = 0.0) -> list[Frame]:
    """Frames of 10 ms, each in its time."""
    return [
        Frame(
            (b"\x00\x10" if each else b"\x01\x00") * 160,
            at + number / 100 + (late if number >= late_from else 0.0),
        )
        for number, each in enumerate(loud)
    ]


def told(given: list[Frame]) -> list[Block]:
    telling = Telling()
    return [telling.told(frame) for frame in given]


def test_a_silence_of_any_length_is_sound_and_nothing_of_it_is_lost() -> None:
    given = frames(*[True] * 10, *[False] * 2_000, *[True] * 10)
    blocks = told(given)
    assert [block.pcm for block in blocks] == [frame.pcm for frame in given]
    assert not any(block.lost_s or block.lost_code for block in blocks)


async def test_his_silence_is_no_dead_microphone() -> None:
    async def later() -> AsyncGenerator[Frame, None]:
        for frame in frames(*[False] * 9_000):
            yield frame

    told: list[events.Event] = []
    health = HealthReporter(told.append)
    source = RoomSource("anna", frames(True)[0], later())
    health.opened(source, floor_db=-60.0)
    at = 0
    async for block in source.blocks():
        health.captured(Captured("room:anna", 0, at, block.ends_at, block.pcm, speaking=False))
        at += len(block.pcm) // 2
        if at > 80 * SPEECH.rate:
            break
    assert told == []


def test_sound_that_was_not_taken_in_time_is_told() -> None:
    blocks = told(frames(*[True] * 500, late_from=200, late=0.5))
    (gap,) = [block for block in blocks if block.lost_s]
    assert gap.lost_s == pytest.approx(0.5, abs=0.01)
    emitted: list[events.Event] = []
    health = HealthReporter(emitted.append)
    for block in blocks:
        health.lost(block)
    (dropped,) = emitted
    assert isinstance(dropped, events.Dropped)
    assert (dropped.code, dropped.seconds) == ("slow", gap.lost_s)


def test_a_burst_that_is_late_for_a_moment_lost_nothing() -> None:
    given = frames(*[True] * 300)
    late = [frame._replace(arrived=2.0) if 1.0 < frame.arrived < 1.8 else frame for frame in given]
    assert not any(block.lost_s for block in told(late))
