"""Old against new: which figures are compared, and what counts as worse."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import __main__ as benches
from bench import compare
from bench.senders import ROOT

figures = st.floats(0.001, 1e4)


def side(value: float, **changes: Any) -> dict[str, Any]:
    """One side's figures, all the same."""
    return dict.fromkeys(compare.ROWS, value) | changes


@given(old=figures, factor=st.floats(0.1, 10))
def test_new_divided_by_old_and_worse_beyond_three_percent(old: float, factor: float) -> None:
    both = {"old": side(old), "new": side(old * factor)}
    assert compare.ratios(both)["cpu_percent"] == pytest.approx(factor)
    if abs(factor - 1.03) > 1e-6:
        assert bool(compare.worse(both)) == (factor > 1.03)
        assert len(compare.worse(both)) in (0, len(compare.ROWS))


def test_one_row_alone_is_named() -> None:
    both = {"old": side(100.0, missing=0), "new": side(100.0, missing=1)}
    assert compare.worse(both) == [compare.ROWS["missing"]]
    assert compare.ratios(both)["missing"] is None
    both = {"old": side(100.0), "new": side(100.0, delay_p95_ms=None)}
    assert compare.worse(both) == [compare.ROWS["delay_p95_ms"]]
    both = {"old": side(100.0, delay_p95_ms=None), "new": side(100.0)}
    assert compare.worse(both) == []


def test_the_delays_of_all_rounds_are_taken_together() -> None:
    rounds: list[dict[str, Any]] = [
        {"delays_ms": [100.0, 300.0], "missing": 1, "spoiled": 0, "cpu_percent": 9, "peak_mib": 90},
        {"delays_ms": [200.0], "missing": 0, "spoiled": 2, "cpu_percent": 7, "peak_mib": 92},
        {"delays_ms": [], "missing": 0, "spoiled": 0, "cpu_percent": 8, "peak_mib": 91},
    ]
    for each, stutters in zip(rounds, ([0, 11], [10], [25]), strict=True):
        each["stutters_ms"] = stutters
    found = compare.over(rounds, [(0.5, 0.4), (0.7, 0.6), (0.6, 0.5)], [1.0, 3.0, 2.0])
    assert found == {
        "utterances": 3,
        "delay_median_ms": 200.0,
        "delay_p95_ms": pytest.approx(290.0),
        "gaps_percent": 50.0,
        "missing": 1,
        "spoiled": 2,
        "cpu_percent": 8,
        "peak_mib": 91,
        "help_wall_s": 0.6,
        "help_cpu_s": 0.5,
        "capturing_s": 2.0,
    }
    assert set(compare.ROWS) <= set(found)


def test_each_side_runs_its_own_modules(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no checkout"):
        compare.sides(tmp_path)
    old = tmp_path / "old"
    (old / "micstream").mkdir(parents=True)
    (old / "micstream/__init__.py").touch()
    senders = compare.sides(old)
    assert [sender.root for sender in senders.values()] == [old, ROOT]
    assert senders["old"].command == senders["new"].command


@pytest.mark.parametrize("name", (*benches.ALL, *benches.OTHERS))
def test_every_benchmark_has_its_name(name: str) -> None:
    module = "bench.soak.__main__" if name == "soak" else f"bench.{name}"
    main = importlib.import_module(module).main
    assert list(inspect.signature(main).parameters) == ["arguments"]
