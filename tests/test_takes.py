"""A torn take is told from a whole one, by laws, without any sound."""

from __future__ import annotations

import numpy as np
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.speech import SENTENCES, samples
from testbed.takes import PIECE, RATE, Sound, delivered_stretches, take

SAID: Sound = samples(SENTENCES)[: 6 * RATE].astype(np.float64) / 32_768
"""Two sentences, and what hiss there is between them."""
WITHIN = st.integers(round(0.6 * RATE), round(1.6 * RATE))
"""Places within the first sentence."""


def silence(count: int) -> Sound:
    return np.zeros(count)


def delivered(*parts: Sound) -> Sound:
    """With the silence of a microphone before and after it."""
    return np.concatenate([silence(4_321), *parts, silence(RATE)])


@given(st.integers(0, 3 * RATE), st.floats(0.2, 1.0))
@settings(max_examples=10)
def test_what_was_delivered_whole_is_whole_wherever_it_begins(before: int, gain: float) -> None:
    heard = np.concatenate([silence(before), gain * SAID, silence(RATE // 2)])
    assert take(SAID, heard).whole


@given(WITHIN, st.integers(160, RATE))
@settings(max_examples=10)
def test_a_gap_a_loss_and_a_repetition_are_torn(at: int, length: int) -> None:
    before, after = SAID[:at], SAID[at:]
    for heard in (
        delivered(before, silence(length), after),
        delivered(before, after[length:]),
        delivered(before, SAID[at - 160 : at], after),
    ):
        assert take(SAID, heard).torn


@given(WITHIN, st.integers(PIECE // 2, RATE // 2))
@settings(max_examples=10)
def test_sound_that_became_silence_in_its_place_is_torn_there(at: int, length: int) -> None:
    heard = SAID.copy()
    heard[at : at + length] = 0
    torn = take(SAID, delivered(heard)).torn
    assert all(at - PIECE < second * RATE < at + length for second in torn)
    loud = np.sqrt(np.mean(SAID[at : at + length] ** 2)) > 0.03
    assert torn or not loud


def test_resampled_there_and_back_it_is_whole() -> None:
    there = soxr.resample(SAID, RATE, 48_000, quality="LQ")
    assert take(SAID, delivered(soxr.resample(there, 48_000, RATE, quality="LQ"))).whole


def test_nothing_delivered_is_torn_from_its_first_sound() -> None:
    torn = take(SAID, silence(8 * RATE)).torn
    assert torn and torn[0] < 1


STRETCHES = [(0.5, 2.9), (3.64, 5.9)]
"""About where its two sentences lie."""


def test_the_stretches_of_what_was_delivered_whole_lie_as_far_apart() -> None:
    found = delivered_stretches(SAID, delivered(SAID), STRETCHES)
    expected = [(start + 4_321 / RATE, end + 4_321 / RATE) for start, end in STRETCHES]
    assert np.abs(np.array(found) - np.array(expected)).max() < 0.002


@given(st.integers(RATE // 50, RATE // 2))
@settings(max_examples=10)
def test_what_is_lost_between_two_stretches_brings_them_nearer(lost: int) -> None:
    at = round(3.1 * RATE)
    (_, end), (start, _) = delivered_stretches(
        SAID, delivered(SAID[:at], SAID[at + lost :]), STRETCHES
    )
    between = STRETCHES[1][0] - STRETCHES[0][1]
    assert abs(start - end - (between - lost / RATE)) < 0.002


@given(st.integers(RATE // 50, RATE // 2))
@settings(max_examples=10)
def test_what_is_lost_within_a_stretch_makes_it_shorter(lost: int) -> None:
    at = round(1.5 * RATE)
    (start, end), _ = delivered_stretches(SAID, delivered(SAID[:at], SAID[at + lost :]), STRETCHES)
    assert abs(end - start - (STRETCHES[0][1] - STRETCHES[0][0] - lost / RATE)) < 0.002
