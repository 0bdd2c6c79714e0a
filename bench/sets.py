"""How well utterances are found, on folders of sets: each kind of speech and of sound apart.

FOLDER holds `labelled/SET/` (recordings, labels beside them), `nospeech/KIND/` (sounds without a
word: every utterance found there is false), and `background/ROOM/` (people in a room, mixed under
the speech). All at 16 kHz, mono, WAV or FLAC; labels as for bench.segmentation; words as in
bench/scoring.py. Recordings of a set are pooled; intervals are by bootstrap over its recordings
(95 %). F1 is of utterances as `--mode utterance` sends them, all else as `--mode live` does.

With `--plot`, and in `--json`, each of micstream's detectors as a curve over its threshold: clipped
against false utterances a minute; peers as points. `--curve` shows instead what the sound before
an onset is worth: clipped against the lead that is sent, which is delay, for margins and noise.
`--reach` shows what can be had at all: F1 of the labels against themselves, moved by as much as
they are inexact, and what each stricter, looser, later or earlier way of deciding gains and costs.

CPU is the process's, per second of sound, of all sets once; beside it the bare loop over Silero.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.found import PEERS, Both, Finder, Sets, ours, peer, read_sets, tallies, with_people
from bench.labelled import Labelled
from bench.report import Figures, dump, parser, refuse, show
from bench.scoring import Tally
from bench.segmenter import bare_silero
from bench.sets_curves import LONG_H, curve, long_session, roc
from bench.sets_reach import draw_reach, reach, tell
from micstream.audio.format import SPEECH
from micstream.errors import InputError, MicstreamError
from micstream.settings import table as knobs
from micstream.speech.silero import load_model

PEOPLE = "people, 10 dB"
COUGHS = "breath-snore-cough"
_DRAWS = 500


def pooled(judged: Sequence[tuple[Tally, Tally]]) -> Figures:
    """Figures of a set, with intervals."""
    live, whole = (sum((each[side] for each in judged), Tally()) for side in (0, 1))
    return {
        "recordings": len(judged),
        "references": live.references,
        "f1": whole.f1,
        "f1_ci": _interval([each[1] for each in judged], lambda t: t.f1),
        "speech_cut_percent": live.speech_cut_percent,
        "head_cut_percent": live.head_cut_percent,
        "clipped_percent": live.clipped_percent,
        "clipped_ci": _interval([each[0] for each in judged], lambda t: t.clipped_percent),
        "false_per_minute": live.false_per_minute,
        "onset_ms": live.onset_ms,
        "end_ms": live.end_ms,
    }


def _interval(
    each: Sequence[Tally], figure: Callable[[Tally], float | None]
) -> tuple[float, float] | None:
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(_DRAWS):
        value = figure(sum((each[at] for at in rng.integers(0, len(each), len(each))), Tally()))
        if value is not None:
            drawn.append(value)
    if not drawn:
        return None
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def judge(find: Finder, sets: Sets, silent: Sets) -> Figures:
    """All sets apart and together, and the sounds without speech."""
    by_set = {name: tallies(find, files) for name, files in sets.items()}
    told: Figures = {name: pooled(judged) for name, judged in by_set.items()}
    told["all"] = pooled(
        [each for name, judged in by_set.items() if name != PEOPLE for each in judged]
    )
    quiet = {name: tallies(find, files) for name, files in silent.items()}
    told["nospeech"] = _false({k: v for k, v in quiet.items() if k != COUGHS})
    told["coughs"] = _false({k: v for k, v in quiet.items() if k == COUGHS})
    return told


def _false(quiet: dict[str, list[tuple[Tally, Tally]]]) -> Figures:
    live = sum((one for judged in quiet.values() for one, _ in judged), Tally())
    kinds = {name: sum(one.false for one, _ in judged) for name, judged in quiet.items()}
    return {
        "minutes": live.heard / SPEECH.rate / 60,
        "false": live.false,
        "false_per_minute": live.false_per_minute,
        "kinds": {name: count for name, count in kinds.items() if count},
    }


def cpu(names: Sequence[str], files: Sequence[Labelled]) -> Figures:
    """Milliseconds of CPU for a second of sound; median of three turns each."""
    seconds = sum(file.seconds for file in files)
    finders = {name: ours(name) for name in names} | {"bare Silero loop": _bare()}
    spent: dict[str, list[float]] = {name: [] for name in finders}
    for _ in range(3):
        for name, find in finders.items():
            begun = time.process_time()
            for file in files:
                find(file.pcm())
            spent[name].append(1000 * (time.process_time() - begun) / seconds)
    return {name: statistics.median(values) for name, values in spent.items()}


def _bare() -> Finder:
    model = load_model()

    def find(pcm: bytes) -> Both:
        bare_silero([pcm], model)
        return [], []

    return find


# ---- telling ------------------------------------------------------------------------------------


def bench(given: argparse.Namespace) -> Figures:
    """As the command line says.

    Raises:
        MicstreamError: the recordings or their labels do not serve.
    """
    sets, silent = read_sets(given.folder, "labelled"), read_sets(given.folder, "nospeech")
    room = [each for files in read_sets(given.folder, "background").values() for each in files]
    if not any(file.labels for files in sets.values() for file in files):
        raise InputError(
            f"{given.folder} holds no labelled sets",
            hint="expected labelled/SET/ with recordings, and .txt labels beside them",
            code="no_labels",
        )
    if given.quick:
        sets = {name: files[:2] for name, files in sets.items()}
        silent = {name: files[:1] for name, files in silent.items()}
    if given.long:
        return {
            "long": long_session(sets, room or _need(given.folder), 0.1 if given.quick else LONG_H)
        }
    if given.curve:
        return {"curve": curve(sets, room)}
    if given.reach:
        return {"reach": reach(sets, silent, quick=given.quick)}
    if room:
        sets = sets | {PEOPLE: with_people(sets, room, 10)}
    vads = list(knobs.BY_NAME["vad"].choices)
    figures: Figures = {}
    for name in given.only or [*vads, *PEERS]:
        print(f"sets: {name}", file=sys.stderr, flush=True)
        figures[name] = judge(ours(name) if name in vads else peer(name), sets, silent)
    told: Figures = {"contenders": figures}
    chosen = [name for name in figures if name in vads]
    spoken = {name: files for name, files in sets.items() if name != PEOPLE}
    told["cpu_ms_per_s"] = cpu(chosen, [file for files in spoken.values() for file in files][:20])
    if given.plot or given.json:
        told["roc"] = {}
        for name in chosen:
            print(f"sets: {name}, its curve", file=sys.stderr, flush=True)
            told["roc"][name] = roc(name, spoken, silent)
    return told


def _need(folder: Path) -> Sequence[Labelled]:
    raise InputError(
        f"{folder} holds no background",
        hint="expected background/ROOM/ with recordings of people",
        code="no_background",
    )


def _print(figures: Figures) -> None:
    if "long" in figures:
        long = figures["long"]
        print(f"{long['sentences']} sentences; in each quarter")
        for name, words in (
            ("found_percent", "found within half a second, %"),
            ("ever_percent", "found at all, %"),
            ("onset_ms", "after its beginning, ms (median)"),
        ):
            print(f"  {words}: {', '.join(f'{each:.0f}' for each in long[name])}")
        print(f"  false, a minute: {long['false_per_minute']:.2f}")
        return
    if "reach" in figures:
        tell(figures["reach"])
        return
    if "curve" in figures:
        show(
            "What the sound before an onset is worth",
            ("margin ms", "set", "clipped %", "lead ms, median/p95"),
            [
                (r["margin_ms"], r["set"], _tenth(r["clipped_percent"]), _pair(r["lead_ms"]))
                for r in figures["curve"]
            ],
        )
        return
    for name, told in figures["contenders"].items():
        rows = [
            (
                which,
                row["references"],
                f"{row['f1'] or 0:.2f} ({_span(row['f1_ci'], 2)})",
                _tenth(row["speech_cut_percent"]),
                _tenth(row["head_cut_percent"]),
                f"{row['clipped_percent'] or 0:.1f} ({_span(row['clipped_ci'], 1)})",
                _tenth(row["false_per_minute"]),
                _pair(row["onset_ms"]),
                _pair(row["end_ms"]),
            )
            for which, row in told.items()
            if "f1" in row
        ]
        head = ("set", "utterances", "F1", "speech\ncut %", "head\ncut %", "clipped %")
        none, coughs = told["nospeech"], told["coughs"]
        show(
            name,
            (*head, "false\na minute", "onset ms", "end ms"),
            rows,
            f"without speech: {none['false']} false in {none['minutes']:.1f} min, "
            f"{none['false_per_minute'] or 0:.2f} a minute: {none['kinds']}",
            f"coughs, breath, snoring: {coughs['false']} in {coughs['minutes']:.1f} min",
            width=130,
        )
    spent = figures["cpu_ms_per_s"]
    bare = spent["bare Silero loop"]
    show(
        "CPU",
        ("found by", "ms a second", "of the bare loop"),
        [(name, f"{value:.2f}", f"{value / bare:.2f}") for name, value in spent.items()],
    )


def _span(ci: Any, digits: int) -> str:
    return "-" if ci is None else f"{ci[0]:.{digits}f} to {ci[1]:.{digits}f}"


def _pair(values: Any) -> str:
    return "-" if values is None else "/".join(f"{value:.0f}" for value in values)


def _tenth(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def draw(figures: Figures, place: Path) -> None:
    """Clipped against false utterances a minute: a curve for each detector, a point for a peer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    for name, points in figures["roc"].items():
        across = [each["false_per_minute"] for each in points]
        up = [each["clipped_percent"] for each in points]
        axes.plot(across, up, marker="o", label=name)
        for x, y, each in zip(across, up, points, strict=True):
            axes.annotate(f"{each['on']:g}", (x, y), fontsize=7)
    for name, told in figures["contenders"].items():
        if name not in figures["roc"]:
            minutes = told["nospeech"]["minutes"] + told["coughs"]["minutes"]
            false = (told["nospeech"]["false"] + told["coughs"]["false"]) / max(minutes, 1e-9)
            axes.plot(false, told["all"]["clipped_percent"], marker="x", linestyle="", label=name)
    axes.set_xlabel("false utterances a minute, sounds without speech")
    axes.set_ylabel("utterances clipped, %")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(place)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser("bench.sets", __doc__)
    options.add_argument("folder", type=Path, metavar="FOLDER", help="sets of recordings")
    options.add_argument("--only", nargs="+", metavar="NAME", help="these alone; after FOLDER")
    options.add_argument("--curve", action="store_true", help="clipped against lead, by margin")
    options.add_argument("--reach", action="store_true", help="what can be had at all")
    options.add_argument("--long", action="store_true", help="two hours of a hall's noise")
    options.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves into a PNG")
    given = options.parse_args(arguments)
    known = [*knobs.BY_NAME["vad"].choices, *PEERS]
    unknown = [name for name in given.only or () if name not in known]
    if unknown:
        options.error(f"--only: no contender {', '.join(unknown)}; there are {', '.join(known)}")
    try:
        figures = bench(given)
    except MicstreamError as error:
        refuse("bench.sets", error)
    if given.json:
        dump("sets", figures)
    else:
        _print(figures)
    if given.plot and "roc" in figures:
        draw(figures, given.plot)
    elif given.plot and "reach" in figures:
        draw_reach(figures["reach"], given.plot)


if __name__ == "__main__":
    main(sys.argv[1:])
