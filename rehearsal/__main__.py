"""Plays a scripted show on the real parts, and lays all accounts of it beside each other.

A livekit-server, livekit-agents' avatar worker, a third participant who hears, a microphone into
which somebody speaks without end, and `micstream live` in a terminal, controlled by HTTP, a page's
socket, micstream ctl, OSC and keys: cues, messages, interrupts, mutes, an avatar that dies, a
server that is started again. Afterwards what was asked for, the record, the states that were shown
and what was heard must agree, line by line. Exits with 1 where they do not.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from bench.report import machine, parser
from micstream.demo.server import find_server
from rehearsal.accounts import Accounts
from rehearsal.hall import hall
from rehearsal.judge import Judgement, judge
from rehearsal.play import play
from rehearsal.script import script
from testbed.signals import heed_signals


def main() -> int:
    """The command line; returns the exit code."""
    heed_signals()
    options = parser("rehearsal", __doc__)
    options.add_argument("--minutes", type=float, default=10.0, help="how long, about (10)")
    options.add_argument("--seed", type=int, default=1, help="the same seed makes the same show")
    options.add_argument("--stretch", type=float, default=1.0, help="stretch every bound so much")
    options.add_argument(
        "--keep",
        type=Path,
        default=Path("out/rehearsal"),
        help="where all accounts and logs are written down, unless they agree",
    )
    given = options.parse_args()
    if given.quick:
        given.minutes = 1.0
    logging.basicConfig(level=logging.CRITICAL)  # the SDK tells at length of what is provoked here
    try:
        judgement = asyncio.run(_run(given))
    except asyncio.CancelledError:
        print("ended early", file=sys.stderr)
        return 1
    if given.json:
        lines = [asdict(line) for line in judgement.lines]
        found = {"agrees": judgement.agrees, "lines": lines, **judgement.figures}
        print(json.dumps({"rehearsal": found, "machine": machine()}))
    else:
        _tell(judgement)
    return 0 if judgement.agrees else 1


async def rehearse(
    binary: Path, *, minutes: float, seed: int = 1, stretch: float = 1.0, keep: Path | None = None
) -> Judgement:
    """Play it and judge it; whatever was started has ended when this returns.

    `keep`: where accounts and logs are written where they do not agree.
    """
    with tempfile.TemporaryDirectory(prefix="micstream-rehearsal-") as folder:
        async with hall(binary, Path(folder), stretch=stretch) as stage:
            begun = time.time()
            accounts = await play(script(minutes, seed), stage, _say)
            _say(f"{time.time() - begun:5.0f} s  the end")
        judgement = judge(accounts, stretch=stretch)
        if keep is not None and not judgement.agrees:
            await asyncio.to_thread(_keep, keep, Path(folder), accounts)
    return judgement


def _keep(place: Path, folder: Path, accounts: Accounts) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / "accounts.json").write_text(json.dumps(asdict(accounts), ensure_ascii=False))
    for log in folder.glob("*.log"):
        shutil.copy(log, place)
    _say(f"all accounts and logs are in {place}")


async def _run(given: Namespace) -> Judgement:
    task = asyncio.current_task()
    assert task is not None
    for ending in (signal.SIGINT, signal.SIGTERM):  # all that was started is ended
        asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
    binary = await find_server(progress=_say)
    return await rehearse(
        binary, minutes=given.minutes, seed=given.seed, stretch=given.stretch, keep=given.keep
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _tell(judgement: Judgement) -> None:
    for line in judgement.lines:
        found = f"   {line.found}" if line.found else ""
        print(f"{'agrees' if line.agrees else 'DIFFERS':<8} {line.what}{found}")
    print()
    for name, figure in judgement.figures.items():
        print(f"  {name.replace('_', ' ')}: {figure} (median)")
    wrong = sum(not line.agrees for line in judgement.lines)
    lines = len(judgement.lines)
    print(f"{lines} lines, all agree" if not wrong else f"{wrong} of {lines} lines differ")


if __name__ == "__main__":
    sys.exit(main())
