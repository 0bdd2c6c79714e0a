"""Speech behind a closed gate is noticed, once; what is no speech is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micstream.speech.cutter import Cutter, Gate
from micstream.speech.unheard import Unheard
from tests.support.scripted import FRAME, SMALL, ScriptedDetector, ramp


def spoken(decisions: str) -> bool:
    """After frames of 10 ms, voiced where there is a #."""
    judged = Unheard()
    for decision in decisions:
        judged.push(FRAME, voiced=decision == "#")
    return judged.spoken


def test_a_word_is_speech_and_a_cough_is_none() -> None:
    assert spoken("#" * 60)
    assert spoken(("#" * 20 + "." * 10) * 4), "a sentence has pauses"
    assert not spoken("#" * 40)


def test_what_is_spread_over_an_hour_is_noise() -> None:
    assert not spoken(("#" * 10 + "." * 1_000) * 36)


@given(st.text("#.", max_size=300))
def test_once_it_was_it_stays_so(decisions: str) -> None:
    assert not spoken(decisions) or spoken(decisions + "." * 1_000)


def test_a_gate_that_is_opened_and_closed_begins_anew() -> None:
    cutter = Cutter(ScriptedDetector([True] * 300), SMALL)
    second = ramp(100 * FRAME)
    list(cutter.push(second))
    assert not cutter.spoken_to_nobody, "it was sent"
    cutter.set_gate(Gate.CLOSED)
    list(cutter.push(second))
    assert cutter.spoken_to_nobody
    cutter.set_gate(Gate.CLOSED)
    assert cutter.spoken_to_nobody, "nothing has changed"
    cutter.set_gate(Gate.DETECTOR)
    assert not cutter.spoken_to_nobody
