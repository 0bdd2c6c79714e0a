"""The gain that shows a detector the same anywhere: laws over levels, no sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.speech.leveller import Leveller, NoiseFloor

FRAME = 512
A_SECOND = 16_000 / FRAME
SETTLED = 210
"""Frames in which the gain comes from 0 to its most, at 3 dB a second."""

LEVELS = st.lists(st.tuples(st.floats(-96, 0), st.integers(1, 60)), min_size=1, max_size=12).map(
    lambda runs: [level for level, count in runs for _ in range(count)]
)


def shown(levels: list[float]) -> list[float]:
    """What comes out: each level with the gain of its frame."""
    leveller = Leveller(FRAME)
    out = []
    for level in levels:
        leveller.push(level)
        out.append(level + leveller.gain_db)
    return out


@given(
    # Relative to the speaker, whose loudest word is heard within the half minute.
    runs=st.lists(st.tuples(st.floats(-60, 0), st.integers(1, 60)), min_size=1, max_size=10),
    quiet=st.floats(-30, -5),
    loud=st.floats(-30, -5),
)
def test_how_loud_a_speaker_is_changes_nothing_once_settled(
    runs: list[tuple[float, int]], quiet: float, loud: float
) -> None:
    speech = [0.0] * 20 + [level for level, count in runs for _ in range(count)]
    speech = (speech * (1 + SETTLED // len(speech)) + speech)[:900]
    one, other = (shown([level + gain for level in speech]) for gain in (quiet, loud))
    assert one[SETTLED:] == pytest.approx(other[SETTLED:], abs=1e-6)


@given(LEVELS)
def test_the_gain_is_bounded_and_rises_slowly(levels: list[float]) -> None:
    leveller = Leveller(FRAME)
    before = 0.0
    for level in levels:
        leveller.push(level)
        assert -20 <= leveller.gain_db <= 20
        assert leveller.gain_db - before <= 3 / A_SECOND + 1e-9
        assert leveller.below_db >= 0
        before = leveller.gain_db


@given(LEVELS)
def test_noise_is_not_raised_above_its_bound(levels: list[float]) -> None:
    leveller, noise = Leveller(FRAME), NoiseFloor(FRAME)
    for level in levels:
        leveller.push(level)
        floor = noise.push(level)
        assert floor + leveller.gain_db <= max(-25, floor - 20) + 1e-9


@given(level=st.floats(-96, 0), seconds=st.integers(0, 60))
def test_noise_alone_comes_out_no_louder_than_far_below_speech(level: float, seconds: int) -> None:
    out = shown([level] * (1 + round(seconds * A_SECOND)))
    assert max(out) <= max(-25, level - 20) + 1e-9


@given(quiet=st.floats(-70, -30), loud=st.floats(-10, 0))
def test_too_loud_is_mended_at_once(quiet: float, loud: float) -> None:
    out = shown([quiet] * 300 + [loud] * 30)
    assert out[299] > quiet, "it was raised"
    # A third of a second: the smoothing, and no slow way down.
    assert max(out[310:]) <= -9


def test_who_was_loud_is_known_for_half_a_minute() -> None:
    leveller = Leveller(FRAME)
    for level in [-20.0] * 40 + [-50.0] * round(29 * A_SECOND):
        leveller.push(level)
    assert leveller.below_db == pytest.approx(30, abs=0.1)
    for _ in range(round(2 * A_SECOND)):
        leveller.push(-50.0)
    assert leveller.below_db == pytest.approx(0, abs=0.1)


class TestNoiseFloor:
    def test_it_follows_a_step_down_at_once(self) -> None:
        floor = NoiseFloor(FRAME)
        for _ in range(200):
            floor.push(-30.0)
        heard = [floor.push(-60.0) for _ in range(8)]
        assert heard == sorted(heard, reverse=True)
        assert heard[-1] == pytest.approx(-60, abs=0.2)

    @pytest.mark.parametrize("frame", [160, 320, 480, 512])
    def test_and_one_up_after_three_seconds(self, frame: int) -> None:
        floor = NoiseFloor(frame)
        for _ in range(400):
            floor.push(-60.0)
        three_seconds = round(3 * 16_000 / frame)
        heard = [floor.push(-30.0) for _ in range(three_seconds + 10)]
        assert heard[: three_seconds - 1] == [-60.0] * (three_seconds - 1)
        assert heard[-1] == pytest.approx(-30, abs=0.2)

    @given(LEVELS)
    def test_a_word_does_not_raise_it(self, levels: list[float]) -> None:
        # Whatever is said within three seconds of a gap: the gap's level holds.
        floor = NoiseFloor(FRAME)
        for level in [*levels, *[-70.0] * 20]:
            floor.push(level)
        for level in levels[:70]:
            assert floor.push(level) <= -69.9
