"""Two judges and their rules: webrtcvad as it is, Silero by a script, then both on real speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.speech.cutter import Cutter
from micstream.speech.detector import Detector
from micstream.speech.events import Onset
from micstream.speech.hybrid import HybridDetector
from micstream.speech.presets import TUNINGS, Tuning
from micstream.speech.silero import FRAME_SAMPLES, Samples, SileroDetector
from testbed.speech import SENTENCES, labels, samples
from tests.support.noises import RATE, Floats, buzz, noise, pcm, said

ON, NOT_YET, HASTENED = 0.5, 0.45, 0.55
LIKELY = 0.3
FRAME_S = FRAME_SAMPLES / RATE
BEFORE = 10
"""Frames of silence in which webrtcvad has nothing to say."""


class Scripted:
    """Says what it was told, frame by frame, and 0 after that."""

    def __init__(self, script: Sequence[float]) -> None:
        self._script = script
        self._at = 0
        self.resets = 0

    def judge(self, frame: Samples) -> float:
        assert frame.size == FRAME_SAMPLES
        self._at += 1
        return self._script[self._at - 1] if self._at <= len(self._script) else 0.0

    def reset(self) -> None:
        self.resets += 1
        self._at = 0


class Opinion:
    """A presence that says what it was told of each frame."""

    def __init__(self, script: Sequence[float]) -> None:
        self._script = script
        self._at = -1
        self.asked: list[int] = []

    def push(self, frame: bytes, said: float) -> None:
        self._at += 1

    def probability(self, agreed: float) -> float:
        assert 0 <= agreed <= 1
        self.asked.append(self._at - BEFORE)
        return self._script[self._at] if self._at < len(self._script) else 0.0

    def reset(self) -> None:
        self._at = -1


def judged(
    script: Sequence[float],
    sound: Floats,
    *,
    likely: Sequence[float] | float = 1.0,
    near_db: float | None = None,
    on: float = ON,
) -> list[float]:
    """The judgements of `sound` after ten frames of silence; the scripts are for `sound`."""
    chances = [likely] * len(script) if isinstance(likely, float) else list(likely)
    detector = HybridDetector(
        on=on,
        near_db=near_db,
        model=Scripted([0.0] * BEFORE + list(script)),
        presence=Opinion([0.0] * BEFORE + chances),
    )
    whole = np.concatenate([np.zeros(BEFORE * FRAME_SAMPLES), sound])
    return [float(one) for one in said(detector, whole)[BEFORE:]]


def of_frames(frames: int) -> Floats:
    return buzz(frames * FRAME_S)


def silence(frames: int) -> Floats:
    return np.zeros(frames * FRAME_SAMPLES)


class TestWhereWebrtcvadAgrees:
    def test_what_is_sure_is_an_onset_at_once(self) -> None:
        assert judged([0.9, 0.6, 0.5], of_frames(3)) == [0.9, 0.6, 0.5]
        assert judged([0.0, 0.6, 0.0], of_frames(3)) == [0.0, 0.6, 0.0]

    def test_what_is_hardly_sure_has_to_come_twice(self) -> None:
        assert judged([0.52, 0.1, 0.1, 0.52, 0.52], of_frames(5), likely=[1.0, 0, 0, 1, 1]) == [
            *(NOT_YET, 0.1, 0.1),
            *(NOT_YET, 0.52),
        ]

    def test_less_than_that_is_none(self) -> None:
        script = [0.49, 0.1, 0.49, 0.0, 0.49]
        assert judged(script, of_frames(5), likely=0.0) == script

    def test_the_onset_asked_for_counts(self) -> None:
        assert judged([0.71, 0.9], of_frames(2), on=0.7) == [0.9 * 0.7, 0.9]


class TestWhereItDoesNot:
    def test_silero_has_to_say_it_twice(self) -> None:
        script = [0.9, 0.9, 0.9]
        assert judged(script, silence(3), likely=[1.0, 1, 0]) == [NOT_YET, 0.9, 0.9]
        assert judged([0.0, 0.9, 0.0, 0.0], silence(4)) == [0.0, NOT_YET, 0.0, 0.0]

    def test_with_one_frame_between_it_is_still_twice(self) -> None:
        assert judged([0.9, 0.01, 0.9], silence(3)) == [NOT_YET, 0.01, 0.9]

    def test_but_not_with_two(self) -> None:
        assert judged([0.9, 0, 0, 0.9], silence(4)) == [NOT_YET, 0, 0, NOT_YET]


class TestSecondOpinion:
    @pytest.mark.parametrize("sound", [silence(6), of_frames(6)])
    def test_what_is_likely_three_times_is_an_onset_and_goes_on(self, sound: Floats) -> None:
        script = [0.1] * 6
        assert judged(script, sound, likely=[1.0, 1, 1, 1, 0, 1]) == [
            *(0.1, 0.1),
            *(ON, ON),
            *(0.1, 0.1),
        ]

    def test_what_is_unlikely_begins_nothing_however_sure_silero_is(self) -> None:
        assert judged([0.9] * 6, of_frames(6), likely=0.0) == [NOT_YET] * 6

    def test_what_has_begun_needs_no_opinion(self) -> None:
        opinion = Opinion([1.0] * 20)
        model = Scripted([0.0] * BEFORE + [0.9] * 6)
        detector = HybridDetector(model=model, presence=opinion)
        said(detector, np.concatenate([silence(BEFORE), of_frames(6)]))
        assert opinion.asked == [0]

    def test_of_silence_nobody_is_asked(self) -> None:
        opinion = Opinion([])
        said(HybridDetector(model=Scripted([0.01] * 9), presence=opinion), silence(9))
        assert opinion.asked == []


def test_of_the_end_silero_alone_decides() -> None:
    # The buzz goes on, Silero does not hear it any more.
    script = [0.9] * 5 + [0.2] * 5
    assert judged(script, of_frames(10), likely=[1.0] * 5 + [0] * 5) == script
    # And the other way round, where the voice has faded.
    script = [0.9] * 10
    assert judged(script, np.concatenate([of_frames(5), silence(5)])) == script


def test_a_voice_too_far_away_is_not_hastened_and_begins_nothing() -> None:
    sound = np.concatenate([of_frames(20), of_frames(20) * 0.25])
    script = [0.9] * 20 + [0.0] * 10 + [0.46, 0.9, 0.9, 0.46, *[0.9] * 6]
    heard = judged(script, sound, near_db=6)
    assert heard[:30] == script[:30]
    assert max(heard[30:]) < ON
    # Without a limit the same voice counts.
    heard = judged(script, sound)
    assert heard[31:33] == [0.9, 0.9]


FRAMES = st.lists(
    st.tuples(st.sampled_from(["buzz", "silence", "noise"]), st.floats(0, 1)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60)
@given(
    frames=FRAMES,
    chances=st.lists(st.floats(0, 1), min_size=40, max_size=40),
    near_db=st.sampled_from([None, 6.0, 18.0]),
)
def test_the_laws_of_all(
    frames: list[tuple[str, float]], chances: list[float], near_db: float | None
) -> None:
    made = {
        "buzz": of_frames(1),
        "silence": silence(1),
        "noise": noise(2_000, 1)[:FRAME_SAMPLES],
    }
    script = [sure for _, sure in frames]
    likely = chances[: len(script)]
    sound = np.concatenate([made[kind] for kind, _ in frames])
    heard = judged(script, sound, likely=likely, near_db=near_db)
    for at, (sure, result) in enumerate(zip(script, heard, strict=True)):
        assert result <= max(sure, ON)
        assert result >= min(sure, NOT_YET), "what holds an utterance open goes on doing so"
        begins = result >= ON and (at == 0 or heard[at - 1] < ON)
        if begins:
            assert likely[at] >= LIKELY, "nothing begins that is unlikely"
            assert sure >= 0.02, "nor what Silero rules out"


def test_after_a_reset_it_judges_as_at_first() -> None:
    model = Scripted([0.4, 0.9, 0.9, 0.1, 0.9, 0.4])
    detector = HybridDetector(model=model)
    sound = np.concatenate([silence(2), of_frames(2), silence(2)])
    first = said(detector, sound).tolist()
    detector.reset()
    assert model.resets == 1
    assert said(detector, sound).tolist() == first


def test_after_a_reset_the_real_one_does_too() -> None:
    detector = HybridDetector()
    sentence = samples(SENTENCES)[: 4 * RATE].astype(np.float64)
    first = said(detector, sentence).tolist()
    said(detector, noise(3_000, 1))
    detector.reset()
    assert said(detector, sentence).tolist() == first


def decided(detector: Detector, tuning: Tuning, sound: Floats) -> list[float]:
    """The seconds at which it was decided that an utterance began."""
    cutter = Cutter(
        detector, tuning.segmenter, on=tuning.on, off=tuning.off, margin_ms=tuning.margin_ms
    )
    events = [*cutter.push(pcm(sound)), *cutter.finish()]
    return [event.decided / RATE for event in events if isinstance(event, Onset)]


@pytest.mark.parametrize("gain_db", [0, -20, 10])
@pytest.mark.parametrize("noise_rms", [0, 150])
def test_it_begins_no_later_than_silero_and_mostly_earlier(
    gain_db: float, noise_rms: float
) -> None:
    sound = samples(SENTENCES).astype(np.float64)
    sound = (sound + noise(noise_rms, 60)[: sound.size]) * 10 ** (gain_db / 20)
    hybrid, silero = TUNINGS["hybrid", "room"], TUNINGS["silero", "room"]
    ours = decided(HybridDetector(on=hybrid.on), hybrid, sound)
    alone = decided(SileroDetector(on=silero.on), silero, sound)
    assert len(ours) == len(alone) == len(labels())
    sooner = [theirs - our for our, theirs in zip(ours, alone, strict=True)]
    assert min(sooner) >= -FRAME_S
    assert sum(one > 0 for one in sooner) > len(sooner) / 2
    delays = [at - label.start for at, label in zip(ours, labels(), strict=True)]
    assert min(delays) >= -0.01
    assert max(delays) <= 0.2


@pytest.mark.parametrize("gain_db", [0, -20, 10])
def test_it_hears_every_sentence_and_no_pause(gain_db: float) -> None:
    heard = said(HybridDetector(), samples(SENTENCES).astype(np.float64), gain_db)
    at = (np.arange(heard.size) + 0.5) * FRAME_S
    pauses = np.ones(heard.size, dtype=bool)
    for label in labels():
        within = (at > label.start) & (at < label.end)
        assert (heard[within] >= ON).mean() >= 0.9, label.words
        pauses &= (at < label.start - 0.05) | (at > label.end + 0.15)
    assert (heard[pauses] < ON).all()
