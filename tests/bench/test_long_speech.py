"""What the benchmark of long speech counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import long_speech
from bench.labelled import Labelled
from bench.scoring import Stretch

RATE = 16_000


def test_pauses_are_shortened_and_their_places_known() -> None:
    sound = np.arange(4 * RATE, dtype=np.int16)
    file = Labelled("x", sound, [Stretch(RATE // 2, RATE), Stretch(3 * RATE, 3 * RATE + 1_600)])
    _, (name, short, pauses) = long_speech.monologues([file, Labelled("none", sound, [])])
    assert name == "x"
    assert len(short) == pytest.approx((0.5 + 0.3 + 0.1 + 0.3) * RATE, abs=2)
    assert pauses == [pytest.approx((0.5, 0.8)), pytest.approx((0.9, 1.2))]
    assert (short[: RATE // 2] == sound[RATE // 2 : RATE]).all()


def test_it_runs_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    long_speech.main(["--quick", "--json"])
    figures = json.loads(capsys.readouterr().out)
    row = figures["monologue.flac"]
    assert 0 < row["chance"] < 1
    assert 0 <= row["micstream"]["in_pause"] <= row["micstream"]["cuts"]
    assert row["micstream"]["cuts"] >= 5
    # Where the sound is a pause at all a clock cuts there by chance: ours must do much better.
    assert row["micstream"]["in_pause"] > 3 * row["chance"] * row["micstream"]["cuts"]


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no such folder"):
        long_speech.main([str(tmp_path / "nowhere")])
