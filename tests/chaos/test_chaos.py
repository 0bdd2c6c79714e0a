"""Some of the faults that `make chaos` provokes, by the same code; and how it counts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from chaos import report
from chaos.catalogue import BY_NAME, ROWS
from chaos.row import Outcome, Row, Times, late
from chaos.run import attempt

AT_ONCE = 2
STRETCH = 4.0
"""The bounds are for a machine that does nothing else; the tests' has company."""


@pytest.mark.room
@pytest.mark.sound
@pytest.mark.slow
async def test_the_quick_ones_are_survived(server_binary: Path) -> None:
    """Each has a stage of its own, so some can be at once: most of it is waiting."""
    free = asyncio.Semaphore(AT_ONCE)

    async def why(row: Row) -> str:
        async with free:
            return (await attempt(row, server_binary, stretch=STRETCH, quick=True)).why

    rows = [row for row in ROWS if row.quick]
    tried = zip(rows, await asyncio.gather(*map(why, rows)), strict=True)
    assert not {row.name: failed for row, failed in tried if failed}


def test_a_bound_that_was_not_kept_is_told() -> None:
    row = BY_NAME["mic-unplugged"]
    assert late(row, Times(row.notice_s, row.recover_s), 1.0) == ""
    assert late(row, Times(), 1.0) == ""
    assert "noticed" in late(row, Times(noticed=row.notice_s + 1), 1.0)
    assert "recovered" in late(row, Times(recovered=row.recover_s + 1), 1.0)
    assert late(row, Times(recovered=row.recover_s + 1), 2.0) == ""


def test_what_was_survived_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [BY_NAME["stalled"], BY_NAME["sigint"]]
    tried = [Outcome(Times(None, seconds)) for seconds in (1.0, 3.0, 2.0)]
    failed = Outcome(Times(), "the avatar ended")
    report.dump(rows, {"stalled": tried, "sigint": [failed]})
    figures = json.loads(capsys.readouterr().out)["chaos"]
    assert figures["stalled"] == {
        "tried": 3,
        "survived": 3,
        "noticed_median_s": None,
        "noticed_max_s": None,
        "recovered_median_s": 2.0,
        "recovered_max_s": 3.0,
        "failed": [],
    }
    assert (figures["sigint"]["tried"], figures["sigint"]["survived"]) == (1, 0)
    assert figures["sigint"]["failed"] == ["the avatar ended"]


def test_all_rows_are_told_apart_and_explained() -> None:
    assert len(BY_NAME) == len(ROWS)
    assert all(row.provokes and row.must for row in ROWS)
