"""The receiver that runs dry, or does not: the rule that the simulation states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.runs_dry import Case, judged, play

BLOCKS = st.sampled_from([10.0, 16.0, 20.0, 32.0])


@given(BLOCKS, st.floats(0, 60), st.sampled_from([20.0, 50.0, 100.0]), st.integers(0, 10_000))
def test_a_frame_a_block_and_the_jitter_are_enough(
    block: float, jitter: float, frame: float, seed: int
) -> None:
    # Chunks of 100 ms are all that a receiver of shorter frames gets.
    case = Case(max(frame, 100.0) + block + jitter, block, jitter, frame)
    assert play(case, np.random.default_rng(seed)).gap == pytest.approx(0, abs=1e-6)


@given(BLOCKS, st.floats(0, 60), st.integers(100, 300), st.integers(0, 10_000))
def test_what_is_gained_at_the_start_is_lost_in_gaps(
    block: float, jitter: float, prebuffer: int, seed: int
) -> None:
    played = play(Case(prebuffer, block, jitter), np.random.default_rng(seed))
    assert played.end == pytest.approx(played.start + played.gap)


def test_frames_of_a_detector_run_dry_with_the_least_and_a_block_more_does_not() -> None:
    assert judged(Case(100, 32, 0), 200)["gaps_percent"] > 30
    assert judged(Case(132, 32, 0), 200)["gaps_percent"] == 0


def test_nudges_have_what_was_lost_sent_again_a_round_trip_later() -> None:
    def gaps(nudges: int, every: float = 6.0, prebuffer: int = 220) -> float:
        case = Case(prebuffer, 16, 30, way=25, loss=0.005, nudges=nudges, nudge_every=every)
        return float(judged(case, 200)["gaps_percent"])

    assert gaps(0) > 20
    assert gaps(8) < 6
    assert gaps(3, 0.0) > 10, "a few at once: their reports overtake each other"


@given(st.integers(0, 10_000), st.integers(0, 4), st.sampled_from([20.0, 100.0]))
def test_what_is_lost_is_late_and_never_missing(seed: int, nudges: int, chunk: float) -> None:
    case = Case(150, 16, 30, way=25, loss=0.2, nudges=nudges, nudge_every=9, chunk=chunk)
    played = play(case, np.random.default_rng(seed))
    assert np.isfinite(played.end)
    assert played.end == pytest.approx(played.start + played.gap)
