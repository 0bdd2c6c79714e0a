"""The meter of the live view: level, peak that is held, floor, clipping that is seen."""

from __future__ import annotations

import numpy as np

from micstream.audio.levels import FLOOR_DB
from micstream.view.live.meter import LiveMeter


def noise(seconds: float, amplitude: int, seed: int = 0) -> bytes:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * 16_000))
    return (samples.clip(-3, 3) * amplitude / 3).astype("<i2").tobytes()


def test_the_loudest_since_the_last_time_is_the_level() -> None:
    meter = LiveMeter()
    meter.push(noise(0.03, 20_000), 1.0)
    meter.push(noise(0.03, 200), 1.03)
    first = meter.levels(1.06).level_db
    meter.push(noise(0.03, 200), 1.09)
    second = meter.levels(1.12).level_db
    assert first is not None
    assert second is not None
    assert first > second + 30


def test_a_peak_is_held_and_then_falls() -> None:
    meter = LiveMeter()
    meter.push(noise(0.03, 16_000), 1.0)
    held = meter.levels(1.0).peak_db
    meter.push(noise(0.03, 100), 1.5)
    assert meter.levels(1.5).peak_db == held
    meter.push(noise(0.03, 100), 2.6)
    assert meter.levels(2.6).peak_db < held - 30


def test_clipping_stays_to_be_seen_for_some_seconds() -> None:
    meter = LiveMeter()
    meter.push(np.full(512, 32_767, "<i2").tobytes(), 1.0)
    assert meter.levels(1.0).clipping
    assert meter.levels(3.5).clipping
    assert not meter.levels(5.0).clipping


def test_the_floor_is_that_of_the_room_and_speech_stands_above_it() -> None:
    meter = LiveMeter()
    for n in range(200):
        meter.push(noise(0.032, 12_000 if 50 < n < 90 else 100, n), n * 0.032)
    levels = meter.levels(6.4)
    assert levels.floor_db is not None
    assert levels.speech_db is not None
    assert -64 < levels.floor_db < -55
    assert levels.speech_db > levels.floor_db


def test_of_zeros_and_of_nothing_there_is_no_floor() -> None:
    meter = LiveMeter()
    meter.push(b"", 0.0)
    meter.push(bytes(6_400), 1.0)
    levels = meter.levels(1.0)
    assert levels.floor_db is None
    assert levels.level_db == levels.peak_db == round(FLOOR_DB)
