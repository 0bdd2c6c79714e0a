"""What bench.sets draws over a parameter: the threshold, the margin, and hours of a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.found import GAP, Sets, ours, tallies, with_people
from bench.labelled import Labelled
from bench.report import Figures
from bench.scoring import Tally, merged, tally
from micstream import settings
from micstream.audio.format import SPEECH
from micstream.speech.detectors import make_cutter
from micstream.speech.events import Onset

NOISE_DB = (20, 10, 5)
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
LONG_H = 2.0
QUARTERS = 4
_SOON_S = 0.5
MARGINS_MS = (0, 20, 30, 50, 80, 120)


def roc(vad: str, sets: Sets, silent: Sets) -> list[Figures]:
    """Clipped against false utterances a minute, over the threshold that begins an utterance."""
    base = settings.load(vad=vad).tuning
    points = []
    for on in THRESHOLDS:
        find = ours(vad, replace(base, on=on, off=min(base.off, on)))
        live = [each for files in sets.values() for each, _ in tallies(find, files)]
        none = [each for files in silent.values() for each, _ in tallies(find, files)]
        points.append(
            {
                "on": on,
                "clipped_percent": sum(live, Tally()).clipped_percent,
                "false_per_minute": sum(none, Tally()).false_per_minute,
            }
        )
    return points


def curve(sets: Sets, room: Sequence[Labelled]) -> list[Figures]:
    """What the margin before the traced onset costs and gains, without noise and with."""
    base = settings.load().tuning
    kinds: Sets = dict(sets)
    if room:
        kinds |= {f"people, {db} dB": with_people(sets, room, db) for db in NOISE_DB}
    rows = []
    for margin in MARGINS_MS:
        find = ours("hybrid", replace(base, margin_ms=margin))
        for name, files in kinds.items():
            leads: list[float] = []
            total = Tally()
            for file in files:
                live, _ = find(file.pcm())
                leads += [(each.onset_decided - each.start) / 16 for each in live]
                total += tally(file.labels, live, len(file.samples), GAP)
            rows.append(
                {
                    "margin_ms": margin,
                    "set": name,
                    "clipped_percent": total.clipped_percent,
                    "lead_ms": [float(x) for x in np.percentile(leads, (50, 95))],
                }
            )
    return rows


def long_session(sets: Sets, room: Sequence[Labelled], hours: float = LONG_H) -> Figures:
    """A hall's noise for hours, a sentence every 30 s, 10 dB over it: found in each quarter.

    Each quarter holds the same sentences in the same noise, so that one can be held against the
    other. Found: from 50 ms before to 0.5 s after its labelled beginning; ever: before its end.
    """
    under = np.concatenate([each.samples for each in room]).astype(np.float64)
    spoken = [
        file.samples[each.start : each.end].astype(np.float64)
        for files in sets.values()
        for file in files
        for each in merged(file.labels, GAP)
        if SPEECH.rate < each.end - each.start < 8 * SPEECH.rate
    ]
    every = 30 * SPEECH.rate
    cutter = make_cutter(settings.load(vad="hybrid"))
    count = round(hours * 3_600 * SPEECH.rate / every / QUARTERS)
    late: list[list[float]] = []
    false = 0
    for quarter in range(QUARTERS):
        rng = np.random.default_rng(4)
        late.append([])
        for number in range(quarter * count, (quarter + 1) * count):
            sound = np.resize(np.roll(under, -int(rng.integers(0, under.size))), every)
            speech = spoken[int(rng.integers(0, len(spoken)))]
            gain = np.sqrt(10 * np.mean(sound**2) / np.mean(speech**2))
            begin = int(rng.integers(SPEECH.rate, every - speech.size - SPEECH.rate))
            sound[begin : begin + speech.size] += gain * speech
            pcm = np.rint(sound).clip(-32_768, 32_767).astype("<i2").tobytes()
            decided = [e.decided for e in cutter.push(pcm) if isinstance(e, Onset)]
            after = [(at - number * every - begin) / SPEECH.rate for at in decided]
            inside = [each for each in after if -0.05 <= each < speech.size / SPEECH.rate]
            false += len(after) - len(inside)
            late[-1].append(min(inside, default=np.inf))
    return {
        "sentences": QUARTERS * count,
        "found_percent": [100 * float(np.mean(np.array(q) <= _SOON_S)) for q in late],
        "ever_percent": [100 * float(np.mean(np.isfinite(q))) for q in late],
        "onset_ms": [1000 * float(np.median(q)) for q in late],
        "false_per_minute": false / (60 * hours),
    }
