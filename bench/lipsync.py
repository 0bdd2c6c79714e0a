"""Lip-sync measured: errors that were put in against what is found of them.

Films: pictures that talk, drawn here, 30 s of speech each; offsets from -240 to +240 ms put in on
the way (the picture's times) and in the drawing. Found: by `micstream.lab.lipsync.measure`, and by
a plain baseline in the same run: how much all of the picture changes against the loudness of the
sound, without looking for a mouth. Peers that need a trained model (SyncNet and what builds on it)
do not stand here: their weights are no part of any package.

Live (`--live`): `micstream lipsync run` against an avatar of livekit-agents' with the errors put
in, drawn and on its way; where each was laid to. Needs a livekit-server, and 40 s a row.
`--lossy`: the same over a way on which 3 % of all packets are lost (chaos.relay; Linux and root).
Where one of `--live`, `--lossy` and `--films` is given, no films are drawn.

Talking heads: twenty drawn ones, with the kit's voices, as a call shows them; real ones of a folder
(`--films FOLDER`) as filmed, with shifts put in, and with the sound of others.

Positive: the sound comes before the picture (ITU-R BT.1359).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import lipsync_films as films
from bench.report import Figures, dump, parser, show
from bench.senders import Way, far_end, tell
from micstream.demo.server import LocalServer, find_server, local_server
from testbed.lipsynced import IDENTITY, lipsynced
from testbed.program import environment, run

ROOM, SENDER = "bench-lipsync", "external-audio-sender"
LIVE_MS, QUICK_LIVE_MS, LOSSY_MS = tuple(range(-240, 241, 40)), (-160, 120), (-160, -80, 120, 200)
LOSSY = Way("3 % lost", 0.0, 0.0, 0.03)
LIVE = {"live": "Live", "lossy": "Live, 3 % of packets lost"}
ITEMS = "harvard-[12]"
RUN_S = 300.0
_KEPT = ("offset_ms", "drawn_offset_ms", "transport_offset_ms", "verdict", "why")
_TO_REACH = {"median_ms": 15.0, "worst_ms": 25.0}


async def live(steps_ms: Sequence[int], items: str, way: Way | None = None) -> list[Figures]:
    """Each offset put in, once in the drawing and once on the way, and what was found.

    `way`: between the server and who measures.
    """
    put_in: list[dict[str, Any]] = [{}]
    put_in += [{part: each} for part in ("drawn_ms", "transport_ms") for each in steps_ms if each]
    rows = []
    binary = await find_server(progress=tell)
    with tempfile.TemporaryDirectory(prefix="micstream-bench-") as folder:
        for number, errors in enumerate(put_in):
            tell(f"lipsync: live, {number + 1} of {len(put_in)}: {errors or 'nothing put in'}")
            async with local_server(binary) as server, far_end(way, server) as prefix:
                rows.append(await _run(server, Path(folder) / str(number), errors, items, prefix))
    return rows


async def _run(
    server: LocalServer,
    folder: Path,
    errors: dict[str, Any],
    items: str,
    prefix: Sequence[str],
) -> Figures:
    async with lipsynced(server, ROOM, SENDER, **errors):
        code, program = await run(
            folder,
            *("lipsync", "run", "--json", "--only", items),
            *("--room", ROOM, "--avatar", IDENTITY),
            env=environment(server),
            timeout=RUN_S,
            prefix=prefix,
        )
    lines = program.stdout.splitlines()
    found: Figures = json.loads(lines[-1]) if lines and code in (0, 1, 7) else {}
    told = {key: found.get(key) for key in _KEPT}
    said = {} if found else {"why": program.stderr.strip().rpartition("\n")[2]}
    return {"put_in": errors, "code": code, **told, **said}


def _off(row: Figures, part: str) -> float | None:
    """How far what was laid to this part is from what was put into it."""
    found = row[f"{part}_offset_ms"]
    return None if found is None else float(found - row["put_in"].get(f"{part}_ms", 0))


def _live_summary(rows: Sequence[Figures]) -> Figures:
    told: Figures = {}
    for part in ("drawn", "transport"):
        off = [abs(each) for row in rows if (each := _off(row, part)) is not None]
        told[part] = {
            "runs": len(rows),
            "found": len(off),
            "median_ms": statistics.median(off) if off else None,
            "worst_ms": max(off) if off else None,
        }
    return told


def drawn(*, quick: bool) -> Figures:
    """Pictures that talk, drawn here."""
    steps = films.QUICK_STEPS_MS if quick else films.STEPS_MS
    runs = films.QUICK_FALSE_RUNS if quick else films.FALSE_RUNS
    with tempfile.TemporaryDirectory(prefix="micstream-bench-") as made:
        return {
            "offsets": films.offsets(steps, tell, quick=quick),
            "false": films.false_mouths(runs, tell),
            "heads": films.heads(tell, quick=quick),
            "others": films.others(tell, quick=quick),
            "cost": films.cost(Path(made), 20.0 if quick else 60.0, tell),
        }


def bench(given: argparse.Namespace) -> Figures:
    """All that the command line asks for."""
    figures: Figures = {}
    if not (given.live or given.lossy or given.films):
        figures = drawn(quick=given.quick)
    if given.films is not None:
        figures["filmed"] = films.filmed(given.films, tell)
    steps_of = {"live": QUICK_LIVE_MS if given.quick else LIVE_MS, "lossy": LOSSY_MS}
    for kind, steps in steps_of.items():
        if getattr(given, kind):
            rows = asyncio.run(live(steps, given.only, LOSSY if kind == "lossy" else None))
            figures |= {kind: rows, f"{kind}_summary": _live_summary(rows)}
    return figures


def _print_drawn(figures: Figures) -> None:
    keys = ("runs", "median_ms", "worst_ms", "undecided", "wrong_sign")
    plain = ("baseline_median_ms", "baseline_worst_ms")
    show(
        "Offsets put in: how far off, ms",
        ("picture", "runs", "median", "worst", "undecided", "wrong sign", "baseline", "its worst"),
        [(name, *(row[key] for key in keys + plain)) for name, row in figures["offsets"].items()],
        f"to reach: median {_TO_REACH['median_ms']:g}, worst {_TO_REACH['worst_ms']:g}",
    )
    show(
        "Mouths that do not follow: how often an offset is named all the same",
        ("mouth", "runs", "ours", "called good", "baseline"),
        [
            (name, row["runs"], row["offset_named"], row["good"], row["baseline"])
            for name, row in figures["false"].items()
        ],
    )
    show(
        "Other errors",
        ("figure", "put in", "found", "found without"),
        [
            (name, row["put_in"], row["found"], row["without"])
            for name, row in figures["others"].items()
        ],
        "an early start of 300 ms that settles in 1 s is 225 ms in its first half second: -225",
    )
    _print_heads("Drawn heads as a call shows them, four shifts put into each", figures["heads"])
    cost = figures["cost"]
    show(
        "What it takes, 720p",
        ("figure", "value"),
        [
            ("seconds of film a second of one core", cost["times_real_time"]),
            ("most memory, MiB", cost["peak_mib"]),
        ],
    )


def _print(figures: Figures) -> None:
    if "offsets" in figures:
        _print_drawn(figures)
    if "filmed" in figures:
        filmed = figures["filmed"]
        _print_heads(
            "Talking heads as filmed, four shifts put into each",
            filmed["films"],
            f"with the sound of others: {filmed['named_of_pairs']} of {filmed['pairs']} named",
        )
    for kind, title in LIVE.items():
        if kind in figures:
            _print_live(title, figures[kind], figures[f"{kind}_summary"])


def _print_heads(title: str, films: dict[str, Figures], *notes: str) -> None:
    rows = []
    for name, row in films.items():
        off = [each for each in row["off_ms"] if each is not None]
        worst = max(map(abs, off)) if off else None
        rows.append((name[:48], row["seconds"], row["as_filmed_ms"], len(off), worst))
    show(title, ("film", "seconds", "as it is, ms", "shifts found", "worst, ms off"), rows, *notes)


def _print_live(title: str, found: Sequence[Figures], summary: Figures) -> None:
    rows = [
        (
            ", ".join(f"{k} {v:+g}" for k, v in row["put_in"].items()) or "nothing",
            *(row[key] for key in _KEPT[:4]),
        )
        for row in found
    ]
    show(title, ("put in", "offset", "drawn", "transport", "verdict"), rows)
    show(
        f"{title}: how far off, ms",
        ("part", "runs", "found", "median", "worst"),
        [(name, *row.values()) for name, row in summary.items()],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser("bench.lipsync", __doc__)
    options.add_argument("--live", action="store_true", help="against a real avatar too")
    options.add_argument("--lossy", action="store_true", help="the same, where packets are lost")
    options.add_argument("--films", type=Path, metavar="FOLDER", help="of real talking heads")
    options.add_argument("--only", default=ITEMS, metavar="NAME", help="of the kit, for --live")
    given = options.parse_args(arguments)
    if given.lossy and getattr(os, "geteuid", lambda: 1)() != 0:
        options.error("--lossy needs Linux and root: it makes a network of its own")
    figures = bench(given)
    if given.json:
        dump("lipsync", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
