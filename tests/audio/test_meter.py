"""The meter: laws of gain and division, and figures for sounds that were made to have them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from micstream.audio.levels import FLOOR_DB
from micstream.audio.meter import PIECE, Meter, Reading
from testbed.speech import RATE, SENTENCES, samples
from tests.support.chunks import chunked, cuts

Samples = npt.NDArray[np.int16]


def noise(level_db: float, seconds: float = 5.0, seed: int = 1) -> npt.NDArray[np.float64]:
    """White noise of that RMS, full scale 1.0."""
    generator = np.random.default_rng(seed)
    return generator.normal(0, 10 ** (level_db / 20), round(seconds * RATE))


def sine(hertz: float, level_db: float, seconds: float = 5.0) -> npt.NDArray[np.float64]:
    """A sine of that RMS."""
    times = np.arange(round(seconds * RATE)) / RATE
    return 10 ** (level_db / 20) * math.sqrt(2) * np.sin(2 * np.pi * hertz * times)


def pcm(sound: npt.NDArray[np.float64]) -> bytes:
    """As 16 bits, cut off at full scale as a converter does."""
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes()


def measured(data: bytes, remember_s: float = 60.0) -> Reading:
    meter = Meter(remember_s)
    meter.push(data)
    return meter.reading()


# ---- laws ------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 3 * RATE), cuts(6 * RATE))
def test_the_same_however_it_is_divided(start: int, where: list[int]) -> None:
    data = samples(SENTENCES)[start : start + 3 * RATE].tobytes()
    meter = Meter(2.0)
    pieces = sum(meter.push(chunk) for chunk in chunked(data, where))
    assert meter.reading() == measured(data, 2.0)
    assert pieces == meter.pieces == 3 * RATE // PIECE
    assert meter.seconds == 3.0


@settings(max_examples=30)
@given(st.integers(0, 25), st.integers(2, 8), st.floats(-66, -50))
def test_a_gain_moves_floor_speech_and_peak_by_itself(
    second: int, factor: int, floor: float
) -> None:
    speech = samples(SENTENCES)[second * RATE : (second + 8) * RATE] / 32768 / 16
    quiet = np.frombuffer(pcm(speech + noise(floor, 8)), dtype="<i2")
    before, after = measured(quiet.tobytes()), measured((quiet * factor).astype("<i2").tobytes())
    gain = 20 * math.log10(factor)
    assert before.floor_db is not None
    assert after.floor_db == pytest.approx(before.floor_db + gain, abs=1e-6)
    assert after.peak_db == pytest.approx(before.peak_db + gain, abs=1e-6)
    assert after.speech_s == before.speech_s
    if before.speech_db is not None:
        assert after.speech_db == pytest.approx(before.speech_db + gain, abs=1e-6)
        assert after.snr_db == pytest.approx(before.snr_db, abs=1e-6)


@given(of_numpy.arrays("<i2", st.integers(0, 5_000)), st.integers(1, 12))
def test_whatever_comes_the_figures_are_numbers(sound: Samples, times: int) -> None:
    reading = measured(np.tile(sound, times).tobytes(), 1.0)
    assert FLOOR_DB <= reading.level_db <= 3.02  # a square wave under the window's middle
    assert FLOOR_DB <= reading.peak_db <= 0.0
    assert 0.0 <= reading.clipped_share <= 1.0
    assert -1.0 <= reading.dc <= 1.0
    if reading.floor_db is not None:
        assert FLOOR_DB <= reading.floor_db <= 3.02
    if reading.speech_db is not None:
        assert reading.floor_db is not None
        assert reading.speech_db >= reading.floor_db
    if reading.hum is not None:
        assert math.isfinite(reading.hum.over_db + reading.hum.level_db)


@given(st.floats(0.1, 20))
def test_only_the_last_seconds_are_remembered(remember_s: float) -> None:
    meter = Meter(remember_s)
    meter.push(pcm(noise(-20, 4)))
    meter.push(pcm(noise(-50, remember_s + 0.2)))
    assert meter.reading().floor_db == pytest.approx(-50, abs=2)
    assert meter.reading().peak_db < -30
    assert meter.reading().seconds == pytest.approx(remember_s, abs=0.051)


# ---- figures ---------------------------------------------------------------------------------


def test_nothing_yet() -> None:
    reading = Meter().reading()
    assert (reading.seconds, reading.floor_db) == (0, None)
    assert (reading.speech_db, reading.hum) == (None, None)
    assert (reading.level_db, reading.peak_db) == (FLOOR_DB, FLOOR_DB)
    assert reading.snr_db is None


@pytest.mark.parametrize("level", [-75, -60, -40, -20])
def test_steady_noise_is_floor_and_nothing_else(level: float) -> None:
    reading = measured(pcm(noise(level)))
    assert reading.floor_db == pytest.approx(level, abs=1.2)
    assert reading.level_db == pytest.approx(level, abs=2)
    assert reading.speech_db is None
    assert reading.hum is None
    assert reading.clipped_share == 0


@pytest.mark.parametrize(("hertz", "counts"), [(50, False), (60, False), (200, True), (1000, True)])
def test_what_lies_below_100_hz_is_no_level(hertz: int, counts: bool) -> None:
    reading = measured(pcm(sine(hertz, -40) + noise(-70)))
    assert reading.level_db == pytest.approx(-40 if counts else -70, abs=2)


def test_an_offset_is_no_level_and_has_its_own_figure() -> None:
    reading = measured(pcm(noise(-60) + 0.05))
    assert reading.level_db == pytest.approx(-60, abs=2)
    assert reading.dc == pytest.approx(0.05, abs=1e-3)


def test_the_bundled_speech() -> None:
    reading = measured(samples(SENTENCES).tobytes())
    assert reading.floor_db == pytest.approx(-62, abs=2)
    assert reading.speech_db == pytest.approx(-19, abs=1)
    assert 15 < reading.speech_s < 25
    assert reading.peak_db == pytest.approx(-3.6, abs=0.1)
    assert reading.hum is None
    assert reading.clipped_share == 0


@pytest.mark.parametrize("level", [-60, -50, -40])
def test_speech_in_noise_keeps_its_level_and_the_noise_its_floor(level: float) -> None:
    speech = samples(SENTENCES)[: 20 * RATE] / 32768
    reading = measured(pcm(speech + noise(level, 20)))
    assert reading.speech_db == pytest.approx(-19, abs=1)
    assert reading.floor_db == pytest.approx(level, abs=2.5)


@pytest.mark.parametrize("hertz", [50, 60])
@pytest.mark.parametrize("off", [-0.2, 0.0, 0.2])
def test_hum_is_found_and_told_from_the_other_mains(hertz: int, off: float) -> None:
    mains = hertz + off
    sound = sine(mains, -50) + sine(2 * mains, -56) + sine(3 * mains, -60) + noise(-60)
    hum = measured(pcm(sound)).hum
    assert hum is not None
    assert hum.hertz == hertz
    assert hum.over_db > 30
    assert hum.level_db == pytest.approx(-48.7, abs=1)


@pytest.mark.parametrize("hertz", [50, 60])
def test_hum_is_heard_under_speech(hertz: int) -> None:
    speech = samples(SENTENCES)[: 20 * RATE] / 32768
    hum = measured(pcm(speech + sine(hertz, -45, 20))).hum
    assert hum is not None
    assert hum.hertz == hertz
    assert hum.level_db == pytest.approx(-45, abs=2)


def test_a_rectifier_hums_at_twice_its_mains() -> None:
    hum = measured(pcm(sine(100, -50) + sine(200, -55) + noise(-65))).hum
    assert hum is not None
    assert hum.hertz == 50


@pytest.mark.parametrize("hertz", [85, 110, 137, 1000])
def test_another_tone_is_no_hum(hertz: int) -> None:
    assert measured(pcm(sine(hertz, -20) + noise(-80))).hum is None


def test_clipping_is_a_run_at_full_scale() -> None:
    speech = samples(SENTENCES)[: 10 * RATE] / 32768
    assert measured(pcm(speech)).clipped_share == 0
    loud = measured(pcm(speech * 8))
    assert loud.clipped_share > 0.2
    assert loud.peak_db == 0.0
    # A peak that only just reaches it is none.
    assert measured(pcm(sine(1000, -3.02))).clipped_share == 0


def test_a_run_across_two_tenths_of_a_second_is_found() -> None:
    sound = np.zeros(2 * RATE, dtype="<i2")
    sound[1598:1601] = 32767
    meter = Meter()
    meter.push(sound.tobytes())
    assert meter.newest_clipped(1_000) == 1


@pytest.mark.parametrize(("zeros", "rest"), [(0, 0), (1, 0), (3200, 0), (5000, 0), (8000, 1)])
def test_zeros_are_counted_to_the_sample(zeros: int, rest: int) -> None:
    sound = np.ones(5 * 1600, dtype="<i2")
    sound[len(sound) - rest - zeros : len(sound) - rest] = 0
    reading = measured(sound.tobytes())
    assert reading.zeros_s == (0 if rest else zeros / RATE)


def test_zeros_alone_have_no_floor() -> None:
    reading = measured(bytes(2 * RATE * 2))
    assert (reading.floor_db, reading.speech_db, reading.zeros_s) == (None, None, 2.0)


def test_a_device_that_wakes_up_with_zeros_is_not_quiet() -> None:
    reading = measured(bytes(RATE) + pcm(noise(-50, 2)))
    assert reading.floor_db == pytest.approx(-50, abs=2)


def test_a_gate_that_shuts_the_room_off_is() -> None:
    reading = measured(bytes(6 * RATE) + pcm(noise(-30, 1)))
    assert reading.floor_db == FLOOR_DB
    assert reading.speech_db == pytest.approx(-30, abs=1)
