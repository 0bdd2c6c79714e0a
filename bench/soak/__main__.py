"""Endurance: minutes in real time, and an hour as fast as it goes, with nothing left behind.

real: `micstream live`, a virtual microphone into which speech and pauses are spoken, a
livekit-server on loopback and livekit-agents' own avatar worker.

accelerated: `micstream play --cut --pace fast` of one long file, with a participant of our own in
the avatar's place, which takes and reports segments by the same protocol, at once. What it got is
compared byte for byte with what the same cutter makes of the file without a room. Neither sound
device nor meter are in this part.

Beside each, sampled in the same way, a process that only is in the room with livekit's SDK and
sends nothing: what it grows by is not ours. Memory, descriptors and threads are read from outside
(Linux), tasks are told by the programs themselves.

Run it where the network interfaces stay as they are: `make chaos` makes some and removes them, and
a connection that went by one of them is lost with it.

Warm-up is the first tenth of the sound, or its first minute where that is longer. What is compared
after it, and how, stands in bench/soak/trend.py. Exits with 1 where a limit was not kept, or where
the run was ended early; Ctrl-C prints what was found until then.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.report import dump, machine, parser, show
from bench.senders import tell
from bench.soak import judge, parts, picture
from bench.soak.record import Record
from micstream.errors import MicstreamError

REAL_MIN, ACCELERATED_MIN = 10.0, 60.0
QUICK_REAL_MIN, QUICK_ACCELERATED_MIN = 2.0, 10.0
_LONGEST_MIN = 24 * 60.0
_WIDTH = 132
PARTS = {"real": parts.real, "accelerated": parts.accelerated}


def options() -> argparse.ArgumentParser:
    """What the command line takes."""
    made = parser("bench.soak", __doc__)
    made.add_argument(
        "--part", choices=(*PARTS, "both"), default="both", help="which (default both)"
    )
    made.add_argument(
        "--minutes",
        type=_minutes,
        metavar="N",
        help=f"of speech and pauses in real time (default {REAL_MIN:g})",
    )
    made.add_argument(
        "--accelerated-minutes",
        type=_minutes,
        metavar="N",
        help=f"of speech and pauses as fast as it goes (default {ACCELERATED_MIN:g})",
    )
    made.add_argument("--plot", type=Path, metavar="PNG", help="draw it into this file")
    return made


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0.05 <= minutes <= _LONGEST_MIN:
        raise argparse.ArgumentTypeError(f"{text}: expected minutes, 0.05 to {_LONGEST_MIN:g}")
    return minutes


def planned(given: argparse.Namespace) -> list[Record]:
    """The parts that are asked for, none of them begun."""
    quick = (QUICK_REAL_MIN, QUICK_ACCELERATED_MIN)
    usual = quick if given.quick else (REAL_MIN, ACCELERATED_MIN)
    asked = (given.minutes or usual[0], given.accelerated_minutes or usual[1])
    both = [Record(part, 60 * minutes) for part, minutes in zip(PARTS, asked, strict=True)]
    return [record for record in both if given.part in (record.part, "both")]


async def soak(records: Sequence[Record]) -> None:
    """One after the other; what was found by the time it is cancelled is in them."""
    task = asyncio.current_task()
    assert task is not None
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
    for record in records:
        tell(f"soak {record.part}: {record.sound_s / 60:g} minutes of speech and pauses")
        try:
            await PARTS[record.part](record)
        except (AssertionError, MicstreamError) as error:  # what was found until then is told
            tell(f"soak {record.part}: {error}")


def show_part(record: Record) -> None:
    """The verdicts, for people."""
    said = {True: "ok", False: "NOT KEPT", None: "-"}
    rows = judge.verdicts(record)
    start, end = judge.window(record)
    notes = [] if record.whole else ["ended early: what was found until then"]
    if start < end:
        notes.append(f"judged from {start:.0f} s, after the warm-up, to {end:.0f} s")
    around = machine()
    notes.append(
        f"load {around['load']:.1f} on {around['cores']} cores; where that makes the avatar "
        "stutter, the lead grows, and the delay with it"
    )
    show(
        f"Soak, {record.part}: {record.sound_s / 60:.1f} minutes of sound, {record.took_s:.0f} s",
        ("asked", "limit", "found", "only in the room", ""),
        [(row.what, row.limit, row.found, row.idle, said[row.ok]) for row in rows],
        *notes,
        width=_WIDTH,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    given = options().parse_args(arguments)
    records = planned(given)
    try:
        if given.plot:
            picture.check(given.plot)
        try:
            asyncio.run(soak(records))
        except asyncio.CancelledError:
            tell("ended early")
        begun = [record for record in records if record.ours.told]
        if given.json:
            dump("soak", {record.part: judge.figures(record) for record in begun})
        else:
            for record in begun:
                show_part(record)
        if given.plot and begun:
            picture.write_picture(begun, given.plot)
    except MicstreamError as error:
        print(f"bench.soak: {error.message}\n  {error.hint}".rstrip(), file=sys.stderr)
        return error.exit_code
    return int(any(judge.failed(each, judge.verdicts(each)) for each in records))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
