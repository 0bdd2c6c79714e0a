"""Levels in dBFS, and floats to 16 bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from micstream.audio.levels import (
    FLOOR_DB,
    band_db,
    is_clipped,
    peak_db,
    quantile,
    rms_db,
    to_float,
    to_int16,
)
from tests.support.tones import tone


def in_floats(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    return samples.astype(np.float32) / np.float32(32_768)


@pytest.mark.parametrize(
    ("amplitude", "level"), [(32_767, 0.0), (16_384, -6.02), (3_277, -20.0), (328, -39.99)]
)
def test_a_square_wave_has_its_amplitude_as_level(amplitude: int, level: float) -> None:
    square = np.array([amplitude, -amplitude] * 160, dtype="<i2")
    assert rms_db(square.tobytes()) == pytest.approx(level, abs=0.02)


def test_a_sine_lies_three_decibels_below_its_peak() -> None:
    sine = 32_767 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert rms_db(sine.astype("<i2").tobytes()) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("pcm", [b"", bytes(640)])
def test_silence_lies_on_the_floor(pcm: bytes) -> None:
    assert rms_db(pcm) == FLOOR_DB


@given(of_numpy.arrays("<i2", st.integers(1, 400)))
def test_levels_lie_between_floor_and_full_scale(samples: npt.NDArray[np.int16]) -> None:
    assert FLOOR_DB <= rms_db(samples.tobytes()) <= 0.0


@given(of_numpy.arrays("<i2", st.integers(0, 400)))
def test_sixteen_bits_survive_the_way_through_floats(samples: npt.NDArray[np.int16]) -> None:
    assert to_int16(in_floats(samples)).tolist() == samples.tolist()


def test_floats_are_rounded_and_clipped() -> None:
    floats = np.array([0.0, 1.0, -1.0, 7.5, -7.5, 0.5, 1.6 / 32768, -1.6 / 32768], np.float32)
    assert to_int16(floats).tolist() == [0, 32767, -32768, 32767, -32768, 16384, 2, -2]


def test_what_is_no_number_is_silence_and_the_infinite_is_loud() -> None:
    floats = np.array([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38], np.float32)
    assert to_int16(floats).tolist() == [0, 32767, -32768, 32767, -32768]


class TestBand:
    """The level of what a voice is made of: what lies above 200 Hz."""

    @given(
        seed=st.integers(0, 1_000),
        size=st.sampled_from([160, 320, 480, 512, 3_200]),
        gain=st.floats(-30, 10),
    )
    def test_gain_moves_it(self, seed: int, size: int, gain: float) -> None:
        noise = np.random.default_rng(seed).normal(0, 0.05, size).astype(np.float32)
        louder = noise * np.float32(10 ** (gain / 20))
        assert band_db(louder) - band_db(noise) == pytest.approx(gain, abs=0.01)

    @given(of_numpy.arrays(np.float32, st.integers(0, 600), elements=st.floats(-1, 1, width=32)))
    def test_it_lies_on_the_floor_or_above(self, samples: npt.NDArray[np.float32]) -> None:
        assert FLOOR_DB <= band_db(samples) <= 1e-9

    @pytest.mark.parametrize("hertz", [250, 440, 1_000, 3_500, 7_000])
    def test_a_tone_has_its_rms(self, hertz: int) -> None:
        sine = tone(hertz, 16_000, 0.2)
        of_all = rms_db(sine.tobytes())
        assert band_db(in_floats(sine)) == pytest.approx(of_all, abs=0.1)

    @pytest.mark.parametrize("hertz", [30, 50, 60, 100, 150])
    def test_hum_does_not_count(self, hertz: int) -> None:
        hum = in_floats(tone(hertz, 16_000, 0.2))
        assert band_db(hum) < -60
        noise = np.random.default_rng(2).normal(0, 0.01, hum.size).astype(np.float32)
        assert band_db(noise + hum) == pytest.approx(band_db(noise), abs=0.1)

    @pytest.mark.parametrize("size", [160, 320, 512])
    def test_it_counts_little_within_a_frame(self, size: int) -> None:
        hum = tone(50, 16_000)[:size]
        assert band_db(in_floats(hum)) < rms_db(hum.tobytes()) - 12

    @given(seed=st.integers(0, 1_000), size=st.integers(1, 600), hum=st.floats(0, 1))
    def test_it_is_the_spectrums(self, seed: int, size: int, hum: float) -> None:
        noise = np.random.default_rng(seed).normal(0, 0.01, size)
        samples = (noise + hum * in_floats(tone(50, 16_000)[:size])).astype(np.float32)
        power = np.abs(np.fft.fft(samples.astype(np.float64))) ** 2 / size**2
        counts = np.abs(np.fft.fftfreq(size, 1 / 16_000)) >= 200
        of_bins = 10 * np.log10(max(1e-30, power[counts].sum()))
        assert band_db(samples) == pytest.approx(max(FLOOR_DB, of_bins), abs=1e-6)

    @pytest.mark.parametrize("size", [0, 1, 79, 160, 512])
    def test_silence_lies_on_the_floor(self, size: int) -> None:
        assert band_db(np.zeros(size, np.float32)) == FLOOR_DB

    def test_nothing_of_a_standing_offset_counts(self) -> None:
        assert band_db(np.full(512, 0.5, np.float32)) == FLOOR_DB


@given(st.binary(max_size=400).filter(lambda pcm: len(pcm) % 2 == 0))
def test_floats_and_back_are_the_same_samples(pcm: bytes) -> None:
    floats = to_float(pcm)
    assert floats.dtype == np.float32
    assert to_int16(floats).tobytes() == pcm


@given(
    of_numpy.arrays(np.float64, st.integers(1, 60), elements=st.floats(-200, 200)),
    st.floats(0, 1),
)
def test_quantiles_are_numpys(values: npt.NDArray[np.float64], share: float) -> None:
    assert quantile(values, share) == pytest.approx(np.quantile(values, share), abs=1e-9)


@pytest.mark.parametrize("sample", [0, 1, -1, 1_000, 16_384, 32_765, 32_766, -32_767, -32_768])
def test_a_peak_is_the_loudest_sample_and_full_scale_is_two_steps_of_it(sample: int) -> None:
    pcm = np.array([0, sample // 3, sample, 0], "<i2").tobytes()
    expected = max(FLOOR_DB, 20 * np.log10(max(abs(sample), 1e-3) / 32768))
    assert peak_db(pcm) == pytest.approx(expected, abs=1e-9)
    assert is_clipped(peak_db(pcm)) == (abs(sample) >= 32_766)


def test_no_sound_has_no_peak() -> None:
    assert peak_db(b"") == FLOOR_DB
