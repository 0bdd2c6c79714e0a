"""How well utterances are found, on labelled recordings: every detector beside its peers.

FOLDER holds 16 kHz mono WAVs, and beside each a label file of the same stem (.txt, Audacity:
start, end in seconds, tab separated). A WAV without labels holds no speech. How a cut is judged
stands in bench/scoring.py. By the end of a file's name: `clean` is as recorded (where there is
none, all labelled files together are), `quiet` has little noise, `10` has noise at 10 dB.

  webrtc, silero, ...   micstream with --vad, all else as the settings say: by default the defaults,
                        but the environment and .env count, to try others
  auditok               its split with its defaults: by energy, handed out once it is over
  webrtcvad-ring-2, -3  py-webrtcvad's example: a ring of 300 ms, 90 %; modes 2 and 3
  silero-iterator       Silero's own VADIterator with its defaults

Scored are micstream's utterances as `--mode utterance` sends them: trimmed, false alarms left out;
with `--mode live` all that live sends, up to the decision. The decisions are the same.
CPU is the process's, per second of sound, in blocks of 20 ms; contenders take turns on each file;
the median of the rounds.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.found import utterances
from bench.labelled import Labelled, read_folder
from bench.peers import cutters
from bench.picture import write_picture
from bench.report import Figures, dump, parser, refuse, show
from bench.scoring import Found, Tally, tally
from micstream import settings
from micstream.audio.format import SPEECH
from micstream.errors import InputError, MicstreamError
from micstream.settings import table as knobs
from micstream.speech.cutter import Cutter
from micstream.speech.detectors import make_cutter

ROUNDS, QUICK_ROUNDS = 3, 1
GAINS_DB = (-20, 10)
_DELAYS = ("onset_ms", "end_ms")
_WIDTH = 130
_BLOCK_BYTES = SPEECH.bytes(20)

Listener = Callable[[Iterable[bytes]], Iterable[Found]]
"""Finds the utterances of one stream, in the order in which they end."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Who is judged; `begin` makes ready for one stream and is no part of the cost."""

    name: str
    begin: Callable[[], Listener]


def contenders(mode: str) -> list[Contender]:
    """All there are, micstream's detectors first. `mode`: what it sends, utterance or live."""
    whole = mode == "utterance"
    return [
        *(
            Contender(vad, partial(_begin, settings.load(vad=vad), whole))
            for vad in knobs.BY_NAME["vad"].choices
        ),
        Contender("auditok", lambda: cutters.auditok_split),
        *(
            Contender(f"webrtcvad-ring-{mode}", partial(partial, cutters.webrtcvad_ring, mode))
            for mode in (2, 3)
        ),
        Contender(
            "silero-iterator", lambda: partial(cutters.silero_iterator, cutters.silero_model())
        ),
    ]


def _begin(given: settings.Settings, whole: bool) -> Listener:
    return partial(_cut, make_cutter(given), whole)


def _cut(cutter: Cutter, whole: bool, blocks: Iterable[bytes]) -> Iterator[Found]:
    for onset, end in utterances(cutter, blocks):
        if end.enough or not whole:
            last = end.speech_end if whole else end.end
            yield Found(onset.start, last, onset.decided, end.decided)


# ---- measuring ---------------------------------------------------------------------------------


def run(
    files: Sequence[Labelled], who: Sequence[Contender], rounds: int
) -> tuple[dict[str, dict[str, list[Found]]], dict[str, float]]:
    """What each found in each file, by their names, and its CPU in ms for a second of sound."""
    found: dict[str, dict[str, list[Found]]] = {each.name: {} for each in who}
    spent: dict[str, list[float]] = {each.name: [] for each in who}
    seconds = sum(file.seconds for file in files)
    for number in range(rounds):
        print(f"segmentation: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        total = dict.fromkeys(found, 0.0)
        for place, file in enumerate(files):
            blocks = _blocks(file.pcm())
            turn = (number + place) % len(who)
            for each in (*who[turn:], *who[:turn]):
                listen = each.begin()
                gc.collect()
                begun = time.process_time()
                found[each.name][file.name] = list(listen(blocks))
                total[each.name] += time.process_time() - begun
        for name, cost in total.items():
            spent[name].append(1000 * cost / seconds)
    return found, {name: statistics.median(costs) for name, costs in spent.items()}


def _blocks(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + _BLOCK_BYTES] for at in range(0, len(pcm), _BLOCK_BYTES)]


@dataclass(frozen=True, slots=True)
class Groups:
    """The files by what they are for."""

    recorded: list[Labelled]
    quiet: list[Labelled]
    noisy: list[Labelled]
    wordless: list[Labelled]

    @classmethod
    def of(cls, files: Sequence[Labelled]) -> Groups:
        """Told from the ends of their names."""
        spoken = [file for file in files if file.labels]
        return cls(
            recorded=[file for file in spoken if file.name.endswith("clean")] or spoken,
            quiet=[file for file in spoken if file.name.endswith("quiet")],
            noisy=[file for file in spoken if file.name.endswith("10")],
            wordless=[file for file in files if not file.labels],
        )


def judge(
    files: Sequence[Labelled], who: Sequence[Contender], *, gap_s: float, rounds: int, gains: bool
) -> Figures:
    """All figures of all contenders; see the module's docstring."""
    gap = SPEECH.samples(1000 * gap_s)
    groups = Groups.of(files)
    found, cpu = run(files, who, rounds)
    done: Figures = {}
    for each in who:
        tallies = {
            file.name: tally(file.labels, found[each.name][file.name], len(file.samples), gap)
            for file in files
        }
        recorded, quiet, wordless = (
            sum((tallies[file.name] for file in group), Tally())
            for group in (groups.recorded, groups.quiet, groups.wordless)
        )
        noisy = [tallies[file.name].f1 or 0.0 for file in groups.noisy]
        done[each.name] = {
            "f1": {
                "recorded": recorded.f1,
                "quiet": quiet.f1,
                "noisy": statistics.fmean(noisy) if noisy else None,
                **{f"{gain:+d} dB": None for gain in GAINS_DB},
            },
            "f1_by_file": {file.name: tallies[file.name].f1 for file in files if file.labels},
            "speech_cut_percent": recorded.speech_cut_percent,
            "head_cut_percent": recorded.head_cut_percent,
            "non_speech_percent": recorded.non_speech_percent,
            "onset_ms": recorded.onset_ms,
            "end_ms": recorded.end_ms,
            "false_per_minute": wordless.false_per_minute,
            "false_per_minute_by_file": {
                file.name: tallies[file.name].false_per_minute for file in groups.wordless
            },
            "cpu_ms_per_s": cpu[each.name],
        }
        for gain in GAINS_DB if gains else ():
            at_gain = Tally()
            for file in groups.recorded:
                heard = list(each.begin()(_blocks(file.pcm(gain))))
                at_gain += tally(file.labels, heard, len(file.samples), gap)
            done[each.name]["f1"][f"{gain:+d} dB"] = at_gain.f1
    return {
        "gap_s": gap_s,
        "rounds": rounds,
        "seconds": sum(file.seconds for file in files),
        "references": sum(tally(f.labels, [], 0, gap).references for f in groups.recorded),
        "files": {
            name: [file.name for file in getattr(groups, name)]
            for name in ("recorded", "quiet", "noisy", "wordless")
        },
        "contenders": done,
    }


# ---- telling -----------------------------------------------------------------------------------


def show_figures(figures: Figures) -> None:
    """The tables, on standard output."""
    done, files = figures["contenders"], figures["files"]
    gains = "/".join(f"{gain:+d}" for gain in GAINS_DB)
    head = (
        *("found by", "F1 recorded/\nquiet/10 dB", f"F1 gain\n{gains} dB"),
        *("speech\ncut %", "head\ncut %", "non-speech\nsent %"),
        *("onset ms\np50/p95", "end ms\np50/p95", "false\na minute", "CPU\nms/s"),
    )
    rows = [
        (
            _title(name),
            _several(_share(each["f1"][group]) for group in ("recorded", "quiet", "noisy")),
            _several(_share(each["f1"][f"{gain:+d} dB"]) for gain in GAINS_DB),
            *(each[f"{what}_percent"] for what in ("speech_cut", "head_cut", "non_speech")),
            *(_several(map(_whole, each[what] or ())) for what in _DELAYS),
            _rate(each["false_per_minute"]),
            f"{each['cpu_ms_per_s']:.2f}",
        )
        for name, each in done.items()
    ]
    listed = {name: ", ".join(names) or "-" for name, names in files.items()}
    show(
        "Utterances",
        head,
        rows,
        "* the default of micstream, whose detectors come first; the others are peers",
        f"recorded, gains, cut, sent, delays: {listed['recorded']}, {figures['references']} "
        f"utterances (labels less than {figures['gap_s']} s apart are one); micstream's as "
        f"--mode {figures['mode']} sends them",
        f"quiet: {listed['quiet']}; 10 dB: mean of {listed['noisy']}; false: {listed['wordless']}",
        f"CPU: all {figures['seconds']:.0f} s, median of rounds: {figures['rounds']}",
        width=_WIDTH,
    )
    for title, what, shown in (
        ("F1 of each file", "f1_by_file", _share),
        ("False utterances a minute in each file", "false_per_minute_by_file", _rate),
    ):
        columns = next(iter(done.values()))[what]
        by_file = [(_title(name), *map(shown, each[what].values())) for name, each in done.items()]
        if columns:
            show(title, ("found by", *columns), by_file, width=_WIDTH)


def _title(name: str) -> str:
    return f"{name} *" if name == knobs.BY_NAME["vad"].default else name


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".removeprefix("0")


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _several(values: Iterable[str]) -> str:
    return "/".join(values) or "-"


def options() -> argparse.ArgumentParser:
    """The command line."""
    made = parser("bench.segmentation", __doc__)
    made.add_argument("folder", type=Path, metavar="FOLDER", help="labelled recordings")
    made.add_argument(
        "--gap",
        type=float,
        default=0.5,
        metavar="SECONDS",
        help="labels closer than this are one utterance (%(default)s)",
    )
    made.add_argument(
        "--mode",
        choices=("utterance", "live"),
        default="utterance",
        help="what micstream sends (%(default)s)",
    )
    made.add_argument("--only", nargs="+", metavar="NAME", help="these alone; after FOLDER")
    made.add_argument("--rounds", type=int, help=f"of all files, for the CPU ({ROUNDS})")
    made.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures into a PNG")
    return made


def bench(given: argparse.Namespace) -> Figures:
    """As the command line says.

    Raises:
        MicstreamError: recordings, labels, a setting or a detector's package do not serve.
    """
    files = read_folder(given.folder)
    groups = Groups.of(files)
    if not groups.recorded:
        raise InputError(
            f"{given.folder} holds no labelled speech",
            hint="put label files beside the WAVs: the same name, ending in .txt",
            code="no_labels",
        )
    who = contenders(given.mode)
    names = [each.name for each in who]
    unknown = [name for name in given.only or () if name not in names]
    if unknown:
        options().error(f"--only: no contender {', '.join(unknown)}; there are {', '.join(names)}")
    who = [each for each in who if each.name in (given.only or names)]
    figures = judge(
        groups.recorded if given.quick else files,
        who,
        gap_s=given.gap,
        rounds=given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS),
        gains=not given.quick,
    )
    return {"mode": given.mode, **figures}


def main(arguments: Sequence[str] | None = None) -> None:
    made = options()
    given = made.parse_args(arguments)
    if not 0 <= given.gap <= 60:
        made.error(f"--gap {given.gap}: expected 0 to 60 seconds")
    if given.rounds is not None and given.rounds < 1:
        made.error(f"--rounds {given.rounds}: expected at least one")
    try:
        figures = bench(given)
        if given.json:
            dump("segmentation", figures)
        else:
            show_figures(figures)
        if given.plot:
            write_picture(figures, given.plot)
    except MicstreamError as error:
        refuse("bench.segmentation", error)


if __name__ == "__main__":
    main(sys.argv[1:])
