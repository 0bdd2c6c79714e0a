"""Reopening: a source that is lost is opened again, and the time it was away is told as lost."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.format import SPEECH
from micstream.backoff import Backoff
from micstream.errors import AudioDeviceError
from micstream.sources.live import Reopening, bridged
from micstream.sources.source import Away, Block, Item, Lost, Opened
from testbed.sources import GONE, Scripted, ScriptedOpener, first_of

AT_ONCE = 0.0


def reopening(*openings: Scripted | AudioDeviceError) -> Reopening:
    return Reopening(ScriptedOpener(*openings), backoff=Backoff(AT_ONCE))


def block(ends_at: float, samples: int = 160, lost_s: float = 0.0) -> Block:
    return Block(bytes(2 * samples), ends_at, lost_s, "slow" if lost_s else "")


async def test_each_opening_is_told_before_its_first_block_and_each_loss_after_its_last() -> None:
    sources = [Scripted([block(1.0), block(1.01)]), Scripted([block(3.0)]), Scripted(stays=True)]
    items = await first_of(reopening(*sources), 7)
    kinds = [type(item) for item in items]
    assert kinds == [Opened, Block, Block, Lost, Opened, Block, Lost]
    assert [(item.source, item.again) for item in items if isinstance(item, Opened)] == [
        (sources[0], False),
        (sources[1], True),
    ]
    assert [item.error for item in items if isinstance(item, Lost)] == [GONE, GONE]
    assert all(source.closed for source in sources[:2])


async def test_what_cannot_be_opened_at_first_is_an_error() -> None:
    for first in (GONE, Scripted(), Scripted(error=None)):
        with pytest.raises(AudioDeviceError):
            await anext(reopening(first, Scripted([block(1.0)])).items())


async def test_it_is_looked_for_until_it_is_there_and_delivers() -> None:
    opener = ScriptedOpener(Scripted([block(1.0)]), GONE, Scripted(), GONE, Scripted([block(9.0)]))
    items = await first_of(Reopening(opener, backoff=Backoff(AT_ONCE)), 5)
    assert [type(item) for item in items] == [Opened, Block, Lost, Opened, Block]
    assert opener.asked == [False, True, True, True, True]


async def test_one_that_ends_by_itself_is_opened_again() -> None:
    items = await first_of(reopening(Scripted([block(1.0)], None), Scripted([block(2.0)])), 4)
    lost = items[2]
    assert isinstance(lost, Lost)
    assert lost.error.message == "'test' has ended"


async def test_whoever_stops_listening_closes_it_also_while_it_is_looked_for() -> None:
    source = Scripted([block(1.0)] * 9)
    await first_of(reopening(source), 3)
    assert source.closed
    opener = ScriptedOpener(Scripted([block(1.0)]))
    items = Reopening(opener, backoff=Backoff(AT_ONCE)).items()
    for _ in range(3):
        await anext(items)
    looking = asyncio.ensure_future(anext(items))
    await asyncio.sleep(0)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking


async def test_one_that_stays_away_is_told_of_once_for_each_reason() -> None:
    busy = AudioDeviceError("another program holds it", hint="end that", code="device_busy")
    tries: list[Scripted | AudioDeviceError] = [GONE, GONE, busy, GONE, busy, Scripted()]
    opener = ScriptedOpener(Scripted([block(1.0)]), *tries, Scripted([block(9.0)]), GONE)
    items = await first_of(Reopening(opener, backoff=Backoff(AT_ONCE), away_s=0.0), 9)
    kinds = [Opened, Block, Lost, Away, Away, Opened, Block, Lost, Away]
    assert [type(item) for item in items] == kinds
    told = [item.error for item in items if isinstance(item, Away)]
    assert [error.code for error in told] == [GONE.code, "device_busy", GONE.code]
    assert told[1].message == "'test' is not back: another program holds it"
    assert told[1].hint == "end that"


async def test_one_that_is_there_and_delivers_nothing_is_away_too() -> None:
    opener = ScriptedOpener(Scripted([block(1.0)]), Scripted(), Scripted([block(3.0)]))
    items = await first_of(Reopening(opener, backoff=Backoff(AT_ONCE), away_s=0.0), 6)
    assert [type(item) for item in items] == [Opened, Block, Lost, Away, Opened, Block]


async def test_one_that_is_back_within_seconds_is_not_told_of() -> None:
    opener = ScriptedOpener(Scripted([block(1.0)]), GONE, GONE, Scripted([block(3.0)]))
    items = await first_of(Reopening(opener, backoff=Backoff(AT_ONCE), away_s=60.0), 5)
    assert [type(item) for item in items] == [Opened, Block, Lost, Opened, Block]


OPENINGS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 320)),  # hundredths lost before, samples
        min_size=1,
        max_size=5,
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=100)
@given(OPENINGS, st.lists(st.integers(1, 500), min_size=4, max_size=4))
def test_all_time_is_sound_or_told_as_lost(
    openings: list[list[tuple[int, int]]], away: list[int]
) -> None:
    """The timeline goes on across openings: nothing of it is missing, nothing is there twice."""
    now, scripts = 50.0, []
    for blocks, pause in zip(openings, away, strict=False):
        script = []
        for lost, samples in blocks:
            now += lost / 100 + samples / SPEECH.rate
            script.append(block(now, samples, lost / 100))
        scripts.append(Scripted(script))
        now += pause / 100
    first = scripts[0]
    count = sum(len(blocks) + 2 for blocks in openings)
    items: list[Item] = asyncio.run(first_of(reopening(*scripts), count))
    blocks_seen = [item for item in items if isinstance(item, Block)]
    assert first.closed
    lasted = sum(item.lost_s + SPEECH.seconds(len(item.pcm)) for item in blocks_seen)
    assert blocks_seen[-1].ends_at == pytest.approx(50.0 + lasted)


def test_sound_that_overlaps_is_not_counted_twice() -> None:
    assert bridged(block(5.0), SPEECH, 4.999) == block(5.0)
    assert bridged(block(5.0, lost_s=1.0), SPEECH, 6.0) == block(5.0)
    assert bridged(block(5.0, lost_s=1.0), SPEECH, None) == block(5.0, lost_s=1.0)
    told = bridged(block(5.0, 1_600), SPEECH, 3.0)
    assert told.lost_s == pytest.approx(1.9)
    assert told.lost_code == "device"
