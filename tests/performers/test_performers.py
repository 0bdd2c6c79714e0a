"""Several sound paths through one voice: nothing of who is held is sent, each utterance ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream import events, listening
from micstream.bus import Bus
from micstream.controls import Controls
from micstream.errors import UsageError
from micstream.fan_out import FanOut
from micstream.listening import SoundSettings
from micstream.performers.performers import Performers
from micstream.settings import load
from micstream.settings.performers import performers
from micstream.settings.pieces import ControlSettings, PerformersSettings
from micstream.sources.source import Block, Item, Opened
from micstream.speech.cutter import Cutter
from micstream.speech.events import Onset, Speech
from micstream.speech.segmenter import SegmenterOptions
from micstream.taps import Captured, Taps
from testbed.outputs import NotedOutput
from testbed.sources import Silent

OPTIONS = SegmenterOptions(
    onset_ms=30, onset_window_ms=50, pre_roll_ms=20, hangover_ms=50, min_speech_ms=0
)
NAMES = ("anna", "ben")
MARKS = {"anna": 1_000, "ben": 2_000}
"""Samples of each, plus the frame's number: what is sent tells whose it is, and when."""


class Loudness:
    """A detector of frames of 10 ms: what is not zero is speech."""

    frame_samples = 160

    def probability(self, frame: bytes) -> float:
        """Speech, or none."""
        return float(any(frame))

    def reset(self) -> None:
        """Nothing is kept."""


class Scripted:
    """A live source whose blocks come one by one, as the test says."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Block] = asyncio.Queue()

    async def items(self) -> AsyncGenerator[Item, None]:
        """Opened, and blocks."""
        yield Opened(Silent(16_000))
        while True:
            yield await self.queue.get()


class Hall:
    """Two performers, one avatar."""

    def __init__(self, hold_s: float | None = None) -> None:
        self.output, self.bus, self.taps = NotedOutput(), Bus(), Taps()
        fan_out = FanOut([self.output])
        self.controls = Controls(fan_out, self.bus, ControlSettings(manual=False, route=0))
        named = PerformersSettings(performers(("anna=1", "ben=2")), hold_s)
        self.performers = Performers(named, fan_out, self.controls, self.bus, self.taps)
        self.sources = {name: Scripted() for name in NAMES}
        self.performers.sources = (tuple(self.sources.values()), ())
        self.told = self.bus.subscribe("test", 10_000).events
        self.frame = 0

    async def hear(self, **voiced: bool) -> None:
        """Ten milliseconds of everybody."""
        self.frame += 1
        for name in NAMES:
            loud = MARKS[name] + self.frame if voiced.get(name) else 0
            pcm = np.full(160, loud, np.int16).tobytes()
            self.sources[name].queue.put_nowait(Block(pcm, self.frame / 100))
        for _ in range(4):
            await asyncio.sleep(0)

    def sent(self) -> list[set[int]]:
        """What each utterance said, as the marks of its loud frames."""
        said: list[set[int]] = []
        for event in self.output.got:
            if isinstance(event, Onset):
                said.append(set())
            elif isinstance(event, Speech):
                said[-1] |= {int(each) for each in np.frombuffer(event.pcm, np.int16) if each}
        return said


def play(
    monkeypatch: pytest.MonkeyPatch, scenario: Callable[[Hall], object], hold_s: float | None = None
) -> Hall:
    """The hall after a scenario."""
    monkeypatch.setattr(listening, "make_cutter", lambda *_, **__: Cutter(Loudness(), OPTIONS))

    async def run() -> Hall:
        hall = Hall(hold_s)
        running = asyncio.create_task(hall.performers.run(sound()))
        await hall.hear()
        await scenario(hall)  # type: ignore[misc]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return hall

    return asyncio.run(run())


def sound() -> SoundSettings:
    """As by default."""
    given = load(_env_file=None)
    return SoundSettings(given.capture(), given.detection(), {}, given.sound_path())


def owner(mark: int) -> str:
    return "anna" if mark < MARKS["ben"] else "ben"


steps = st.lists(
    st.tuples(
        st.booleans(), st.booleans(), st.sampled_from(["", "", "", "anna", "ben", "next", "mute"])
    ),
    min_size=20,
    max_size=120,
)


@settings(max_examples=60, deadline=None)
@given(steps=steps, first=st.booleans())
def test_nothing_of_who_is_held_is_sent_and_every_utterance_ends(
    steps: list[tuple[bool, bool, str]], first: bool
) -> None:
    held: set[int] = set()

    async def scenario(hall: Hall) -> None:
        for anna, ben, verb in steps:
            if verb == "mute":
                await hall.controls.do("mute", "toggle")
            elif verb:
                await hall.controls.do("performer", verb)
            frame = hall.frame + 1
            # Before the frame: whoever is held now is held for all of it.
            for name in NAMES:
                if not hall.performers.voice.admits(name):
                    held.add(MARKS[name] + frame)
            await hall.hear(anna=anna, ben=ben)

    with pytest.MonkeyPatch.context() as patched:
        hall = play(patched, scenario, 0.05 if first else None)
    kinds = hall.output.kinds
    assert kinds.count("(") == kinds.count(")")
    assert "((" not in kinds.replace("-", ""), "two are open"
    for said in hall.sent():
        assert len({owner(mark) for mark in said}) <= 1, "two in one utterance"
        assert not said & held


def test_a_hand_over_ends_the_one_and_begins_the_other_with_his_next_onset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(hall: Hall) -> None:
        for _ in range(20):
            await hall.hear(anna=True)
        await hall.controls.do("performer", "ben", by="key")
        for _ in range(10):
            await hall.hear(anna=True)
        for _ in range(20):
            await hall.hear(anna=True, ben=True)
        for _ in range(20):
            await hall.hear()

    hall = play(monkeypatch, scenario)
    one, other = hall.sent()
    assert max(one) <= MARKS["anna"] + 21
    assert min(other) == MARKS["ben"] + 32, "from his first frame on"
    assert hall.output.ends == ["mute", "silence"]
    told = [event for event in hall.told if isinstance(event, events.Performer)]
    assert [(event.name, event.by) for event in told] == [("anna", ""), ("ben", "key")]
    assert hall.bus.state.performer == "ben"


def test_who_is_in_mid_word_is_heard_from_his_next_onset_after_a_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(hall: Hall) -> None:
        for _ in range(30):
            await hall.hear(ben=True)
        await hall.controls.do("performer", 2)
        for _ in range(20):
            await hall.hear(ben=True)
        for _ in range(30):
            await hall.hear()
        for _ in range(20):
            await hall.hear(ben=True)

    hall = play(monkeypatch, scenario)
    ((said),) = hall.sent()
    assert min(said) == MARKS["ben"] + 82


def test_who_speaks_first_has_it_and_the_other_is_told_of_as_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(hall: Hall) -> None:
        with hall.taps.tap(sent=False) as tap:
            await hall.hear()
            for _ in range(20):
                await hall.hear(ben=True)
            for _ in range(10):
                await hall.hear(anna=True, ben=True)
            taken = [each for each in tap.taken() if isinstance(each, Captured)]
        assert {each.performer for each in taken} == set(NAMES)
        assert [each.held for each in taken[-2:]] == [True, False]

    hall = play(monkeypatch, scenario, 1.0)
    ((said),) = hall.sent()
    assert {owner(mark) for mark in said} == {"ben"}
    names = [event.name for event in hall.told if isinstance(event, events.Performer)]
    assert names == ["", "ben"]


def test_an_open_gate_is_the_detectors_where_who_speaks_first_has_the_voice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(hall: Hall) -> None:
        await hall.controls.do("manual", "on")
        for _ in range(5):
            await hall.hear()
        assert hall.output.got == []
        for _ in range(10):
            await hall.hear(ben=True)

    hall = play(monkeypatch, scenario, 1.0)
    assert hall.output.kinds.replace("-", "") == "()"


def test_what_is_wrong_with_a_microphone_is_told_with_its_performers_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(hall: Hall) -> None:
        await hall.hear()
        late = Block(bytes(320), 0.02, lost_s=0.5, lost_code="slow")
        hall.sources["ben"].queue.put_nowait(late)
        hall.sources["ben"].queue.put_nowait(late._replace(ends_at=0.03, lost_code="overflow"))
        await hall.hear()

    told = play(monkeypatch, scenario).told
    (dropped,) = [event for event in told if isinstance(event, events.Dropped)]
    (warned,) = [event for event in told if isinstance(event, events.Warned)]
    assert dropped.why.startswith("ben: ")
    assert warned.message.startswith("ben: ")


def test_all_are_held_while_something_else_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(hall: Hall) -> None:
        hall.performers.hold()
        await hall.controls.do("performer", "ben")
        for _ in range(10):
            await hall.hear(anna=True, ben=True)
        hall.performers.release()
        for _ in range(30):
            await hall.hear()
        for _ in range(10):
            await hall.hear(anna=True, ben=True)

    hall = play(monkeypatch, scenario)
    ((said),) = hall.sent()
    assert min(said) == MARKS["ben"] + 42


@pytest.mark.parametrize("said", ["dora", 3, 0, "0"])
def test_a_performer_who_is_not_there_is_refused(said: str | int) -> None:
    hall = Hall()
    with pytest.raises(UsageError) as refused:
        asyncio.run(hall.controls.do("performer", said))
    assert refused.value.code == "no_such_performer"
    assert "anna, ben" in refused.value.hint


def test_with_one_performer_there_is_nothing_to_give() -> None:
    fan_out = FanOut([NotedOutput()])
    controls = Controls(fan_out, Bus(), ControlSettings(manual=False, route=0))
    for said in ("next", "anna", 1):
        with pytest.raises(UsageError, match="there is no performer"):
            asyncio.run(controls.do("performer", said))


def test_the_state_shows_the_microphone_of_who_has_the_voice() -> None:
    bus = Bus()
    bus.emit(events.Performer(name="anna", performers=NAMES))
    bus.emit(events.Capturing(device="USB", rate=16_000, channels=1, performer="anna"))
    bus.emit(events.Microphone(state="lost", device="room:ben", performer="ben"))
    assert (bus.state.microphone, bus.state.device) == ("capturing", "USB")
    bus.emit(events.Performer(name="ben", performers=NAMES, by="osc"))
    assert (bus.state.microphone, bus.state.performer) == ("lost", "ben")
    assert [each.microphone for each in bus.state.performers] == ["capturing", "lost"]
    bus.emit(events.Performer(name="", performers=NAMES))
    assert (bus.state.microphone, bus.state.performer) == ("capturing", ""), "anna can speak"
