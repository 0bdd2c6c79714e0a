"""One attempt at a row, on a stage of its own."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from chaos.row import Outcome, Row, Times, late
from chaos.stage import Stage


async def attempt(
    row: Row,
    binary: Path,
    *,
    stretch: float = 1.0,
    quick: bool = False,
    keep: Path | None = None,
) -> Outcome:
    """Provoke it once; whatever was started has ended when this returns.

    `keep`: where what micstream told is written when it did not survive.
    """
    with tempfile.TemporaryDirectory(prefix="micstream-chaos-") as folder:
        stage = Stage(binary, Path(folder), stretch=stretch, quick=quick)
        try:
            async with stage:
                outcome = await _provoked(row, stage)
        except Exception as error:  # whatever the stage itself fails of is no reason to end here
            outcome = Outcome(Times(), f"the stage failed: {type(error).__name__}: {error}")
        if outcome.why and keep is not None:
            await asyncio.to_thread(_keep, keep / f"{row.name}.log", outcome.why, stage)
        return outcome


async def _provoked(row: Row, stage: Stage) -> Outcome:
    limit_s = row.limit_s * stage.stretch
    try:
        async with asyncio.timeout(limit_s):
            times = await row.provoke(stage)
            if stage.sender.alive:
                await stage.ends_in_order()
    except TimeoutError:
        return Outcome(Times(), f"it hung for {limit_s:g} s")
    except AssertionError as error:
        return Outcome(Times(), str(error) or "an assertion failed")
    return Outcome(times, late(row, times, stage.stretch))


def _keep(path: Path, why: str, stage: Stage) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    story = stage.sender.story() if hasattr(stage, "sender") else "micstream was not started"
    path.write_text(f"{why}\n\n{story}\n")
