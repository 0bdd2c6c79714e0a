"""The detector: what it takes, and that streams do not tinge one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.speech.webrtc import WebRtcDetector
from testbed.speech import SENTENCES, labels, samples
from tests.support.noises import RATE, Floats, buzz, clicks, noise, said

SPEECH = samples(SENTENCES).astype(np.float64)


@pytest.mark.parametrize(("frame_ms", "samples"), [(10, 160), (20, 320), (30, 480)])
def test_its_frames(frame_ms: int, samples: int) -> None:
    detector = WebRtcDetector(2, frame_ms)
    assert detector.frame_samples == samples
    assert detector.probability(bytes(samples * 2)) == 0.0


@pytest.mark.parametrize("frame_ms", [0, 15, 32, 40])
def test_other_frames_are_refused(frame_ms: int) -> None:
    with pytest.raises(ValueError, match=f"10, 20 or 30 ms, not {frame_ms}"):
        WebRtcDetector(2, frame_ms)


@pytest.mark.parametrize("mode", [-1, 4])
def test_other_modes_are_refused(mode: int) -> None:
    with pytest.raises(ValueError, match="modes 0 to 3"):
        WebRtcDetector(mode)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_the_quiet_noise_of_a_room_is_no_onset(mode: int) -> None:
    noise = np.random.default_rng(5).normal(0, 30, 16_000).astype("<i2").tobytes()
    detector = WebRtcDetector(mode)
    said = [detector.probability(noise[at : at + 640]) for at in range(0, 32_000, 640)]
    assert sum(said) <= 2


def test_after_a_reset_it_judges_as_at_first() -> None:
    noise = np.random.default_rng(2).normal(0, 200, 64_000)
    noise[:8_000] *= 0.05
    sound = noise.astype("<i2").tobytes()
    frames = [sound[at : at + 640] for at in range(0, len(sound), 640)]
    detector = WebRtcDetector(3)
    first = [detector.probability(frame) for frame in frames]
    assert [detector.probability(frame) for frame in frames] != first, "what it heard counts"
    detector.reset()
    assert [detector.probability(frame) for frame in frames] == first


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1_000),
    mode=st.integers(0, 3),
    frame_ms=st.sampled_from([10, 20, 30]),
    loudness=st.lists(st.floats(0, 4.5), min_size=1, max_size=12),
)
def test_probabilities_lie_between_0_and_1(
    seed: int, mode: int, frame_ms: int, loudness: list[float]
) -> None:
    parts = [10**exponent * noise(1, 0.3, seed + at) for at, exponent in enumerate(loudness)]
    heard = said(WebRtcDetector(mode, frame_ms), np.concatenate([*parts, buzz(0.5)]))
    assert heard.min() >= 0
    assert heard.max() <= 1


def of_sentences(gain_db: float, frame_ms: int = 20) -> Floats:
    return said(WebRtcDetector(2, frame_ms), SPEECH, gain_db)


@pytest.mark.parametrize("frame_ms", [10, 20, 30])
@pytest.mark.parametrize("gain_db", [-20, 10])
def test_how_loud_it_is_changes_little(gain_db: float, frame_ms: int) -> None:
    one, other = of_sentences(0, frame_ms), of_sentences(gain_db, frame_ms)
    assert np.mean(np.abs(one - other)) <= 0.03
    assert np.mean((one >= 0.3) != (other >= 0.3)) <= 0.03


@pytest.mark.parametrize("gain_db", [0, -20, 10])
def test_sentences_are_heard_and_pauses_are_not(gain_db: float) -> None:
    heard = of_sentences(gain_db)
    at = (np.arange(heard.size) + 0.5) * 0.02
    pauses = np.ones(heard.size, dtype=bool)
    for label in labels():
        within = (at > label.start) & (at < label.end)
        assert (heard[within] >= 0.3).mean() >= 0.8, label.words
        pauses &= (at < label.start - 0.05) | (at > label.end + 0.15)
    assert heard[pauses].max() < 0.1


@pytest.mark.parametrize("rms", [3, 30, 300, 3_000, 10_000])
@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_noise_alone_is_near_0(mode: int, rms: float) -> None:
    heard = said(WebRtcDetector(mode), noise(rms, 10))
    assert heard.mean() < 0.02
    assert heard.max() < 0.3


def test_a_voice_in_noise_counts_by_how_far_it_stands_out() -> None:
    means = []
    for rms in (20, 500, 1_000, 2_000):
        sound = noise(rms, 6)
        sound[4 * RATE : 5 * RATE] += buzz(1)
        means.append(said(WebRtcDetector(), sound)[205:245].mean())
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.9
    assert means[-1] < 0.6


def test_a_single_click_is_less_than_a_voice() -> None:
    assert said(WebRtcDetector(), clicks(1)).mean() < 0.1 < said(WebRtcDetector(), SPEECH).mean()
