"""From a source's blocks to dated events: resampled, cut, nothing lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.resample import Resampler
from micstream.sound_path import SoundPath
from micstream.sources.source import Block
from micstream.speech.cutter import Cutter, Gate
from micstream.speech.events import End, EndReason, Onset, Speech, Timed
from micstream.speech.segmenter import SegmenterOptions
from micstream.speech.whole import Whole
from micstream.taps import Captured
from testbed.sources import Silent, opened
from tests.support.chunks import chunked, cuts
from tests.support.scripted import FRAME, ScriptedDetector, ramp, utterances
from tests.support.tones import tone

OPTIONS = SegmenterOptions(
    onset_ms=30, onset_window_ms=50, pre_roll_ms=20, hangover_ms=50, min_speech_ms=0
)


def events_of(path: SoundPath, blocks: list[Block]) -> list[Timed]:
    timed = [one for block in blocks for one in path.push(block)]
    return timed + list(path.finish(EndReason.SOURCE_ENDED))


@settings(max_examples=40)
@given(
    rate=st.sampled_from([16_000, 44_100, 48_000]),
    channels=st.sampled_from([1, 2]),
    decisions=st.lists(st.booleans(), min_size=5, max_size=60),
    where=cuts(40_000),
)
def test_any_division_gives_the_same_sound(
    rate: int, channels: int, decisions: list[bool], where: list[int]
) -> None:
    pcm = np.random.default_rng(1).bytes(len(decisions) * rate // 100 * channels * 2)
    source = Silent(rate, channels)
    resampler = Resampler(source.format, 16_000)
    at_16k = resampler.push(pcm) + resampler.finish()

    def run(blocks: list[bytes]) -> list[Onset | Speech | End]:
        path = opened(SoundPath(Cutter(ScriptedDetector(decisions), OPTIONS)), source)
        return [event for event, _ in events_of(path, [Block(block, 1.0) for block in blocks])]

    whole = run([pcm])
    assert run(list(chunked(pcm, where))) == whole
    utterances(whole, at_16k)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_onsets_are_dated_when_their_first_sample_was_captured(rate: int) -> None:
    begun = 1_000.0
    path = opened(
        SoundPath(Cutter(ScriptedDetector([False] * 30 + [True] * 20), OPTIONS)), Silent(rate)
    )
    block = bytes(rate // 50 * 2)
    blocks = [
        # Handed over late now and then, never early.
        Block(block, begun + number * 0.020 + (0.4 if number % 3 else 0.0))
        for number in range(1, 31)
    ]
    dated = [(event, at) for event, at in events_of(path, blocks) if isinstance(event, Onset)]
    ((onset, at),) = dated
    assert onset.start == 28 * 160
    assert at == pytest.approx(begun + 0.280, abs=0.001)


def test_only_onsets_are_dated() -> None:
    path = opened(SoundPath(Cutter(ScriptedDetector([True] * 20), OPTIONS)))
    for event, at in events_of(path, [Block(bytes(20 * 320), 50.0)]):
        assert (at != 0.0) == isinstance(event, Onset)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 1), (48_000, 2)])
def test_a_whole_source_is_one_utterance_to_its_last_sample(rate: int, channels: int) -> None:
    pcm = np.repeat(tone(440, rate, 0.5), channels).tobytes()
    path = opened(SoundPath(Whole()), Silent(rate, channels))
    blocks = [Block(block, 1.0) for block in chunked(pcm, range(0, len(pcm), 2_000)) if block]
    events = [event for event, _ in events_of(path, blocks)]
    sound = b"".join(event.pcm for event in events if isinstance(event, Speech))
    ((_, end),) = utterances(events, sound)
    assert abs(end.end - 8_000) <= 1


def test_the_channel_picked_is_the_one_cut() -> None:
    left = ramp(1_000)
    right = ramp(2_000)[2_000:]
    both = np.stack([np.frombuffer(left, "<i2"), np.frombuffer(right, "<i2")], axis=1).tobytes()
    for pick, expected in ((1, left), (2, right)):
        path = opened(SoundPath(Whole()), Silent(16_000, 2, pick))
        timed = events_of(path, [Block(both, 1.0)])
        sound = b"".join(event.pcm for event, _ in timed if isinstance(event, Speech))
        assert sound == expected


def test_a_lost_device_ends_the_open_utterance() -> None:
    path = opened(SoundPath(Cutter(ScriptedDetector([True] * 100), OPTIONS)), Silent(48_000))
    list(path.push(Block(bytes(48_000), 1.0)))
    *_, (end, _) = path.finish(EndReason.DEVICE)
    assert isinstance(end, End)
    assert end.reason is EndReason.DEVICE
    assert end.end == 8_000


# ---- what is lost, and openings ------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """Frames of 10 ms that came without a gap, after so many samples that were lost."""

    lost: int
    script: list[bool]


STRETCHES = st.lists(
    st.builds(
        Stretch,
        lost=st.one_of(st.just(0), st.integers(1, 8_000)),
        script=st.lists(st.booleans(), min_size=1, max_size=25),
    ),
    min_size=1,
    max_size=5,
)
BEGUN = 500.0


class Captured16k:
    """All that one performer says, with holes: what is captured, and where each sample belongs."""

    def __init__(self, openings: list[list[Stretch]]) -> None:
        self.script = [frame for one in openings for stretch in one for frame in stretch.script]
        self.places: list[int] = []
        self.blocks: list[list[Block]] = []
        sound, at, place = ramp(len(self.script) * FRAME), 0, 0
        for number, opening in enumerate(openings):
            blocks = []
            for index, stretch in enumerate(opening):
                # At its beginning an opening has lost nothing, the very first one nothing to lose.
                lost = stretch.lost if number or index else 0
                samples = len(stretch.script) * FRAME
                place += lost
                self.places += range(place, place + samples)
                place += samples
                pcm = sound[at * 2 : (at + samples) * 2]
                blocks.append(Block(pcm, BEGUN + place / 16_000, lost / 16_000))
                at += samples
            self.blocks.append(blocks)
        self.sound = sound


def divided(block: Block, where: list[int]) -> list[Block]:
    """The same sound in several blocks, each with its own time; odd bytes stay together."""
    pieces = [piece for piece in chunked(block.pcm, [2 * at for at in where]) if piece]
    ends, blocks = block.ends_at - len(block.pcm) / 32_000, []
    for number, piece in enumerate(pieces):
        ends += len(piece) / 32_000
        blocks.append(Block(piece, ends, 0.0 if number else block.lost_s))
    return blocks


def spoken(captured: Captured16k, path: SoundPath, where: list[int]) -> list[Timed]:
    """All events: each opening to its end, lost, and opened anew."""
    timed: list[Timed] = []
    for blocks in captured.blocks:
        timed += path.open(Silent())
        for block in blocks:
            for piece in divided(block, where):
                timed += path.push(piece)
        timed += path.finish(EndReason.DEVICE)
    return timed


OPENINGS = st.lists(STRETCHES, min_size=1, max_size=3)


@settings(max_examples=200)
@given(OPENINGS, cuts(2_000))
def test_any_division_gives_the_same_events_whatever_is_lost(
    openings: list[list[Stretch]], where: list[int]
) -> None:
    captured = Captured16k(openings)

    def run(where: list[int]) -> list[Onset | Speech | End]:
        path = SoundPath(Cutter(ScriptedDetector(captured.script), OPTIONS))
        return [event for event, _ in spoken(captured, path, where)]

    def joined(events: list[Onset | Speech | End]) -> list[object]:
        # A device's last samples are handed out as they come.
        return [event for event in events if not isinstance(event, Speech)]

    divided_, whole = run(where), run([])
    assert joined(divided_) == joined(whole)
    assert sound_of(divided_) == sound_of(whole)


def sound_of(events: list[Onset | Speech | End]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, Speech))


@settings(max_examples=200)
@given(OPENINGS, cuts(2_000))
def test_what_is_lost_moves_what_comes_after_it_and_the_clock_stays_true(
    openings: list[list[Stretch]], where: list[int]
) -> None:
    captured = Captured16k(openings)
    path = SoundPath(Cutter(ScriptedDetector(captured.script), OPTIONS))
    behind = -1  # the place of the last utterance's last sample
    onset: Onset | None = None
    pcm = b""
    for event, at in spoken(captured, path, where):
        match event:
            case Onset():
                onset, pcm = event, b""
                assert event.start > behind
                assert abs(at - (BEGUN + event.start / 16_000)) < 1e-6
            case Speech():
                assert onset is not None
                assert event.start == onset.start + len(pcm) // 2
                pcm += event.pcm
            case End():
                assert onset is not None
                assert event.end == onset.start + len(pcm) // 2
                # Its sound is what was captured from its place on.
                index = captured.places.index(onset.start)
                assert pcm == captured.sound[2 * index : 2 * index + len(pcm)]
                behind = onset.start
                onset = None
    assert onset is None


class Ears:
    """Listens to all that is captured, or to nothing."""

    def __init__(self, *, active: bool = True) -> None:
        self.active = active
        self.heard: list[Captured] = []

    def captured(self, sound: Captured) -> None:
        """Keep it."""
        self.heard.append(sound)


@settings(max_examples=100)
@given(OPENINGS, cuts(2_000), st.sampled_from(Gate))
def test_listeners_get_every_sample_once_in_its_place_whatever_the_gate(
    openings: list[list[Stretch]], where: list[int], gate: Gate
) -> None:
    captured, ears, deaf = Captured16k(openings), Ears(), Ears(active=False)
    cutter = Cutter(ScriptedDetector(captured.script), OPTIONS)
    path = SoundPath(cutter, listeners=(deaf, ears))
    path.set_gate(gate)
    spoken(captured, path, where)
    assert deaf.heard == []
    assert b"".join(sound.pcm for sound in ears.heard) == captured.sound
    places = [place for sound in ears.heard for place in range(sound.start, sound.end)]
    assert places == captured.places
    for sound in ears.heard:
        assert abs(sound.at - (BEGUN + sound.start / 16_000)) < 1e-6


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_places_and_times_hold_for_a_device_of_another_rate(rate: int) -> None:
    ears = Ears()
    path = SoundPath(Cutter(ScriptedDetector([]), OPTIONS), listeners=[ears])
    now, lost_s = BEGUN, 0.5
    for number in range(3):
        path.open(Silent(rate))
        for index in range(10):
            lost = lost_s if index == 5 or (number and not index) else 0.0
            now += lost + 0.1
            list(path.push(Block(bytes(2 * (rate // 10)), now, lost)))
        path.finish(EndReason.DEVICE)
    sounds = ears.heard
    gaps = [b.start - a.end for a, b in pairwise(sounds) if b.start != a.end]
    assert gaps == [pytest.approx(8_000, abs=1)] * 5
    assert sum(len(sound.pcm) for sound in sounds) == pytest.approx(3 * 32_000, abs=6)
    for sound in sounds:
        assert sound.at == pytest.approx(BEGUN + sound.start / 16_000, abs=1e-3)


def test_a_line_held_open_goes_on_when_the_device_is_back() -> None:
    path = SoundPath(Cutter(ScriptedDetector([]), OPTIONS))
    path.set_gate(Gate.OPEN)
    captured = Captured16k([[Stretch(0, [False] * 5)], [Stretch(800, [False] * 5)]])
    timed = [one for one in spoken(captured, path, []) if not isinstance(one[0], Speech)]
    assert [type(event) for event, _ in timed] == [Onset, End] * 2
    second, at = timed[2]
    assert isinstance(second, Onset)
    assert second.start == 800 + 800
    assert at == pytest.approx(BEGUN + 0.1)


def test_while_no_source_is_open_a_gate_begins_nothing() -> None:
    path = SoundPath(Cutter(ScriptedDetector([]), OPTIONS))
    assert path.set_gate(Gate.OPEN) == []
    path.open(Silent())
    assert path.finish(EndReason.DEVICE) == []
    path.open(Silent())
    (onset, _), *_ = path.push(Block(bytes(640), 1.0))
    assert isinstance(onset, Onset)
    assert isinstance(path.finish(EndReason.DEVICE)[-1][0], End)
    assert [*path.set_gate(Gate.CLOSED), *path.set_gate(Gate.OPEN)] == []
    assert [*path.hold(), *path.release()] == []
    with pytest.raises(ValueError, match="no source is open"):
        next(path.push(Block(bytes(320), 1.0)))


def test_another_source_ends_the_utterance_of_the_one_before() -> None:
    path = opened(SoundPath(Cutter(ScriptedDetector([True] * 99), OPTIONS)))
    begun = list(path.push(Block(bytes(3_200), 1.0)))
    assert isinstance(begun[0][0], Onset)
    ((end, _),) = path.open(Silent(48_000))
    assert isinstance(end, End)
    assert end.reason is EndReason.MUTE


# ---- held, while something else is heard ---------------------------------------------------------

ACTS = st.lists(
    st.one_of(st.sampled_from(Gate), st.sampled_from(["hold", "release"]), st.integers(1, 900)),
    max_size=25,
)


@settings(max_examples=200)
@given(ACTS, st.lists(st.booleans(), max_size=80))
def test_a_path_that_is_held_is_one_whose_gate_is_closed(
    acts: list[Gate | str | int], script: list[bool]
) -> None:
    """And is afterwards as its gate was set, meanwhile too."""
    held, gated = (opened(SoundPath(Cutter(ScriptedDetector(script), OPTIONS))) for _ in range(2))
    gate, holds, at = Gate.DETECTOR, 0, 0
    sound = ramp(30_000)
    ours: list[Timed] = []
    theirs: list[Timed] = []
    for act in acts:
        match act:
            case Gate():
                gate = act
                ours += held.set_gate(act)
            case "hold":
                holds += 1
                ours += held.hold()
            case "release" if holds:
                holds -= 1
                ours += held.release()
            case int():
                pcm = sound[at * 2 : (at + act) * 2]
                at += act
                ours += held.push(Block(pcm, 1.0))
                theirs += gated.push(Block(pcm, 1.0))
        assert (held.gate, held.is_held) == (gate, holds > 0)
        theirs += gated.set_gate(Gate.CLOSED if holds else gate)
    assert [*ours, *held.finish(EndReason.SHUTDOWN)] == [
        *theirs,
        *gated.finish(EndReason.SHUTDOWN),
    ]


def test_more_releases_than_holds_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="not held"):
        SoundPath(Whole()).release()
