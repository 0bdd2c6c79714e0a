"""What can be reached on sets of speech: the labels' own noise, and every way of deciding sooner,
later or more strictly, with what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from bench.found import GAP, Sets, ours, tallies
from bench.labelled import Labelled
from bench.report import Figures, show
from bench.scoring import Found, Stretch, Tally, merged, tally
from micstream import settings
from micstream.audio.format import SPEECH
from micstream.speech.presets import Tuning

VAD = "hybrid"
ON = (0.35, 0.5, 0.65, 0.8)
ONSET_MS = ((30, 30), (60, 100), (100, 160))
"""Voiced sound that begins an utterance, within a stretch."""
HANGOVER_MS = (300, 420, 540, 660)
MOVED_MS = (20, 40)
"""How exact a label's ends are, as its makers say."""
_DRAWS = 20


def reach(sets: Sets, silent: Sets, *, quick: bool = False) -> Figures:
    """Labels against themselves, and a row for each way of deciding."""
    files = [each for group in sets.values() for each in group]
    quiet = [each for name, group in silent.items() if "cough" not in name for each in group]
    return {
        "labels": [labels_against_themselves(files, moved) for moved in MOVED_MS],
        "ways": [_way(tuning, files, quiet) for tuning in _tunings(quick)],
    }


def labels_against_themselves(files: Sequence[Labelled], moved_ms: int) -> Figures:
    """F1 of labels whose ends are moved by up to so much, each by itself, against the labels.

    Nobody who finds utterances can be told from a perfect one above that. Pauses of nearly half a
    second are what makes it: they join, or part, what is one utterance or two.
    """
    rng = np.random.default_rng(7)
    most = SPEECH.samples(moved_ms)
    drawn = []
    for _ in range(_DRAWS):
        total = Tally()
        for file in files:
            ends = [(s.start, s.end) for s in file.labels]
            shifts = rng.integers(-most, most + 1, (len(ends), 2))
            moved = [
                Stretch(max(0, start + int(a)), end + int(b))
                for (start, end), (a, b) in zip(ends, shifts, strict=True)
                if start + int(a) < end + int(b)
            ]
            found = [Found(s.start, s.end, s.start, s.end) for s in merged(moved, GAP)]
            total += tally(file.labels, found, len(file.samples), GAP)
        drawn.append(total.f1 or 0.0)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"moved_ms": moved_ms, "f1": float(np.mean(drawn)), "f1_ci": (float(low), float(high))}


def _tunings(quick: bool) -> list[Tuning]:
    """As it is first; then all thresholds with all lengths of voice; then the hangovers."""
    base = settings.load(vad=VAD).tuning
    ways = [base]
    if quick:
        return ways
    for on, (voiced, within) in product(ON, ONSET_MS):
        segmenter = replace(base.segmenter, onset_ms=voiced, onset_window_ms=within)
        ways.append(replace(base, on=on, off=min(base.off, on), segmenter=segmenter))
    for hangover in HANGOVER_MS:
        ways.append(replace(base, segmenter=replace(base.segmenter, hangover_ms=hangover)))
    return list(dict.fromkeys(ways))


def _way(tuning: Tuning, files: Sequence[Labelled], quiet: Sequence[Labelled]) -> Figures:
    find = ours(VAD, tuning)
    judged = tallies(find, files)
    live, whole = (sum((each[side] for each in judged), Tally()) for side in (0, 1))
    none = sum((each for each, _ in tallies(find, quiet)), Tally())
    return {
        "on": tuning.on,
        "onset_ms": tuning.segmenter.onset_ms,
        "hangover_ms": tuning.segmenter.hangover_ms,
        "f1": whole.f1,
        "clipped_percent": live.clipped_percent,
        "speech_cut_percent": live.speech_cut_percent,
        "false_per_minute": none.false_per_minute,
        "decided_ms": live.onset_ms,
        "end_ms": live.end_ms,
    }


def tell(told: Figures) -> None:
    """Two tables: what the labels allow; each way with what it gains and costs."""
    show(
        "The labels against themselves",
        ("ends moved by up to, ms", "F1 (95 % of draws)"),
        [
            (row["moved_ms"], f"{row['f1']:.3f} ({row['f1_ci'][0]:.3f} to {row['f1_ci'][1]:.3f})")
            for row in told["labels"]
        ],
    )
    show(
        "Ways of deciding; the first is the default",
        (
            *("on", "voiced ms", "hangover ms", "F1", "clipped %", "speech\ncut %"),
            *("false\na minute", "onset ms", "end ms"),
        ),
        [
            (
                *(row["on"], row["onset_ms"], row["hangover_ms"]),
                *(_figure(row["f1"], 3), _figure(row["clipped_percent"], 1)),
                *(_figure(row["speech_cut_percent"], 1), _figure(row["false_per_minute"], 2)),
                *(
                    "/".join(f"{each:.0f}" for each in row[k] or ())
                    for k in ("decided_ms", "end_ms")
                ),
            )
            for row in told["ways"]
        ],
        width=110,
    )


def draw_reach(told: Figures, place: Path) -> None:
    """False utterances a minute against how late an onset is decided, a curve for each length of
    voice that is waited for; at each point its threshold, and the share that is clipped."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    usual = told["ways"][0]
    for voiced, _ in ONSET_MS:
        ways = [
            each
            for each in told["ways"]
            if (each["onset_ms"], each["hangover_ms"]) == (voiced, usual["hangover_ms"])
        ]
        ways.sort(key=lambda each: float(each["on"]))
        across = [each["decided_ms"][0] for each in ways]
        up = [each["false_per_minute"] for each in ways]
        axes.plot(across, up, marker="o", label=f"{voiced} ms of voice")
        for x, y, each in zip(across, up, ways, strict=True):
            words = f"{each['on']:g}: {each['clipped_percent']:.1f} %"
            axes.annotate(words, (x, y), fontsize=7)
    axes.set_xlabel("an onset is decided so late, ms (median)")
    axes.set_ylabel("false utterances a minute, sounds without speech")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(place)


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
