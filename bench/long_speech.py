"""Where long speech is cut: in a pause, or in a word?

The bundled monologue, and every labelled recording of a folder with its pauses shortened to 0.3 s,
so that nobody rests for long enough to end an utterance: heard at several maximum lengths, from
several places on. A cut lies in a pause when it lies between two labelled stretches, or at most
20 ms within one.

  micstream    the default detector and segmenter, cutting while it is spoken
  auditok      its split with the same maximum length (it cuts when the length is reached)
  chance       the share of the sound that is pause: where a clock would cut
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import auditok
import numpy as np
import numpy.typing as npt

from bench.labelled import Labelled, read_folder
from bench.report import Figures, dump, parser, show
from bench.spoken import bundled_speech
from micstream.audio.format import SPEECH
from micstream.cutting import read_labels
from micstream.demo.assets import bundled
from micstream.errors import MicstreamError
from micstream.settings import load
from micstream.speech.detectors import make_cutter
from micstream.speech.events import End, EndReason

LENGTHS_S = (8, 10, 13, 30)
SHIFTS_S = (0.0, 0.5, 1.0)
QUICK_LENGTHS_S, QUICK_SHIFTS_S = (10,), (0.0,)
_PAUSE_S = 0.3
_WITHIN_S = 0.02
_BLOCK = SPEECH.samples(20) * 2

Samples = npt.NDArray[np.int16]
Pause = tuple[float, float]
"""Its start and end in seconds."""
Monologue = tuple[str, Samples, list[Pause]]
"""Its name, its sound, and its pauses."""


def monologues(files: Iterable[Labelled]) -> Iterator[Monologue]:
    """The bundled one, then one of each labelled file."""
    name = "monologue.flac"
    sound = (bundled_speech(name) * 32_767).astype(np.int16)
    stretches = read_labels(bundled(name).with_suffix(".txt"), len(sound) / SPEECH.rate)
    ends = pairwise(stretches)
    yield name, sound, [(one.end, other.start) for one, other in ends]
    for file in files:
        if file.labels:
            yield file.name, *_without_rests(file)


def _without_rests(file: Labelled) -> tuple[Samples, list[Pause]]:
    parts: list[Samples] = []
    pauses: list[Pause] = []
    now = 0.0
    spoken = [(start / SPEECH.rate, end / SPEECH.rate) for start, end in file.labels]
    following = [start for start, _ in spoken[1:]] + [file.seconds]
    for (start, end), other in zip(spoken, following, strict=True):
        rest = min(other - end, _PAUSE_S)
        parts.append(file.samples[round(start * SPEECH.rate) : round((end + rest) * SPEECH.rate)])
        pauses.append((now + end - start, now + end - start + rest))
        now += end - start + rest
    return np.concatenate(parts), pauses


def cuts(pcm: bytes, length_s: int) -> list[float]:
    """Where micstream cuts at its limit, in seconds."""
    search_ms = min(5_000, 500 * length_s)
    cutter = make_cutter(load(max_length_ms=1_000 * length_s, search_ms=search_ms))
    found: list[float] = []
    for at in range(0, len(pcm), _BLOCK):
        for event in cutter.push(pcm[at : at + _BLOCK]):
            if isinstance(event, End) and event.reason is EndReason.MAX_LENGTH:
                found.append(event.end / SPEECH.rate)
    return found


def auditok_cuts(pcm: bytes, length_s: int) -> list[float]:
    """Where auditok ends a region because it is as long as may be."""
    regions = auditok.split(pcm, sr=SPEECH.rate, sw=2, ch=1, max_dur=length_s)
    ended = ((float(region.start), float(region.end)) for region in regions)
    return [end for start, end in ended if end - start >= length_s - 0.06]


def bench(files: Iterable[Labelled], lengths: Sequence[int], shifts: Sequence[float]) -> Figures:
    """For each monologue and contender: how many cuts there were, and how many in a pause."""
    figures: Figures = {}
    for name, sound, pauses in monologues(files):
        print(f"long speech: {name}", file=sys.stderr, flush=True)
        row = figures[name] = {"chance": sum(b - a for a, b in pauses) * SPEECH.rate / len(sound)}
        for who, cut in (("micstream", cuts), ("auditok", auditok_cuts)):
            places = [
                place + shift
                for length in lengths
                for shift in shifts
                for place in cut(sound[round(shift * SPEECH.rate) :].tobytes(), length)
            ]
            row[who] = {"cuts": len(places), "in_pause": sum(_in(pauses, at) for at in places)}
    return figures


def _in(pauses: Iterable[Pause], at: float) -> bool:
    return any(start - _WITHIN_S <= at <= end + _WITHIN_S for start, end in pauses)


def main(arguments: Sequence[str] | None = None) -> None:
    options: argparse.ArgumentParser = parser("bench.long_speech", __doc__)
    options.add_argument("folder", nargs="?", type=Path, help="WAVs with Audacity's labels")
    given = options.parse_args(arguments)
    try:
        files = read_folder(given.folder) if given.folder else []
    except MicstreamError as error:
        sys.exit(f"{error.message}; {error.hint}")
    lengths, shifts = (QUICK_LENGTHS_S, QUICK_SHIFTS_S) if given.quick else (LENGTHS_S, SHIFTS_S)
    figures = bench(files, lengths, shifts)
    if given.json:
        dump("long_speech", figures)
        return
    rows = [
        (name, *(_share(row[who]) for who in ("micstream", "auditok")), f"{row['chance']:.0%}")
        for name, row in figures.items()
    ]
    show("Cuts of long speech that lie in a pause", ("", "micstream", "auditok", "chance"), rows)


def _share(counted: dict[str, int]) -> str:
    cuts, hits = counted["cuts"], counted["in_pause"]
    return f"{hits} of {cuts} ({hits / cuts:.0%})" if cuts else "-"


if __name__ == "__main__":
    main(sys.argv[1:])
