"""From a source's blocks to dated events: resampled, cut, nothing lost on the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.resample import Resampler
from micstream.sound_path import SoundPath
from micstream.sources.source import Block
from micstream.speech.cutter import Cutter
from micstream.speech.events import End, EndReason, Onset, Speech, Timed
from micstream.speech.segmenter import SegmenterOptions
from micstream.speech.whole import Whole
from tests.support.chunks import chunked, cuts
from tests.support.scripted import ScriptedDetector, ramp, utterances
from tests.support.sources import Silent, opened
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
