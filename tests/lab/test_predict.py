"""A filmed mouth is found by what it foretells: drawn here from patterns that no cell follows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.lab.follow import CURVE_RATE
from micstream.lab.lipsync import level_of, measure
from micstream.lab.mouth import Roi, Seen, find_mouth, speech_in
from micstream.lab.predict import LEAST_S, find_telling, masked_spectrum, spectrum_of
from testbed.films import said
from testbed.speech import RATE
from tests.support.foretold import bands_without_level, offset

FPS, SECONDS = 25, 24.0
ROWS = COLUMNS = 32
MOUTH = slice(18, 26), slice(10, 22)
WITHIN: Roi = (10 / 32, 18 / 32, 22 / 32, 26 / 32)


def filmed(pcm: npt.NDArray[np.int16], *, late_s: float = 0.0, seed: int = 0) -> Seen:
    """A face that says it: each cell of its mouth goes by the bands, in a way of its own."""
    rng = np.random.default_rng(seed)
    times, moved = bands_without_level(pcm, FPS, late_s)
    mixing = rng.normal(size=(8, 12, len(moved)))
    sway = np.cumsum(rng.normal(size=times.size))
    cells = 100 + 4 * rng.normal(size=(times.size, ROWS, COLUMNS))
    cells += 0.2 * sway[:, None, None] * rng.normal(size=(ROWS, COLUMNS))
    cells[:, MOUTH[0], MOUTH[1]] += 2 * np.moveaxis(mixing @ moved, -1, 0)
    return Seen(times, cells.astype(np.float32))


@pytest.mark.parametrize("late_ms", [-200, 0, 120])
def test_a_mouth_that_no_cell_gives_away_is_found_by_all_of_it(late_ms: int) -> None:
    pcm = said(SECONDS)
    seen = filmed(pcm, late_s=late_ms / 1000)
    found = offset(seen, pcm)
    assert found is not None and abs(found - late_ms) < 20
    level = level_of(pcm, RATE)
    assert measure(seen, level).offset_ms is None, "by the level alone it is not"
    mouth, why = find_mouth(seen, level, speech_in(level), spectrum=spectrum_of(pcm, RATE))
    assert mouth is not None and why == ""
    left, top, right, bottom = mouth.roi
    assert left < WITHIN[2] and right > WITHIN[0] and top < WITHIN[3] and bottom > WITHIN[1]


def test_where_it_is_given_it_is_looked_for_there_alone() -> None:
    pcm = said(SECONDS)
    seen = filmed(pcm, late_s=0.08)
    found = offset(seen, pcm, WITHIN)
    assert found is not None and abs(found - 80) < 20
    assert offset(seen, pcm, (0.0, 0.0, 0.3, 0.3)) is None
    assert offset(seen, pcm, (0.001, 0.001, 0.002, 0.002)) is None, "no cell of the picture"


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.floats(3.0, SECONDS - 3.0))
def test_a_mouth_that_says_something_else_is_none(seed: int, elsewhere_s: float) -> None:
    pcm = said(SECONDS)
    other = np.roll(pcm, round(elsewhere_s * RATE))
    assert offset(filmed(other, seed=seed), pcm) is None


def test_of_too_little_nothing_is_told() -> None:
    pcm = said(LEAST_S - 1)
    cells = np.moveaxis(filmed(pcm).cells, 0, -1).repeat(CURVE_RATE // FPS, axis=-1)
    assert find_telling(cells, spectrum_of(pcm, RATE)[:, : cells.shape[-1]]) is None
    still = np.ones((8, 8, 1200), np.float32)
    assert find_telling(still, spectrum_of(said(12.0), RATE)[:, :1200]) is None
    silent = spectrum_of(np.zeros(12 * RATE, np.int16), RATE)
    moving = np.random.default_rng(0).normal(size=(8, 8, 1200)).astype(np.float32)
    assert find_telling(moving, silent) is None


def test_the_spectrum_is_as_long_as_the_level_and_says_when_a_tone_sounds() -> None:
    pcm = np.zeros(2 * RATE, np.int16)
    pcm[RATE // 2 : RATE] = 8_000 * np.sin(np.arange(RATE // 2) * 2 * np.pi * 1_000 / RATE)
    spectrum = spectrum_of(pcm, RATE)
    assert spectrum.shape == (9, level_of(pcm, RATE).size)
    loud = spectrum[0] > -1
    assert loud[52:98].all() and not loud[:47].any() and not loud[103:].any()
    masked = masked_spectrum(pcm, RATE, np.where(np.arange(200) < 75, 1.0, 0.0))
    assert np.array_equal(masked[:, :75], spectrum[:, :75])
    assert np.ptp(masked[0, 75:]) == 0
