"""What delayed sound and pictures, and what reports tell: told of statistics alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.lab.take import RATE, Pictures, Take, Waited
from micstream.lab.transport import Delays, agreed_ms, delays, transport_ms
from tests.support.takes_of_lab import BEGAN, BLOCK

LENGTH_S, FPS = 20.0, 25
SOUND_MS, PICTURE_MS = 30.0, 90.0


def found(*, here_ms: float, resent_ms: float) -> Delays:
    """Of a run in which this machine is late by the one, now and then, and every fourth picture by
    the other."""
    due = np.arange(0.0, LENGTH_S, 1 / FPS)
    resent = np.where(np.arange(due.size) % 4 == 0, resent_ms / 1000, 0.0)
    blocks = [(n, n / RATE) for n in range(0, round(LENGTH_S * RATE), BLOCK)]
    pictures = Pictures(
        arrived=BEGAN + due + resent + _here(due, here_ms),
        due=due,
        cells=np.zeros((due.size, 2, 2), np.float32),
        stamps=np.full(due.size, np.nan),
    )
    came = [(n, BEGAN + at + float(_here(np.array(at), here_ms))) for n, at in blocks]
    end = Waited(BEGAN + LENGTH_S, SOUND_MS, 1_000, PICTURE_MS, 1_000, 0.0, 0, 30, 1_000)
    waited = (Waited(BEGAN), end)
    silence = np.zeros(round(LENGTH_S * RATE), np.int16)
    return delays(Take("anna", (), silence, came, pictures, waited), BEGAN, BEGAN + LENGTH_S)


def _here(at: np.ndarray, late_ms: float) -> np.ndarray:
    """Half of each second nothing gets its turn in time."""
    return np.where(at % 1.0 < 0.5, late_ms / 1000, 0.0)


@given(st.floats(0, 200))
def test_what_had_to_be_sent_again_is_told_apart_from_the_usual_wait(resent_ms: float) -> None:
    told = found(here_ms=0.0, resent_ms=resent_ms)
    assert told.late_ms == pytest.approx(resent_ms / 4, abs=1)
    assert told.picture_ms is not None
    assert told.picture_ms + told.late_ms == pytest.approx(PICTURE_MS)
    assert told.sound_ms == pytest.approx(SOUND_MS)
    assert told.lost == pytest.approx(0.03)


@given(st.floats(0, 80), st.floats(0, 120))
def test_a_machine_that_is_late_does_not_count_as_the_way(here_ms: float, resent_ms: float) -> None:
    told = found(here_ms=here_ms, resent_ms=resent_ms)
    assert told.late_ms == pytest.approx(resent_ms / 4, abs=3)


def test_without_statistics_nothing_is_told() -> None:
    none = Pictures(np.zeros(0), np.zeros(0), np.zeros((0, 1, 1), np.float32), np.zeros(0))
    told = delays(Take("anna", (), np.zeros(9, np.int16), [], none), 0.0, 1.0)
    assert told == Delays(None, None, 0.0, None, 0.0)
    assert transport_ms(told, None)[0] is None


def test_reports_that_agree_tell_their_middle_and_others_nothing() -> None:
    assert agreed_ms([48.0, 51.0, 45.0]) == pytest.approx(48.0)
    assert agreed_ms([48.0]) == pytest.approx(48.0)
    assert agreed_ms([48.0, 51.0, 45.0, 300.0, 47.0]) == pytest.approx(48.0), "one of five"
    assert agreed_ms([226.0, 34.0]) is None
    assert agreed_ms([]) is None
