"""A filmed mouth in a head that moves by more than it is tall: found, and only if it is one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.lab.follow import CURVE_RATE
from micstream.lab.heads import LEAST_S, find_held
from micstream.lab.mouth import Roi, Seen, sampled
from micstream.lab.predict import RATE as LOOKED_AT
from micstream.lab.predict import SKIP, spectrum_of
from micstream.lab.steady import moved
from testbed.films import said
from testbed.speech import RATE
from tests.support.foretold import bands_without_level, offset

FPS, SECONDS = 25, 24.0
SIDE = 30
MOUTH = slice(17, 20), slice(12, 18)
WITHIN: Roi = (10 / SIDE, 15 / SIDE, 20 / SIDE, 22 / SIDE)
Pcm = npt.NDArray[np.int16]


def head(pcm: Pcm, *, late_s: float = 0.0, reach: float = 3.0, seed: int = 0) -> Seen:
    """A head on a plain wall that says it, and goes to and fro by `reach` cells all the time."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    face = 60 + 120 / (1 + np.exp(np.hypot(y - 15, x - 15) - 8))
    spots = np.kron(rng.normal(0, 25, (10, 10)), np.ones((3, 3)))
    face = face + np.where(np.hypot(y - 15, x - 15) < 9, spots, 0)
    times, bands = bands_without_level(pcm, FPS, late_s)
    cells = np.repeat(face[None], times.size, axis=0)
    rows, columns = MOUTH
    mixing = rng.normal(size=(rows.stop - rows.start, columns.stop - columns.start, len(bands)))
    cells[:, rows, columns] += 7 * np.moveaxis(mixing @ bands, -1, 0)
    wander = reach * np.stack(
        [np.sin(2 * np.pi * hertz * times + rng.uniform(0, 6)) for hertz in (0.11, 0.17)], axis=1
    )
    nod = 0.2 * np.sin(2 * np.pi * 1.6 * times)[:, None] * np.array([1.0, 0.5])
    there = moved(cells, wander + nod) + rng.normal(0, 0.5, cells.shape)
    return Seen(times, there.astype(np.float32))


@pytest.mark.parametrize("late_ms", [-200, 0, 120])
def test_the_mouth_of_a_head_that_wanders_is_found(
    late_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pcm = said(SECONDS)
    seen = head(pcm, late_s=late_ms / 1000)
    found = offset(seen, pcm)
    assert found is not None and abs(found - late_ms) < 20
    monkeypatch.setattr("micstream.lab.mouth.find_held", lambda *_: None)
    assert offset(seen, pcm) is None, "where nothing is held still it is not"


def test_where_it_is_given_it_is_looked_for_there_alone() -> None:
    pcm = said(SECONDS)
    seen = head(pcm, late_s=0.08)
    found = offset(seen, pcm, WITHIN)
    assert found is not None and abs(found - 80) < 20
    assert offset(seen, pcm, (0.0, 0.0, 0.2, 0.2)) is None


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000), st.floats(3.0, SECONDS - 3.0))
def test_a_head_that_says_something_else_has_no_mouth(seed: int, elsewhere_s: float) -> None:
    pcm = said(SECONDS)
    other = np.roll(pcm, round(elsewhere_s * RATE))
    assert offset(head(other, seed=seed), pcm) is None


def test_of_too_little_and_of_what_stands_still_nothing_is_told() -> None:
    pcm = said(SECONDS)
    spectrum = spectrum_of(pcm, RATE)[:, ::SKIP]
    cells = sampled(head(pcm), 0, round(SECONDS * CURVE_RATE), SKIP)
    short = round(LEAST_S * LOOKED_AT) - 1
    assert find_held(cells, spectrum) is not None
    assert find_held(cells[..., :short], spectrum[:, :short]) is None
    assert find_held(np.full_like(cells, 90), spectrum) is None
    assert find_held(cells[:2], spectrum) is None, "a strip of two rows is no picture"
    assert find_held(cells, np.zeros_like(spectrum)) is None, "nothing is said"
