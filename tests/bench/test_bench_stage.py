"""What measures the stage's page measures it: the pattern is read rightly, and a short run runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import stage
from bench.recording import RATE, Recording
from micstream.demo.server import LocalServer
from testbed.pictured import BITS, number_of, with_number


@given(number=st.integers(0, (1 << BITS) - 1), light=st.integers(0, 255), noise=st.integers(0, 60))
def test_a_pictures_number_is_read_whatever_a_codec_does(
    number: int, light: int, noise: int
) -> None:
    plane = with_number(np.full((72, 1280, 4), light, dtype=np.uint8), number)
    luma = plane[:, :, 0].astype(int) + np.random.default_rng(noise).integers(
        -noise, noise + 1, plane.shape[:2]
    )
    assert number_of(np.clip(luma, 0, 255).astype(np.uint8)) == number


def test_beeps_are_found_where_they_begin() -> None:
    samples = np.zeros(4 * RATE, dtype=np.float32)
    for second in (0.5, 1.5, 2.5):
        at = round(second * RATE)
        samples[at : at + 1000] = 0.3 * np.sin(np.arange(1, 1001))
    ends = np.arange(1, 401) / 100
    found = stage._beeps(Recording(samples, ends, ends + 1000.0))
    assert np.allclose(found, [1000.5, 1001.5, 1002.5], atol=0.001)


def test_the_page_is_compared_picture_by_picture_and_beep_by_beep() -> None:
    numbers = [(n, 100 + n / 25) for n in range(250)]
    seen = [(n, at + 0.02) for n, at in numbers]
    heard = [100.0 + second for second in range(10)]
    played = [at + 0.05 for at in heard]
    figures = stage._compare(numbers, seen, heard, played, 100.0)
    medians = {name: round(each["median"], 3) for name, each in figures.items()}
    assert medians == {"picture_ms": 20, "sound_ms": 50, "step_ms": 30, "client_step_ms": 0}


@pytest.mark.room
@pytest.mark.sound
@pytest.mark.slow
async def test_a_short_run(server: LocalServer) -> None:
    figures = await stage.lag(server, 24.0)
    for name, each in figures.items():
        assert each["count"] > 5, name
        assert abs(each["median"]) < stage._NEAR_S * 1000
    held = (await stage.growth(server, 0.1))["held"]
    assert 0 < held["heap"]["first"] < held["renderers"]["first"] < held["all"]["first"]
