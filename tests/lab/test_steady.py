"""A head that wanders, held still: by how far it moved is found, and what stands still stays so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.lab.lipsync import level_of, measure
from micstream.lab.mouth import Seen, find_mouth, speech_in
from micstream.lab.steady import moved, steadied, wandering
from testbed.films import drawn, said, seen_of
from testbed.mouths import Errors
from testbed.speech import RATE

FPS = 25.0
ROWS, COLUMNS = 36, 64


def blob(y: float, x: float) -> np.ndarray:
    """A bright round thing with an edge, on grey."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    away = np.hypot(rows - y, (columns - x) * 0.9)
    return np.asarray(90 + 100 / (1 + np.exp(away - 9)), dtype=np.float32)


def path(reach: float, seconds: float = 20.0, hertz: float = 0.13) -> np.ndarray:
    at = np.arange(round(seconds * FPS)) / FPS
    return reach * np.sin(2 * np.pi * hertz * at)


@pytest.mark.parametrize("reach", [2.0, 4.0, 6.0])
def test_how_far_it_moved_is_found(reach: float) -> None:
    there = path(reach)
    cells = np.stack([blob(18 + 0.3 * x, 32 + x) for x in there])
    found = wandering(cells, FPS)
    apart = found[:, 1] - there
    assert np.abs(apart - np.median(apart)).max() < 0.25 * reach
    apart = found[:, 0] - 0.3 * there
    assert np.abs(apart - np.median(apart)).max() < 0.25 * reach


def test_what_stands_still_is_left_alone() -> None:
    cells = np.stack([blob(18, 32)] * 100)
    assert steadied(cells, FPS) is None
    noise = np.random.default_rng(1).normal(0, 1, cells.shape).astype(np.float32)
    assert steadied(cells + noise, FPS) is None


@settings(max_examples=40)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_moved_there_and_back_it_is_where_it_was(down: float, right: float) -> None:
    cells = blob(18, 32)[None]
    there = moved(cells, np.array([[down, right]]))
    assert np.abs(there[0] - blob(18 - down, 32 - right)).max() < 6


@pytest.mark.parametrize("reach", [0.04, 0.08])
def test_the_mouth_of_a_face_that_wanders_is_found(reach: float) -> None:
    pcm = said(30.0)
    errors = Errors(drawn_ms=120, scale=0.7, moving=reach)
    seen = seen_of(drawn("face", pcm, errors), fps=25)
    found = measure(seen, level_of(pcm, RATE))
    assert found.offset_ms == pytest.approx(120, abs=30)


def test_one_that_wanders_and_says_something_else_has_no_mouth() -> None:
    pcm = said(30.0)
    level = level_of(pcm, RATE)
    errors = Errors(mouth="other", scale=0.7, moving=0.08, seed="wandering")
    seen = seen_of(drawn("face", pcm, errors), fps=25)
    _, why = find_mouth(Seen(seen.times, seen.cells), level, speech_in(level))
    assert why
