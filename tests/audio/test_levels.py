"""Levels in dBFS, and floats to 16 bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from micstream.audio.format import AudioFormat
from micstream.audio.levels import FLOOR_DB, Zeros, rms_db, to_int16


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
    floats = samples.astype(np.float32) / np.float32(32768)
    assert to_int16(floats).tolist() == samples.tolist()


def test_floats_are_rounded_and_clipped() -> None:
    floats = np.array([0.0, 1.0, -1.0, 7.5, -7.5, 0.5, 1.6 / 32768, -1.6 / 32768], np.float32)
    assert to_int16(floats).tolist() == [0, 32767, -32768, 32767, -32768, 16384, 2, -2]


def test_what_is_no_number_is_silence_and_the_infinite_is_loud() -> None:
    floats = np.array([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38], np.float32)
    assert to_int16(floats).tolist() == [0, 32767, -32768, 32767, -32768]


def zeros_told(*blocks: bytes) -> list[int]:
    """After which blocks of 100 ms zeros are told of, where three of them are too long."""
    zeros = Zeros(AudioFormat(16_000), 0.3)
    return [number for number, block in enumerate(blocks, 1) if zeros.push(block)]


def test_exact_zeros_are_told_of_once_they_last_and_once_only() -> None:
    silent, sound = bytes(3200), bytes(3198) + b"\x01\x00"
    assert zeros_told(*[silent] * 7) == [3]
    assert zeros_told(silent, silent, sound, silent, silent) == []
    assert zeros_told(*[silent] * 4, sound, *[silent] * 4) == [3, 8]
    assert zeros_told(bytes(3200 * 5)) == [1]
    assert zeros_told(b"", sound, b"") == []
