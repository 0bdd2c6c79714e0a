"""Echo guard in a closed loop: the avatar's voice comes back from the hall's loudspeakers.

A performer speaks the labelled pieces of the bundled speech (or of FOLDER) in any order, parted by
pauses of 0.3 to 9 s. What the product's own detector and cutter make of it is played by an avatar,
comes out of a loudspeaker that clips, goes through a room's response, and back into the microphone
with the delay and level of each row. The guard's reference arrives with jitter, and the clocks of
loudspeaker and microphone run apart by 100 ppm. Before each row `doctor --echo` has played its
sound there, another time.

With `--real` all of it is real but the hall (`bench.hall_real`): five minutes a row and side. The
delay is the loudspeakers' own then; guard's CPU and delay are not told, and the doctor has always
been there, with the loudspeakers on from the start. Where the loudspeakers ran dry the machine was
too busy: they came later from then on, as those of no hall do, and the row says nothing.

begun: utterances in which nobody speaks. prolonged: those that end more than 200 ms later than
their hangover after the performer fell silent. lost: of his speech, what is in no utterance.
CPU: of the guard, a second of sound. Delay: what it holds back at most.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from bench import hall_real
from bench.hall_loop import Hall, Sound, check, perform, script
from bench.labelled import Labelled, read_folder
from bench.report import Figures, dump, parser, refuse, show
from micstream.demo.assets import bundled
from micstream.errors import MicstreamError

LEVELS: Final = (-12, -6, 0, 6)
DELAYS: Final = (60, 150, 220, 300, 400)
BUNDLED: Final = ("sentences", "pauses")
_JUDGED: Final = ("begun", "prolonged", "lost_percent")
_OWN: Final = {
    False: {"cpu_ms": "CPU ms/s", "held_ms": "delay ms"},
    True: {"torn_ms": "torn ms", "ran_dry": "ran dry"},
}
"""What only a simulated hall tells, and only a real one."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser("bench.hall_echo", __doc__)
    options.add_argument("--speech", type=Path, metavar="FOLDER", help="labelled speech")
    options.add_argument("--minutes", type=float, default=5.0, help="of each row (default 5)")
    options.add_argument("--level", type=int, nargs="*", default=LEVELS, help="in dB")
    options.add_argument("--delay", type=int, nargs="*", default=DELAYS, help="in ms")
    options.add_argument("--seed", type=int, default=1, help="of speech and hall (default 1)")
    options.add_argument("--reverb", type=float, default=0.6, help="of the hall, in s (0.6)")
    options.add_argument("--tail", type=float, default=-3.0, help="reverberation, in dB (-3)")
    options.add_argument("--unchecked", action="store_true", help="nobody has run doctor --echo")
    options.add_argument("--begins", type=float, default=0.0, help="loudspeakers on after s (0)")
    options.add_argument("--guarded", action="store_true", help="leave out the run without guard")
    options.add_argument("--real", action="store_true", help="real parts, in real time")
    given = options.parse_args(arguments)
    if given.real and (given.unchecked or given.begins):
        options.error("--real goes with neither --unchecked nor --begins")
    if given.quick:
        given.minutes, given.level, given.delay = 0.5, (0,), (220,)
    try:
        files = _speech(given.speech)
    except MicstreamError as error:
        refuse("bench.hall_echo", error)
    row = _real_row if given.real else _row
    rows = [row(files, given, level, delay) for level in given.level for delay in given.delay]
    if given.json:
        dump("hall_echo", {"minutes": given.minutes, "rows": rows})
        return 0
    show(
        f"Echo guard, {given.minutes:g} min a row, reverberation {given.reverb:g} s",
        ("echo", "ms", *("begun", "prolonged", "lost %") * 2, *_OWN[given.real].values()),
        [_cells(row) for row in rows],
        "first three: without the guard; the other three: with it",
    )
    return 0


def _speech(folder: Path | None) -> list[Labelled]:
    if folder is not None:
        return [each for each in read_folder(folder) if each.labels]
    where = bundled("sentences.flac").parent
    return [each for each in read_folder(where) if each.name in BUNDLED]


def _evening(
    files: Sequence[Labelled], given: argparse.Namespace, level: int, delay: int
) -> tuple[Hall, Sound, list[tuple[int, int]]]:
    """The hall of a row, what is said in it, and where."""
    seed = 1_000 * given.seed + 10 * delay + level
    said, spans = script(files, 60 * given.minutes, seed)
    return Hall(level, delay, reverb_s=given.reverb, tail_db=given.tail, seed=seed), said, spans


def _sides(given: argparse.Namespace) -> dict[str, bool]:
    """Without the guard and with it, as far as they are asked for."""
    return {"with": True} if given.guarded else {"without": False, "with": True}


def _row(files: Sequence[Labelled], given: argparse.Namespace, level: int, delay: int) -> Figures:
    hall, said, spans = _evening(files, given, level, delay)
    late = replace(hall, begins_s=given.begins)
    known = None if given.unchecked else check(hall)
    outcomes = {
        name: perform(late, said, spans, guarded=guarded, known=known if guarded else None)
        for name, guarded in _sides(given).items()
    }
    row: dict[str, Any] = {name: asdict(outcome) for name, outcome in outcomes.items()}
    print(f"{level:+d} dB, {delay} ms: {outcomes['with']}", file=sys.stderr)
    return {"level_db": level, "delay_ms": delay, **row}


def _real_row(
    files: Sequence[Labelled], given: argparse.Namespace, level: int, delay: int
) -> Figures:
    hall, said, spans = _evening(files, given, level, delay)
    row: dict[str, Any] = {"level_db": level, "delay_ms": delay}
    for name, guarded in _sides(given).items():
        evening = asyncio.run(hall_real.perform(hall, said, spans, guarded=guarded))
        row[name] = asdict(evening.outcome) | {
            "doctor": evening.doctor,
            "torn_ms": evening.torn_ms,
            "ran_dry": evening.ran_dry,
        }
        print(f"{level:+d} dB, {delay} ms, {name}: {evening}", file=sys.stderr)
    return row


def _cells(row: Figures) -> list[Any]:
    without, with_ = row.get("without", {}), row["with"]
    return [
        f"{row['level_db']:+d} dB",
        row["delay_ms"],
        *(without.get(name) for name in _JUDGED),
        *(with_[name] for name in (*_JUDGED, *_OWN["ran_dry" in with_])),
    ]


if __name__ == "__main__":
    sys.exit(main())
