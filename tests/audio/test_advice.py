"""From levels to a gain and a preset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.audio.advice import PEAK_MOST_DB, SPEECH_GOAL_DB, advise

levels = st.floats(-96, 0)


@pytest.mark.parametrize(
    ("floor", "speech", "preset"),
    [
        (-70, -20, "studio"),
        (-61, -25, "studio"),
        (-61, -35, "room"),
        (-55, -20, "room"),
        (-45, -25, "room"),
        (-39, -15, "stage"),
        (-55, -45, "stage"),
        (-30, -10, "stage"),
    ],
)
def test_the_preset(floor: float, speech: float, preset: str) -> None:
    advice = advise(floor_db=floor, speech_db=speech, peak_db=speech + 12, clipped_share=0)
    assert advice.preset == preset


@pytest.mark.parametrize(
    ("speech", "peak", "clipped", "gain"),
    [
        (-20, -6, 0, 0),
        (-22, -8, 0, 0),
        (-40, -25, 0, 20),
        (-30, -10, 0, 7),  # its peaks allow no more
        (-10, -3, 0, -10),
        (-25, -1, 0, 0),
        (-18, 0, 0.001, -3),
        (-18, 0, 0.05, -6),
        (-8, 0, 0.3, -12),
    ],
)
def test_the_gain(speech: float, peak: float, clipped: float, gain: int) -> None:
    advice = advise(floor_db=-60, speech_db=speech, peak_db=peak, clipped_share=clipped)
    assert advice.gain_db == gain


@given(levels, levels, st.floats(0, 20), st.floats(0, 1))
def test_following_it_brings_neither_speech_nor_peaks_too_high(
    floor: float, speech: float, crest: float, clipped: float
) -> None:
    peak = min(0.0, speech + crest)
    advice = advise(floor_db=floor, speech_db=speech, peak_db=peak, clipped_share=clipped)
    if advice.gain_db:
        assert speech + advice.gain_db <= SPEECH_GOAL_DB + 0.5
        assert peak + advice.gain_db <= PEAK_MOST_DB + 0.5
