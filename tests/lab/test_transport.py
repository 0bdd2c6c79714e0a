"""What delayed sound and pictures, and what reports tell, of statistics alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.lab.take import RATE, Pictures, Take, Waited
from micstream.lab.transport import Calibration, Delays, delays, transport_ms
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
    assert told.late_ms is not None
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
    assert told == Delays(None, None, None, None, 0.0)
    assert transport_ms(told, None)[0] is None


def test_a_reference_whose_pictures_were_held_for_long_is_not_taken_off() -> None:
    assert Calibration(0.0, 2.0, 16, 30.0, 20.0, late_ms=55.0).is_steady
    assert not Calibration(0.0, 2.0, 16, 30.0, 20.0, late_ms=65.0).is_steady
    assert not Calibration(0.0, 2.0, 16, 30.0, 85.0).is_steady


KNOWN = Calibration(0.0, 2.0, 16, 30.0, 20.0, since_made_ms=45.0, sound_way_ms=50.0)
"""Sound takes 20 ms beside its buffer, pictures 25."""


@pytest.mark.parametrize("late_ms", [40, 160, 240])
@given(
    held_up=st.lists(st.floats(0, 900), max_size=3),
    late_reports=st.lists(st.floats(80, 2_000), max_size=8),
)
def test_sound_that_is_published_late_is_told_though_some_was_held_up_and_reports_came_too_late(
    late_ms: int, held_up: list[float], late_reports: list[float]
) -> None:
    usual = [20.0 + 30.0 + late_ms] * 3
    spoilt = [usual[0] + each for each in held_up]
    late = [usual[0] - late_ms - each for each in late_reports]
    found = Delays(30.0, 20.0, 0.0, 45.0, 0.03)
    told, how = transport_ms(found, KNOWN, [*spoilt, *usual, *late])
    assert how == "by stamps and reports"
    assert told == pytest.approx(-late_ms)


@pytest.mark.parametrize("reports", [[], [50.0], [50.0, 70.0, 250.0], [-400.0, -300.0]])
def test_sound_that_is_in_time_is_not_called_late(reports: list[float]) -> None:
    told, how = transport_ms(Delays(30.0, 20.0, 0.0, 145.0, 0.0), KNOWN, reports)
    assert told == pytest.approx(100)
    assert how == "by the pictures' stamps"
