"""One attempt at a row, on a stage of its own."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from chaos.row import Outcome, Row, Times, late
from chaos.stage import Stage
from micstream.errors import MicstreamError


async def attempt(
    row: Row,
    binary: Path,
    *,
    patience: float = 1.0,
    quick: bool = False,
    keep: Path | None = None,
) -> Outcome:
    """Provoke it once; whatever was started has ended when this returns.

    `keep`: where what micstream told is written when it did not survive.
    """
    with tempfile.TemporaryDirectory(prefix="micstream-chaos-") as folder:
        async with Stage(binary, Path(folder), patience=patience, quick=quick) as stage:
            times, why = Times(), ""
            try:
                async with asyncio.timeout(row.limit_s * patience):
                    times = await row.provoke(stage)
                    if stage.sender.alive:
                        await stage.ends_in_order()
                why = late(row, times, patience)
            except TimeoutError:
                why = f"it hung for {row.limit_s * patience:g} s"
            except (AssertionError, MicstreamError) as error:
                why = str(error) or "an assertion failed"
            if why and keep is not None:
                await asyncio.to_thread(_keep, keep / f"{row.name}.log", why, stage)
            return Outcome(times, why)


def _keep(path: Path, why: str, stage: Stage) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    story = stage.sender.story() if hasattr(stage, "sender") else "micstream was not started"
    path.write_text(f"{why}\n\n{story}\n")
