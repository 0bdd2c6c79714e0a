"""The delay of an echo is found by levels, whatever else is heard beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.echo.delay import BEFORE, LONGEST, STEP, DelayFinder, Levels, Likeness

BANDS = 15


def syllables(seed: int, frames: int) -> Levels:
    """Levels as speech has them: rising steeply, falling slowly."""
    chance = np.random.default_rng(seed)
    levels: Levels = np.zeros((frames, BANDS), np.float32)
    for frame in range(1, frames):
        levels[frame] = np.maximum(levels[frame - 1] - 1.5, 0)
        if chance.random() < 0.08:
            levels[frame] = np.maximum(levels[frame], chance.uniform(0, 45, BANDS))
    return levels


def looked(mic: Levels, reference: Levels) -> Likeness:
    finder, found = DelayFinder(), Likeness(-1, 0.0, 0.0)
    for end in range(STEP + LONGEST + BEFORE, len(mic), STEP):
        found = finder.look(
            mic[end - STEP - BEFORE : end], reference[end - STEP - LONGEST - BEFORE : end]
        )
    return found


@settings(max_examples=30)
@given(delay=st.integers(0, 60), gain_db=st.floats(-12, 6), seed=st.integers(0, 50))
def test_it_is_found_under_a_voice(delay: int, gain_db: float, seed: int) -> None:
    reference, voice = syllables(seed, 500), syllables(seed + 1_000, 500)
    echo = np.concatenate([np.zeros((delay, BANDS), np.float32), reference])[:500] + gain_db
    found = looked(np.maximum(voice, echo).clip(0), reference)
    assert abs(found.frames - delay) <= 1
    assert found.share > found.beside + 0.05


@pytest.mark.parametrize("seed", range(5))
def test_what_is_no_echo_is_hardly_like_it(seed: int) -> None:
    found = looked(syllables(seed, 500), syllables(seed + 500, 500))
    assert found.share < 0.3
