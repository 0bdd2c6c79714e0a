"""Where a sound began: noise, bursts at known places, and the way back from behind them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from micstream.speech.trace import began
from tests.support.noises import Floats, buzz, noise, pcm

STEP = 160
FARTHEST = 4_800


def background(rms: float, seconds: float = 3.0) -> Floats:
    return noise(rms, seconds, seed=4)


def with_end(rms: float, sound: Floats) -> bytes:
    """Three seconds of background, `sound` in their last samples."""
    whole = background(rms)
    whole[whole.size - sound.size :] += sound
    return pcm(whole)


@given(
    history=of_numpy.arrays("<i2", st.integers(0, 4_000)),
    farthest=st.integers(0, 6_000),
)
def test_never_past_the_farthest_nor_before_the_history(
    history: npt.NDArray[np.int16], farthest: int
) -> None:
    back = began(history.tobytes(), farthest)
    assert 0 <= back <= min(farthest, history.size)


@given(
    samples=st.integers(1, 4_700),
    background_rms=st.sampled_from([0.0, 3.0, 30.0, 100.0]),
    made_of=st.sampled_from(["tone", "voice", "noise"]),
)
def test_a_burst_is_found_within_ten_milliseconds(
    samples: int, background_rms: float, made_of: str
) -> None:
    seconds = samples / 16_000
    bursts = {
        "tone": 5_000 * np.cos(2 * np.pi * 700 / 16_000 * np.arange(samples)),
        "voice": buzz(seconds),
        "noise": noise(3_000, seconds, seed=9),
    }
    back = began(with_end(background_rms, bursts[made_of]), FARTHEST)
    assert abs(back - samples) <= STEP


@given(samples=st.integers(2_000, 9_000), farthest=st.integers(0, 1_990))
def test_it_goes_as_far_as_it_may(samples: int, farthest: int) -> None:
    history = with_end(10, noise(3_000, samples / 16_000, seed=9))
    assert farthest - STEP < began(history, farthest) <= farthest


@pytest.mark.parametrize("fricative_db", [-52, -45, -35])
def test_the_consonant_before_the_vowel_belongs_to_it(fricative_db: float) -> None:
    # 90 ms of hiss, far quieter than the 60 ms of vowel that were voiced; background: -66 dBFS.
    hiss = np.diff(noise(1, 0.09, seed=7), prepend=0)
    hiss *= 32_768 * 10 ** (fricative_db / 20) / hiss.std()
    spoken = np.concatenate([hiss, buzz(0.06)])
    assert abs(began(with_end(16, spoken), FARTHEST) - spoken.size) <= STEP


@pytest.mark.parametrize(
    ("gap_ms", "loud_db", "bridged"),
    [
        *((10, -45, True), (30, -45, True), (50, -45, True)),
        *((60, -45, True), (100, -45, True), (140, -45, True)),
        *((150, -45, False), (200, -45, False)),
        *((50, -59, True), (60, -59, False), (100, -59, False)),
    ],
)
def test_a_gap_ends_the_way_back_the_sooner_the_fainter_what_is_behind_it(
    gap_ms: int, loud_db: float, bridged: bool
) -> None:
    # A hiss, a closure, a voice; the room is at -66 dBFS.
    burst = np.diff(noise(1, 0.05, seed=5), prepend=0)
    burst *= 32_768 * 10 ** (loud_db / 20) / burst.std()
    spoken = np.concatenate([burst, np.zeros(gap_ms * 16), buzz(0.04)])
    back = began(with_end(16, spoken), FARTHEST)
    assert back == pytest.approx(min(spoken.size, FARTHEST) if bridged else 640, abs=STEP)


def test_two_stop_consonants_are_no_longer_gap() -> None:
    stop = np.zeros(640)
    spoken = np.concatenate([buzz(0.05), stop, buzz(0.05), stop, buzz(0.04)])
    assert abs(began(with_end(16, spoken), FARTHEST) - spoken.size) <= STEP


class TestHall:
    """A murmur at -30 dBFS, in which the floor is never quiet."""

    def test_in_steady_noise_there_is_no_way_back(self) -> None:
        assert began(pcm(background(1_000)), FARTHEST) == 0

    def test_it_stops_where_the_word_began(self) -> None:
        word = buzz(0.08, height=6_000)
        assert abs(began(with_end(1_000, word), FARTHEST) - word.size) <= STEP

    def test_a_murmur_that_comes_and_goes_is_no_part_of_the_word(self) -> None:
        # Quiet in its gaps, so that most of it stands out of the floor.
        whole = background(1_000)
        for at in range(0, whole.size, 8_000):
            whole[at : at + 800] *= 0.02
        word = buzz(0.08, height=8_000)
        whole[whole.size - word.size :] += word
        assert abs(began(pcm(whole), FARTHEST) - word.size) <= STEP


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_how_loud_it_all_is_does_not_matter(factor: int) -> None:
    hiss = 200 * np.diff(noise(1, 0.07, seed=7))
    whole = background(20)
    spoken = np.concatenate([hiss, buzz(0.1, height=1_000)])
    whole[whole.size - spoken.size :] += spoken
    assert began(pcm(whole * factor), FARTHEST) == began(pcm(whole), FARTHEST) > 0


def test_the_room_behind_a_gate_that_opens_is_no_part_of_it() -> None:
    """A noise gate lets the room through some 200 ms before the voice."""
    voice = pcm(buzz(0.06))
    room, word = noise(25, 0.2, seed=2), buzz(0.05)
    history = pcm(np.concatenate([np.zeros(40_000), room, word]))
    assert began(history, FARTHEST) > 3_000, "without the voice nothing tells it from speech"
    assert abs(began(history, FARTHEST, voice) - word.size) <= STEP


@pytest.mark.parametrize("hertz", [50, 60, 100, 120])
@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_in_hum_nothing_began(hertz: int, quarter: int) -> None:
    phase = 2 * np.pi * (hertz / 16_000 * np.arange(48_000) + quarter / 4)
    assert began(pcm(3_000 * np.sin(phase) + background(10)), FARTHEST) == 0


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 1_000, 48_000])
def test_in_digital_silence_nothing_began(samples: int) -> None:
    assert began(bytes(2 * samples), FARTHEST) == 0


def test_what_is_shorter_than_a_step_says_nothing() -> None:
    assert began(pcm(noise(5_000, 0.005)), FARTHEST) == 0
    assert began(with_end(10, buzz(0.1)), STEP - 1) == 0
