"""The lab's drawings: what is drawn where, and how long ones and far ones are."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.lab.charts import bins, limits
from micstream.lab.story import Mark, Still
from micstream.lab.utterance_chart import ROW_S, filmstrip, utterance
from tests.support.stories import still, told


def test_a_long_utterance_goes_on_in_the_next_row() -> None:
    rows = utterance(told(0, length_s=300, stills=0), "u", "long")
    assert len(rows) == math.ceil(300 / ROW_S)
    widths = [
        float(found) for row in rows for found in re.findall(r' width="([\d.]+)" height', row)[:1]
    ]
    assert max(widths) < 1_060
    assert max(widths) - min(widths) < 1


def test_a_closure_and_a_phoneme_are_where_they_are_said() -> None:
    one = replace(
        told(0, stills=0), marks=(Mark(1.0, 1.5, "m", True), Mark(2.0, 2.02, "xyz", False))
    )
    (row,) = utterance(one, "u", "one")
    band = re.search(r'<rect x="([\d.]+)" y="6" width="([\d.]+)" [^>]*class="shut"', row)
    assert band
    assert float(band[1]) == pytest.approx(50 + 180, abs=0.1)
    assert float(band[2]) == pytest.approx(90, abs=0.1)
    assert ">m</text>" in row
    assert "<title>xyz</title>" in row, "too short to be written out"


def test_a_filmstrip_lays_the_sound_under_its_pictures() -> None:
    one = told(0, stills=4)
    mixed = replace(one, stills=(one.stills[2], one.stills[0], one.stills[3], one.stills[1]))
    drawn = filmstrip(mixed, "s", "strip")
    assert drawn is not None
    assert drawn == filmstrip(one, "s", "strip"), "in order of time"
    said = re.findall(r">([\d.]+) s</text>", drawn)
    assert said == ["1.20", "1.24", "1.28", "1.32"]
    assert drawn.count("<image ") == 4
    assert 'class="wave"' in drawn
    alone = filmstrip(replace(one, stills=one.stills[:1]), "s", "strip")
    assert alone is not None
    assert alone.count("<image ") == 1
    same = filmstrip(replace(one, stills=one.stills[:1] * 3), "s", "strip")
    assert same is not None
    assert filmstrip(replace(one, stills=()), "s", "strip") is None


def test_a_picture_keeps_its_form() -> None:
    one = replace(told(0), stills=(still(1.0, 0.5, (64, 128)), still(1.04, 0.5, (64, 128))))
    drawn = filmstrip(one, "s", "strip")
    assert drawn is not None
    assert drawn.count('width="104" height="208"') == 2


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=40))
def test_every_offset_is_in_one_bin(offsets: list[float]) -> None:
    step, counts = bins(offsets)
    assert sum(count for _, count in counts) == len(offsets)
    assert all(begin % step == 0 for begin, _ in counts)
    assert counts[0][0] <= min(offsets)
    assert max(offsets) < counts[-1][0] + step
    assert len(counts) <= 61


@pytest.mark.parametrize(("loudest", "half"), [(1.0, 32), (0.25, 32), (0.01, 2.6)])
def test_a_soft_sound_is_seen_and_hardly_any_stays_small(loudest: float, half: float) -> None:
    one = replace(told(0, stills=0), sound=np.full(300, loudest), marks=())
    (row,) = utterance(one, "u", "one")
    wave = re.search(r'd="M50 ([\d.]+)[^"]*" class="wave"', row)
    assert wave
    assert 38 - float(wave[1]) == pytest.approx(half, abs=0.1)


def test_a_picture_that_could_not_be_made_is_left_out() -> None:
    one = replace(told(0), stills=(Still(1.0, b""), still(1.1, 0.2)))
    drawn = filmstrip(one, "s", "strip")
    assert drawn is not None
    assert drawn.count("<image ") == 1
    assert filmstrip(replace(one, stills=(Still(1.0, b""),)), "s", "strip") is None


@pytest.mark.parametrize(
    ("offset", "said"), [(-2000.0, "\u2190 -2000 ms"), (700.0, "+700 ms \u2192"), (44.6, "+45 ms")]
)
def test_what_is_far_off_is_told_at_the_end_of_the_ruler(offset: float, said: str) -> None:
    ruler = limits(offset, (-1e6, 1e6))
    assert f">{said}</text>" in ruler
    (x,) = re.findall(r'd="M([\d.]+) [^"]*" class="needle"', ruler)
    assert 0 < float(x) < 720
