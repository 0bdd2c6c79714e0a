"""Provokes every fault of the table for real, as often as asked, and counts what was survived.

Each attempt has a stage of its own: a livekit-server, livekit-agents' avatar worker, a viewer who
hears, a sound server with a virtual microphone, and `micstream live --json` as a process. What it
told is judged together with what the viewer heard. Exits with 1 if anything was not survived.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from argparse import Namespace
from pathlib import Path

from bench.report import parser
from chaos import report
from chaos.catalogue import BY_NAME, ROWS
from chaos.row import Outcome, Row
from chaos.run import attempt
from micstream.demo.server import find_server
from testbed.signals import heed_signals


def main() -> int:
    """The command line; returns the exit code."""
    heed_signals()
    options = parser("chaos", __doc__)
    options.add_argument("rows", nargs="*", metavar="ROW", help="which rows; all, if none")
    options.add_argument("--times", type=int, default=1, metavar="N", help="attempts at each row")
    options.add_argument("--list", action="store_true", help="show the rows and end")
    options.add_argument(
        *("--stretch", "--patience"),
        type=float,
        default=1.0,
        metavar="X",
        help="stretch every bound so much",
    )
    options.add_argument(
        "--keep", type=Path, default=Path("out/chaos"), help="where what failed is written down"
    )
    given = options.parse_args()
    unknown = [name for name in given.rows if name not in BY_NAME]
    if unknown:
        options.error(f"no such row: {', '.join(unknown)}; see --list")
    rows = [row for row in ROWS if not given.rows or row.name in given.rows]
    if given.quick:
        rows = [row for row in rows if row.quick]
    if given.list:
        report.catalogue(rows)
        return 0
    logging.basicConfig(level=logging.CRITICAL)  # the SDK tells at length of what is provoked here
    done: dict[str, list[Outcome]] = {row.name: [] for row in rows}
    try:
        asyncio.run(_run(rows, given, done))
    except asyncio.CancelledError:
        print("ended early", file=sys.stderr)
    if given.json:
        report.dump(rows, done)
    else:
        report.table(rows, done)
    whole = all(len(done[row.name]) == given.times for row in rows)
    return 0 if whole and not any(each.why for tried in done.values() for each in tried) else 1


async def _run(rows: list[Row], given: Namespace, done: dict[str, list[Outcome]]) -> None:
    # All that was started is ended.
    task = asyncio.current_task()
    assert task is not None
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
    binary = await find_server(progress=lambda line: print(line, file=sys.stderr))
    for row in rows:
        for number in range(1, given.times + 1):
            outcome = await attempt(
                row, binary, stretch=given.stretch, quick=given.quick, keep=given.keep
            )
            done[row.name].append(outcome)
            said = outcome.why or f"survived{report.in_words(outcome.times)}"
            print(f"{row.name} {number}/{given.times}: {said}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
