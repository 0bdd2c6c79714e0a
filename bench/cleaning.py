"""What cleaning gains and costs: each detector, and what is sent, with and without.

FOLDER, and how a cut is judged: see `python -m bench.segmentation --help`. Each detector hears the
sound as it is, then as micstream.cleaning makes it:

  + clean   all three parts, as --clean
  + pass    the high pass alone
  + noise   the noise suppression, which brings its high pass with it
  + gain    the automatic gain alone

With --send-original the decisions are those of --clean (but the level of what is sent says where
a beginning is traced back to, and very long speech cut), and the sound is as recorded. What the
cleaner holds back counts in all delays.

Of what is sent: the level of labelled speech, that of the rest, and their difference; where a file
that ends in `clean` has the same labels, how like it the speech is (1: the same): the correlation
of short-time envelopes in third-octave bands over 384 ms, as in the measure STOI, loudness aside.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench import segmentation
from bench.labelled import Labelled, read_folder
from bench.report import Figures, dump, parser, show
from bench.scoring import Found, Stretch, merged
from bench.segmentation import Contender, Groups, Listener, contenders, judge
from micstream.audio.format import SPEECH
from micstream.audio.levels import rms_db
from micstream.cleaning import Cleaner
from micstream.errors import InputError, MicstreamError

Samples = npt.NDArray[np.int16]

WAYS: Final[dict[str, Callable[[], Cleaner]]] = {
    "clean": Cleaner,
    "pass": partial(Cleaner, noise_suppression=False, gain=False),
    "noise": partial(Cleaner, high_pass=False, gain=False),
    "gain": partial(Cleaner, high_pass=False, noise_suppression=False),
}
AS_IT_IS: Final = "as it is"
GAP_S: Final = 0.5

_HOP, _WINDOW = SPEECH.samples(8), SPEECH.samples(32)
_SEGMENT: Final = 48
"""Hops: 384 ms."""
_BANDS: Final = 150 * 2 ** (np.arange(16) / 3) / 2 ** (1 / 6)
"""Edges in Hz: fifteen third octaves around 150 to 3,800 Hz."""


# ---- detection ---------------------------------------------------------------------------------


def cleaned_too(who: Sequence[Contender]) -> list[Contender]:
    """Each as it is, and then behind each way of cleaning."""
    return [
        one
        for each in who
        for one in (
            each,
            *(
                Contender(f"{each.name} + {way}", partial(_begin, each, make))
                for way, make in WAYS.items()
            ),
        )
    ]


def _begin(who: Contender, make: Callable[[], Cleaner]) -> Listener:
    return partial(_listen, make(), who.begin())


def _listen(cleaner: Cleaner, listen: Listener, blocks: Iterable[bytes]) -> Iterator[Found]:
    for found in listen(_cleaned(cleaner, blocks)):
        yield replace(
            found,
            onset_decided=cleaner.input_for(found.onset_decided),
            end_decided=cleaner.input_for(found.end_decided),
        )


def _cleaned(cleaner: Cleaner, blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        if done := cleaner.push(block):
            yield done
    if done := cleaner.finish():
        yield done


# ---- what is sent ------------------------------------------------------------------------------


def quality(files: Sequence[Labelled]) -> Figures:
    """By way of cleaning and by file: levels in dBFS, the share that clips, and likeness."""
    clean = next((file for file in files if file.name.endswith("clean")), None)
    done: Figures = {}
    for way in (AS_IT_IS, *WAYS):
        done[way] = {}
        for file in files:
            sound = _through(file.samples, way)
            spoken = _mask(file.labels, sound.size)
            speech, rest = (rms_db(sound[part].tobytes()) for part in (spoken, ~spoken))
            beside = clean is not None and clean.labels == file.labels and file.labels
            done[way][file.name] = {
                "speech_db": speech if file.labels else None,
                "rest_db": rest,
                "over_rest_db": speech - rest if file.labels else None,
                "clipped_percent": 100 * float(np.mean(np.abs(sound.astype(int)) >= 32_767)),
                "likeness": likeness(clean.samples, sound, file.labels)
                if clean is not None and beside
                else None,
            }
    return done


def _through(samples: Samples, way: str) -> Samples:
    if way == AS_IT_IS:
        return samples
    cleaner = WAYS[way]()
    return np.frombuffer(cleaner.push(samples.tobytes()) + cleaner.finish(), dtype=np.int16)


def _mask(labels: Iterable[Stretch], size: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(size, dtype=np.bool_)
    for each in labels:
        mask[each.start : each.end] = True
    return mask


def likeness(clean: Samples, sound: Samples, labels: Sequence[Stretch]) -> float | None:
    """How like the envelopes of two recordings of the same speech are; None if it is too short."""
    found = [
        _correlations(clean[each.start : each.end], sound[each.start : each.end])
        for each in merged(labels)
        if each.end - each.start >= _WINDOW + (_SEGMENT - 1) * _HOP
    ]
    return float(np.concatenate(found).mean()) if found else None


def _correlations(one: Samples, other: Samples) -> npt.NDArray[np.float64]:
    """Of all bands in each stretch of 384 ms."""
    first, second = (_segments(_envelopes(each)) for each in (one, other))
    norm = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    products: npt.NDArray[np.float64] = (first * second).sum(axis=-1)
    alike = np.divide(products, norm, out=np.zeros_like(products), where=norm > 0)
    each: npt.NDArray[np.float64] = alike.mean(axis=0)
    return each


def _envelopes(sound: Samples) -> npt.NDArray[np.float64]:
    """Bands by hops: the root of each band's power."""
    windows = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float64), _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), axis=1)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(_WINDOW, 1 / SPEECH.rate), _BANDS)
    bands = [power[:, low:high].sum(axis=1) for low, high in pairwise(edges)]
    roots: npt.NDArray[np.float64] = np.sqrt(np.array(bands))
    return roots


def _segments(envelopes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Every stretch of 384 ms, its mean taken off."""
    views = np.lib.stride_tricks.sliding_window_view(envelopes, _SEGMENT, axis=1)
    centred: npt.NDArray[np.float64] = views - views.mean(axis=-1, keepdims=True)
    return centred


# ---- telling -----------------------------------------------------------------------------------


def _print(figures: Figures) -> None:
    segmentation.show_figures(figures)
    rows = [(name, *(_figures(each) for each in ways)) for name, *ways in _by_file(figures)]
    show(
        "What is sent: level of speech dBFS / over the rest dB / likeness to the clean recording",
        ("file", AS_IT_IS, *WAYS),
        rows,
        "- : no speech (then the level of all), or no clean recording of the same",
        width=140,
    )
    costs = {name: each["cpu_ms_per_s"] for name, each in figures["contenders"].items()}
    show(
        "CPU, times that of the detector alone",
        ("detector", *WAYS),
        [
            (name, *(costs[f"{name} + {way}"] / alone for way in WAYS))
            for name, alone in costs.items()
            if f"{name} + clean" in costs and alone
        ],
    )


def _by_file(figures: Figures) -> Iterator[tuple[str, *tuple[Figures, ...]]]:
    for name in figures["sent"][AS_IT_IS]:
        yield name, *(figures["sent"][way][name] for way in (AS_IT_IS, *WAYS))


def _figures(each: Figures) -> str:
    if each["speech_db"] is None:
        return f"{each['rest_db']:.0f} / - / -"
    like = "-" if each["likeness"] is None else f"{each['likeness']:.3f}".removeprefix("0")
    return f"{each['speech_db']:.0f} / {each['over_rest_db']:.1f} / {like}"


def options() -> argparse.ArgumentParser:
    """The command line."""
    made = parser("bench.cleaning", __doc__)
    made.add_argument("folder", type=Path, metavar="FOLDER", help="labelled recordings")
    made.add_argument("--only", nargs="+", metavar="NAME", help="these detectors; after FOLDER")
    made.add_argument(
        "--rounds", type=int, default=1, help="of all files, for the CPU (%(default)s)"
    )
    return made


def bench(given: argparse.Namespace) -> Figures:
    """As the command line says.

    Raises:
        MicstreamError: recordings, labels or a detector's package do not serve.
    """
    files = read_folder(given.folder)
    recorded = Groups.of(files).recorded
    if not recorded:
        raise InputError(f"{given.folder} holds no labelled speech", code="no_labels")
    files = recorded if given.quick else files
    who = contenders("utterance")
    names = [each.name for each in who]
    unknown = [name for name in given.only or () if name not in names]
    if unknown:
        options().error(f"--only: no detector {', '.join(unknown)}; there are {', '.join(names)}")
    who = cleaned_too([each for each in who if each.name in (given.only or names)])
    return {
        "mode": "utterance",
        **judge(files, who, gap_s=GAP_S, rounds=given.rounds, gains=not given.quick),
        "sent": quality(files),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    made = options()
    given = made.parse_args(arguments)
    if given.rounds < 1:
        made.error(f"--rounds {given.rounds}: expected at least one")
    try:
        figures = bench(given)
    except MicstreamError as error:
        print(f"bench.cleaning: {error.message}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    if given.json:
        dump("cleaning", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
