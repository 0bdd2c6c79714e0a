"""Films with lip-sync errors put in, measured by us and by a plain baseline; for `bench.lipsync`.

Baseline: correlation of envelopes without localisation, as one would write it in an afternoon: by
how much all of the picture changes from frame to frame, against the loudness of the sound; the lag
at which both are most alike. It always names a lag.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.report import Figures
from micstream.errors import InputError
from micstream.lab.kit import load_kit
from micstream.lab.lipsync import level_of, measure
from micstream.lab.mouth import Seen
from micstream.lab.predict import spectrum_of
from micstream.lab.reading import read
from testbed.films import KINDS, drawn, dropped, later, said, seen_of, squeezed, write_film
from testbed.mouths import SIZES, Errors, Mouths, Pcm
from testbed.speech import MONOLOGUE, RATE

SECONDS = 30.0
STEPS_MS, QUICK_STEPS_MS = tuple(range(-240, 241, 40)), (-240, -80, 0, 120)
FALSE_RUNS, QUICK_FALSE_RUNS = 20, 3
FALSE: tuple[Mouths, ...] = ("random", "hangs", "other", "still")
LAG_S, GRID = 0.6, 100
KBIT = 100
_FILMED_STEPS_MS = (0, -160, -80, 80, 160)
_FILMED_LEAST_S = 7.2
HEADS = 20
_PLACES: tuple[dict[str, float], ...] = (
    {},
    {"scale": 0.8, "x": 0.1},
    {"scale": 0.6, "x": -0.15, "y": 0.05},
    {"scale": 0.8, "moving": 0.04},
    {"scale": 0.5},
)

Tell = Callable[[str], None]


def baseline(seen: Seen, level: np.ndarray) -> float:
    """Offset by how much all of the picture changes, in milliseconds."""
    change = np.abs(np.diff(seen.cells, axis=0)).mean((1, 2))
    at = np.arange(level.size) / GRID
    moved = np.interp(at, (seen.times[1:] + seen.times[:-1]) / 2, change)
    sound = np.abs(np.gradient(level))
    moved, sound = moved - moved.mean(), sound - sound.mean()
    reach = round(LAG_S * GRID)
    across = np.correlate(np.pad(moved, reach), sound, "valid")
    return 1000 * (int(across.argmax()) - reach) / GRID


def scored(
    wholes: Sequence[Seen],
    steps_ms: Sequence[int],
    pcm: Pcm | None = None,
    *,
    by_drawing: bool = False,
) -> Figures:
    """How far both are from what was put in; `wholes`: one of each step, or one for all."""
    pcm = said(SECONDS) if pcm is None else pcm
    level, spectrum = level_of(pcm, RATE), spectrum_of(pcm, RATE)
    ours: list[float] = []
    plain: list[float] = []
    undecided = wrong_sign = 0
    for number, put_in in enumerate(steps_ms):
        seen = wholes[number] if by_drawing else later(wholes[0], put_in)
        found = measure(seen, level, spectrum=spectrum)
        plain.append(abs(baseline(seen, level) - put_in))
        if found.offset_ms is None:
            undecided += 1
            continue
        ours.append(abs(found.offset_ms - put_in))
        wrong_sign += bool(put_in and found.offset_ms * put_in < 0)
    return {
        "runs": len(steps_ms),
        "median_ms": statistics.median(ours) if ours else None,
        "worst_ms": max(ours) if ours else None,
        "undecided": undecided,
        "wrong_sign": wrong_sign,
        "baseline_median_ms": statistics.median(plain),
        "baseline_worst_ms": max(plain),
    }


def offsets(steps_ms: Sequence[int], tell: Tell, *, quick: bool) -> dict[str, Figures]:
    """Offsets put in on the way, and in the drawing, in each kind of picture."""
    pcm, rows = said(SECONDS), {}
    for kind in ("face", "photo") if quick else KINDS:
        tell(f"lipsync: {kind}")
        rows[kind] = scored([seen_of(drawn(kind, pcm), fps=25)], steps_ms)
    speech = said(SECONDS, MONOLOGUE)
    whole = seen_of(drawn("face", speech), fps=25)
    rows["face, without pauses"] = scored([whole], steps_ms, speech)
    wholes = [
        seen_of(drawn("face", pcm, Errors(drawn_ms=each, fps=30)), fps=30) for each in steps_ms
    ]
    rows["face, drawn so, 30 fps"] = scored(wholes, steps_ms, by_drawing=True)
    squeezed_ = seen_of(squeezed(drawn("photo", pcm), fps=25, kbit=KBIT), fps=25)
    rows[f"photo, {KBIT} kbit/s"] = scored([squeezed_], steps_ms)
    lossy = dropped(squeezed_, 0.03)
    rows["the same, 3 % of frames lost"] = scored([lossy], steps_ms)
    if not quick:
        for size, fps in (("360p", 25), ("360p", 30), ("1080p", 25)):
            tell(f"lipsync: {size} at {fps}")
            frames = drawn("face", pcm, Errors(fps=fps), width=640, size=SIZES[size])
            whole = seen_of(squeezed(frames, fps=fps, kbit=800), fps=fps)
            rows[f"face, {size}, {fps} fps"] = scored([whole], steps_ms)
    return rows


def false_mouths(runs: int, tell: Tell) -> dict[str, Figures]:
    """Mouths that do not follow: how often each of the two names an offset all the same."""
    pcm = said(SECONDS)
    rows: dict[str, Figures] = {}
    level, spectrum = level_of(pcm, RATE), spectrum_of(pcm, RATE)
    for mouth in FALSE:
        tell(f"lipsync: a mouth that is {mouth}")
        count = 1 if mouth == "still" else runs
        given = good = 0
        for number in range(count):
            errors = Errors(mouth=mouth, seed=f"false {number}")
            seen = seen_of(drawn("face", pcm, errors), fps=25)
            found = measure(seen, level, spectrum=spectrum)
            given += found.offset_ms is not None
            good += found.verdict == "good"
        rows[mouth] = {"runs": count, "offset_named": given, "good": good, "baseline": count}
    return rows


def others(tell: Tell, *, quick: bool) -> Figures:
    """Drift, early start, tail: what is found of what was put in."""
    minutes = 2 if quick else 5
    found: Figures = {}
    for name, put_in, seconds in (
        ("drift_ms_per_min", {"drift_ms_per_min": 10.0}, 60.0 * minutes),
        ("start_offset_ms", {"early_start_ms": 300.0}, SECONDS),
        ("tail_ms", {"tail_ms": 400.0}, SECONDS),
    ):
        tell(f"lipsync: {name}")
        pcm = said(seconds)
        level = level_of(pcm, RATE)
        row: Figures = {"put_in": next(iter(put_in.values()))}
        for which, errors in (("found", Errors(**put_in)), ("without", Errors())):  # type: ignore[arg-type] # numbers
            seen = seen_of(drawn("face", pcm, errors), fps=25)
            row[which] = measure(seen, level).as_dict()[name]
        found[name] = row
    return found


def heads(tell: Tell, *, quick: bool) -> dict[str, Figures]:
    """Twenty drawn heads as a call shows them, each with a voice of the kit, shifts put into each.

    They stand in for filmed ones, which no package brings. Drawn in step: as they are they lie
    within half a frame of 0, and a shift is right by itself.
    """
    voices = [item for item in load_kit() if item.what == "speech"]
    rows = {}
    for number in range(4 if quick else HEADS):
        voice, kind = voices[number % len(voices)], ("photo", "face")[number % 3 == 2]
        fps, kbit = (25, 30)[number % 2], (100, 200, 400)[number % 3]
        tell(f"lipsync: head {number + 1}, {voice.name}")
        pcm = said(SECONDS, voice.file)
        place = _PLACES[number % len(_PLACES)]
        errors = replace(Errors(fps=fps, seed=f"head {number}"), **place)  # type: ignore[arg-type] # numbers
        seen = seen_of(squeezed(drawn(kind, pcm, errors), fps=fps, kbit=kbit), fps=fps)
        found = [_offset(later(seen, each), pcm) for each in _FILMED_STEPS_MS]
        rows[f"{number + 1} {kind}, {voice.name}, {fps} fps, {kbit} kbit/s"] = {
            "seconds": SECONDS,
            "as_filmed_ms": found[0],
            "off_ms": [
                None if each is None else each - step
                for each, step in zip(found[1:], _FILMED_STEPS_MS[1:], strict=True)
            ],
        }
    return rows


def filmed(folder: Path, tell: Tell) -> Figures:
    """Real talking heads, as filmed and with shifts put in; and each with the sound of others.

    How late a film is by itself is not known: a shift is right by the difference that it makes.
    """
    films = {}
    for file in sorted(folder.iterdir()):
        tell(f"lipsync: {file.name}")
        try:
            film = read(file)
        except InputError as error:
            tell(f"  left out: {error.message}")
            continue
        if film.pcm.size >= _FILMED_LEAST_S * RATE and film.seen.times.size > 1:
            films[file.name] = film
    rows: dict[str, Figures] = {}
    for name, film in films.items():
        found = [_offset(later(film.seen, each), film.pcm) for each in _FILMED_STEPS_MS]
        as_filmed = found[0]
        off = [
            None if each is None or as_filmed is None else each - as_filmed - step
            for each, step in zip(found[1:], _FILMED_STEPS_MS[1:], strict=True)
        ]
        rows[name] = {"seconds": film.pcm.size / RATE, "as_filmed_ms": as_filmed, "off_ms": off}
    named = pairs = 0
    for one, film in films.items():
        tell(f"lipsync: {one} with the sound of others")
        for other, heard in films.items():
            last = min(float(film.seen.times[-1]), heard.pcm.size / RATE)
            if one != other and last >= _FILMED_LEAST_S:
                shown = film.seen.times <= last
                seen = Seen(film.seen.times[shown], film.seen.cells[shown])
                pairs += 1
                named += _offset(seen, heard.pcm[: round(last * RATE)]) is not None
    return {"films": rows, "pairs": pairs, "named_of_pairs": named}


def _offset(seen: Seen, pcm: Pcm) -> float | None:
    return measure(seen, level_of(pcm, RATE), spectrum=spectrum_of(pcm, RATE)).offset_ms


def cost(folder: Path, seconds: float, tell: Tell) -> Figures:
    """What `micstream lipsync measure` takes for a film of 720p: CPU of all threads, memory."""
    tell("lipsync: what it takes")
    pcm, file, out = said(seconds, MONOLOGUE), folder / "film.mp4", folder / "found.json"
    write_film(file, drawn("face", pcm, width=1280), pcm, fps=25)
    command = [sys.executable, "-m", "micstream", "lipsync", "measure", "--json", str(file)]
    with out.open("wb") as told:
        child = subprocess.Popen(command, stdout=told, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    spent = usage.ru_utime + usage.ru_stime
    return {
        "film_s": seconds,
        "cpu_s": spent,
        "times_real_time": seconds / spent,
        "peak_mib": usage.ru_maxrss / 1024,
        "offset_ms": json.loads(out.read_text())["offset_ms"],
    }
