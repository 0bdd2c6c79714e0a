"""The detector: what it takes, and that streams do not tinge one another."""

from __future__ import annotations

import numpy as np
import pytest

from micstream.speech.webrtc import WebRtcDetector


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
