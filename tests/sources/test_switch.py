"""A switch: several live sources are open, one is heard, and each end is told in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.format import SPEECH
from micstream.errors import AudioDeviceError
from micstream.sound_path import SoundPath
from micstream.sources.source import Away, Block, Item, Left, Lost, Opened
from micstream.sources.switch import Switch
from micstream.speech.events import End, EndReason, Onset, SegmentEvent
from micstream.speech.whole import Whole
from testbed.sources import GONE, Pushed, Silent

A, B = Silent(name="a"), Silent(name="b")
NAMES = {id(A): "a", id(B): "b"}


def block(ends_at: float, since: float | None = None) -> Block:
    """10 ms; what lies between it and `since` was lost."""
    lost_s = 0.0 if since is None else ends_at - 0.01 - since
    return Block(bytes(320), ends_at, lost_s, "slow" if lost_s else "")


def told(item: Item) -> str:
    """The item in a word: a block by its time."""
    match item:
        case Opened(source, again, current):
            return f"opened {NAMES[id(source)]}{' again' * again}{' aside' * (not current)}"
        case Lost(source, _, current):
            return f"lost {NAMES[id(source)]}{' aside' * (not current)}"
        case Away(source, _, current):
            return f"away {NAMES[id(source)]}{' aside' * (not current)}"
        case Left(source):
            return f"left {NAMES[id(source)]}"
        case Block():
            return f"{item.ends_at:g}" + (f" after {item.lost_s:g}" if item.lost_s else "")


class Listening:
    """Collects what comes of a switch of two, as words."""

    def __init__(self) -> None:
        self.sources = Pushed(), Pushed()
        self.switch = Switch(self.sources)
        self.words: list[str] = []
        self.names: list[str] = []
        self.take: Callable[[Item], None] = lambda item: self.words.append(told(item))

    async def run(self) -> None:
        """Until cancelled, or until it fails."""
        async with aclosing(self.switch.items()) as items:
            async for item in items:
                self.take(item)


async def settled() -> None:
    """Until nobody has anything to do."""
    for _ in range(30):
        await asyncio.sleep(0)


async def test_one_is_heard_and_the_other_ready_to_be() -> None:
    listening = Listening()
    a, b = listening.sources
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listening.run())
        a.push(Opened(A), block(1.0))
        b.push(Opened(B), block(1.005))
        await settled()
        listening.switch.switch(1)
        a.push(block(1.01))
        await settled()
        b.push(block(1.5))
        await settled()
        listening.switch.switch(1)  # as it is
        a.push(block(1.6))
        await settled()
        listening.switch.switch(0)
        a.push(block(1.7))
        await settled()
        task.cancel()
    assert sorted(listening.words[:3]) == ["1", "opened a", "opened b aside"]
    assert listening.words[3:] == [
        *("left a", "opened b", "1.5 after 0.49"),
        *("left b", "opened a", "1.7 after 0.19"),
    ]
    assert a.closed
    assert b.closed


async def test_a_switch_is_told_at_once_not_with_the_next_block() -> None:
    listening = Listening()
    a, b = listening.sources
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listening.run())
        a.push(Opened(A), block(1.0))
        b.push(Opened(B))
        await settled()
        listening.switch.switch(1)
        await settled()
        assert listening.words[-2:] == ["left a", "opened b"]
        task.cancel()


async def test_one_that_is_away_is_switched_to_all_the_same_and_heard_when_it_is_back() -> None:
    listening = Listening()
    a, b = listening.sources
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listening.run())
        a.push(Opened(A), block(1.0))
        b.push(Opened(B), block(1.0), Lost(B, GONE), Away(B, GONE))
        await settled()
        assert listening.words[-1] == "away b aside"
        del listening.words[:]
        listening.switch.switch(1)
        await settled()
        b.push(Opened(B, again=True), block(2.0))
        await settled()
        b.push(Lost(B, GONE), Away(B, GONE))
        a.push(Lost(A, GONE), Opened(A, again=True), block(2.5))
        await settled()
        task.cancel()
    assert listening.words[:3] == ["left a", "opened b again", "2 after 0.99"]
    assert sorted(listening.words[3:]) == [
        "away b",
        "lost a aside",
        "lost b",
        "opened a again aside",
    ]


async def test_one_that_cannot_be_opened_fails_it() -> None:
    listening = Listening()
    listening.sources[1].push(GONE)
    with pytest.raises(AudioDeviceError, match="gone"):
        await listening.run()
    assert all(source.closed for source in listening.sources)


def test_a_source_that_is_not_there() -> None:
    switch = Listening().switch
    for index in (-1, 2):
        with pytest.raises(ValueError, match=f"no source {index}"):
            switch.switch(index)
    assert switch.current == 0
    with pytest.raises(ValueError, match="no source 2"):
        Switch([Pushed(), Pushed()], current=2)


ACTS = st.lists(
    st.one_of(st.sampled_from(["a", "b", "lose a", "lose b", "wait"]), st.integers(0, 1)),
    max_size=40,
)


@settings(max_examples=150)
@given(ACTS)
def test_blocks_are_those_of_the_one_that_is_open_and_never_of_two(acts: list[str | int]) -> None:
    """Whatever comes, and whenever it is switched: opened, its blocks, then lost or left."""
    listening = Listening()
    asyncio.run(acted(acts, listening))
    words = listening.words
    heard: str | None = None
    now = 0.0
    for word in words:
        what, _, rest = word.partition(" ")
        if "aside" in word:
            assert heard is None or not rest.startswith(heard)
        elif what == "opened":
            assert heard is None, "opened before the other was left"
            heard = rest[0]
        elif what in ("lost", "left"):
            assert heard == rest, "ended, and was not heard"
            heard = None
        else:
            assert heard is not None
            number = round(float(what) * 100)
            assert ("a", "b")[number % 2] == heard, "another one's sound"
            lost = float(rest.removeprefix("after ") or 0.0)
            # All time is sound, or lost.
            if now:
                assert float(what) == pytest.approx(now + lost + SPEECH.seconds(320))
            now = float(what)


async def acted(acts: list[str | int], listening: Listening) -> None:
    """Do all of it. A block of a's ends at an even hundredth, one of b's at an odd one."""
    sources = {"a": A, "b": B}
    is_open: set[str] = set()
    ended_at: dict[str, float] = {}
    number = 0
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listening.run())
        for act in acts:
            number += 2
            match act:
                case int():
                    listening.switch.switch(act)
                case "a" | "b":
                    pushed = listening.sources["ab".index(act)]
                    if act not in is_open:
                        is_open.add(act)
                        pushed.push(Opened(sources[act]))
                    now = (number + "ab".index(act)) / 100
                    pushed.push(block(now, ended_at.get(act)))
                    ended_at[act] = now
                case "wait":
                    await settled()
                case _ if act[-1] in is_open:
                    is_open.discard(act[-1])
                    listening.sources["ab".index(act[-1])].push(Lost(sources[act[-1]], GONE))
        await settled()
        task.cancel()


@settings(max_examples=100)
@given(ACTS)
def test_an_utterance_is_of_one_source_and_ends_before_the_next_one_begins(
    acts: list[str | int],
) -> None:
    """A sound path fed by a switch, as a session does it."""

    async def run() -> None:
        path = SoundPath(Whole())
        spoken: list[tuple[str, SegmentEvent]] = []
        listening = Listening()

        def take(item: Item) -> None:
            match item:
                case Opened(source, current=True):
                    spoken.extend((source.name, event) for event, _ in path.open(source))
                    listening.names.append(source.name)
                case Block():
                    name = listening.names[-1]
                    spoken.extend((name, event) for event, _ in path.push(item))
                case Left(source) | Lost(source, current=True):
                    reason = EndReason.MUTE if isinstance(item, Left) else EndReason.DEVICE
                    spoken.extend((source.name, event) for event, _ in path.finish(reason))

        listening.take = take
        await acted(acts, listening)
        at, speaker = -1, ""
        for name, event in spoken:
            if isinstance(event, Onset):
                assert event.start > at
                at, speaker = event.start, name
            assert name == speaker
            if isinstance(event, End):
                at = event.end - 1

    asyncio.run(run())
