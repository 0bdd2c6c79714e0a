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

ON, ALL_BUT = 0.5, 0.45
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


def judged(
    script: Sequence[float], sound: Floats, *, near_db: float | None = None, on: float = ON
) -> list[float]:
    """The judgements of `sound` after ten frames of silence; the script is for `sound`."""
    detector = HybridDetector(on=on, near_db=near_db, model=Scripted([0.0] * BEFORE + list(script)))
    whole = np.concatenate([np.zeros(BEFORE * FRAME_SAMPLES), sound])
    return [float(one) for one in said(detector, whole)[BEFORE:]]


def of_frames(frames: int) -> Floats:
    return buzz(frames * FRAME_S)


def silence(frames: int) -> Floats:
    return np.zeros(frames * FRAME_SAMPLES)


class TestWhereWebrtcvadAgrees:
    @pytest.mark.parametrize("sure", [ALL_BUT, 0.47, 0.49])
    def test_all_but_sure_is_an_onset_at_once(self, sure: float) -> None:
        assert judged([sure], of_frames(1)) == [ON]
        assert judged([0.0, sure, 0.0], of_frames(3)) == [0.0, ON, 0.0]

    def test_less_than_that_is_none(self) -> None:
        script = [0.44, 0.1, 0.44, 0.0, 0.44]
        assert judged(script, of_frames(5)) == script

    def test_what_is_sure_stays_as_it_is(self) -> None:
        assert judged([0.9, 0.6, 0.5], of_frames(3)) == [0.9, 0.6, 0.5]

    def test_the_onset_asked_for_counts(self) -> None:
        assert judged([0.65, 0.9], of_frames(2), on=0.7) == [0.7, 0.9]


class TestWhereItDoesNot:
    def test_silero_has_to_say_it_twice(self) -> None:
        assert judged([0.9, 0.9, 0.9], silence(3)) == [ALL_BUT, 0.9, 0.9]
        assert judged([0.0, 0.9, 0.0, 0.0, 0.0], silence(5)) == [0.0, ALL_BUT, 0.0, 0.0, 0.0]

    def test_with_one_frame_between_it_is_still_twice(self) -> None:
        assert judged([0.9, 0.1, 0.9], silence(3)) == [ALL_BUT, 0.1, 0.9]

    def test_but_not_with_two(self) -> None:
        assert judged([0.9, 0.1, 0.1, 0.9], silence(4)) == [ALL_BUT, 0.1, 0.1, ALL_BUT]

    def test_all_but_sure_is_not_lifted(self) -> None:
        assert judged([0.49, 0.4, 0.35], silence(3)) == [0.49, 0.4, 0.35]


def test_of_the_end_silero_alone_decides() -> None:
    # The buzz goes on, Silero does not hear it any more.
    script = [0.9] * 5 + [0.2] * 5
    assert judged(script, of_frames(10)) == script
    # And the other way round, where the voice has faded.
    script = [0.9] * 10
    assert judged(script, np.concatenate([of_frames(5), silence(5)])) == script


def test_a_voice_too_far_away_is_not_hastened_and_begins_nothing() -> None:
    sound = np.concatenate([of_frames(20), of_frames(20) * 0.25])
    script = [0.9] * 20 + [0.0] * 10 + [0.46, 0.9, 0.9, 0.46, *[0.9] * 6]
    heard = judged(script, sound, near_db=6)
    assert heard[:30] == script[:30]
    assert max(heard[30:]) < ON
    assert heard[30] == 0.46
    # Without a limit the same voice counts.
    heard = judged(script, sound)
    assert heard[30:34] == [ON, 0.9, 0.9, ON]


FRAMES = st.lists(
    st.tuples(st.sampled_from(["buzz", "silence", "noise"]), st.floats(0, 1)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60)
@given(frames=FRAMES, near_db=st.sampled_from([None, 6.0, 18.0]))
def test_the_laws_of_both(frames: list[tuple[str, float]], near_db: float | None) -> None:
    made = {
        "buzz": of_frames(1),
        "silence": silence(1),
        "noise": noise(2_000, 1)[:FRAME_SAMPLES],
    }
    script = [sure for _, sure in frames]
    heard = judged(script, np.concatenate([made[kind] for kind, _ in frames]), near_db=near_db)
    for at, (sure, result) in enumerate(zip(script, heard, strict=True)):
        assert result <= max(sure, ON)
        if sure < ALL_BUT:
            assert result == sure, "no frame is lifted that Silero rules out"
        else:
            assert result >= ALL_BUT, "what holds an utterance open goes on doing so"
        if sure >= ON and near_db is None and max(script[max(0, at - 2) : at], default=0) >= ON:
            assert result == sure, "said twice"


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
