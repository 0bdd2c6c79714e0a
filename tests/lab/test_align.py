"""What became of a sound on its way is found, whatever was done to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.lab.align import RATE, Samples, Way, follow_way, locate
from testbed.speech import SENTENCES, samples


def speech(seconds: float = 6.0) -> Samples:
    return samples(SENTENCES)[: round(seconds * RATE)]


def heard(pcm: Samples, *, at_s: float, after_s: float = 1.0, seed: int = 1) -> Samples:
    """It, so much later, in a room that is not quite silent."""
    rng = np.random.default_rng(seed)
    whole = rng.normal(0, 3, round((at_s + after_s) * RATE) + pcm.size)
    begin = round(at_s * RATE)
    whole[begin : begin + pcm.size] += 0.7 * pcm
    return whole.astype(np.int16)


def way(pcm: Samples, line: Samples) -> Way:
    found = follow_way(pcm, line, 0.0, 3.0)
    assert found is not None
    return found


@settings(max_examples=25, deadline=None)
@given(at=st.integers(0, 3 * RATE - 1))
def test_what_came_through_is_found_to_the_sample(at: int) -> None:
    found = way(speech(), heard(speech(), at_s=at / RATE))
    assert round(found.heard_at_s * RATE) == at
    assert found.likeness > 0.99
    assert found.missing_s == found.doubled_s == found.gaps_s == found.cut_s == 0
    assert found.stretched == pytest.approx(0, abs=1e-6)
    assert found.ends_at_s == pytest.approx(at / RATE + 6.0, abs=0.001)


@pytest.mark.parametrize("by_s", [0.03, 0.1, 0.4])
def test_silence_that_was_put_in_is_a_gap(by_s: float) -> None:
    pcm = speech()
    middle = round(2.4 * RATE)
    torn = np.concatenate([pcm[:middle], np.zeros(round(by_s * RATE), np.int16), pcm[middle:]])
    found = way(pcm, heard(torn, at_s=0.5))
    assert found.gaps_s + found.doubled_s == pytest.approx(by_s, abs=0.006)
    assert found.gaps_s >= 0.6 * by_s
    assert found.cut_s == 0


def test_sound_that_came_twice_is_doubled() -> None:
    pcm = speech()
    middle = round(2.4 * RATE)
    again = round(0.2 * RATE)
    twice = np.concatenate([pcm[:middle], pcm[middle - again : middle], pcm[middle:]])
    found = way(pcm, heard(twice, at_s=0.5))
    assert found.doubled_s + found.gaps_s == pytest.approx(0.2, abs=0.01)
    assert found.doubled_s > 0.1


def test_sound_that_was_left_out_is_cut() -> None:
    pcm = speech()
    short = np.delete(pcm, np.arange(round(2.4 * RATE), round(2.6 * RATE)))
    found = way(pcm, heard(short, at_s=0.5))
    assert found.cut_s == pytest.approx(0.2, abs=0.02)
    assert found.doubled_s == found.gaps_s == 0


def test_sound_that_became_noise_is_missing() -> None:
    pcm = speech().copy()
    said = pcm.copy()
    said[round(2 * RATE) : round(3 * RATE)] = 0
    found = way(pcm, heard(said, at_s=0.5))
    assert 0.4 < found.missing_s < 1.4
    assert found.matched_s > 2


@pytest.mark.parametrize("share", [0.01, -0.01])
def test_sound_that_was_stretched_is_told_by_how_much(share: float) -> None:
    pcm = speech()
    # As jitter buffers do it: a few milliseconds again, or left out, every so often.
    size, by = RATE // 5, round(abs(share) * RATE / 5)
    pieces = [pcm[at : at + size] for at in range(0, pcm.size, size)]
    if share > 0:
        slow = np.concatenate([part for each in pieces for part in (each, each[-by:])])
    else:
        slow = np.concatenate([each[:-by] for each in pieces])
    found = way(pcm, heard(slow, at_s=0.5))
    assert found.stretched == pytest.approx(share, abs=0.002)


@pytest.mark.parametrize("chance", range(5))
def test_other_speech_is_not_taken_for_it(chance: int) -> None:
    other = samples(SENTENCES)[round((10 + chance) * RATE) : round((16 + chance) * RATE)]
    found = locate(speech(), heard(other, at_s=0.5), 0.0, 3.0)
    assert found is None or found[1] < 0.5


def test_silence_is_nowhere() -> None:
    assert locate(np.zeros(RATE, np.int16), heard(speech(), at_s=0.5), 0.0, 3.0) is None
    assert follow_way(speech(), np.zeros(RATE, np.int16), 0.0, 3.0) is None
    assert follow_way(speech(), np.zeros(0, np.int16), 0.0, 3.0) is None


def test_of_one_syllable_over_and_over_the_first_is_its_beginning() -> None:
    syllable = np.concatenate([speech()[RATE : RATE + RATE // 4], np.zeros(RATE // 4, np.int16)])
    pcm = np.tile(syllable, 12)
    found = way(pcm, heard(pcm, at_s=0.4))
    assert found.heard_at_s == pytest.approx(0.4, abs=0.001)
    assert found.cut_s == found.doubled_s == found.missing_s == 0
