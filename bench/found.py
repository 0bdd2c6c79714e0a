"""Utterances found in sets of recordings: by micstream's detectors and by peers, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.labelled import Labelled, read_folder
from bench.peers import cutters
from bench.scoring import Found, Tally, tally
from micstream import settings
from micstream.audio.format import SPEECH
from micstream.speech.cutter import Cutter
from micstream.speech.detectors import make_cutter
from micstream.speech.events import End, Onset, SegmentEvent
from micstream.speech.presets import Tuning

GAP = SPEECH.samples(500)
PEERS = ("silero-iterator", "webrtcvad-ring-3", "auditok")
_BLOCK = SPEECH.bytes(20)

Sets = dict[str, list[Labelled]]
Both = tuple[list[Found], list[Found]]
"""What was found: as live sends it, and as whole utterances."""
Finder = Callable[[bytes], Both]


def read_sets(folder: Path, kind: str) -> Sets:
    """Folders of recordings by name; none where there is no such kind."""
    place = folder / kind
    inside = sorted(each for each in place.iterdir() if each.is_dir()) if place.is_dir() else []
    return {each.name: read_folder(each) for each in inside}


def with_people(sets: Sets, room: Sequence[Labelled], snr_db: float) -> list[Labelled]:
    """All recordings of the sets with a room's sound under them: speech so far above it."""
    under = np.concatenate([each.samples for each in room]).astype(np.float64)
    mixed = []
    for number, each in enumerate(file for files in sets.values() for file in files):
        spoken = [each.samples[s.start : s.end] for s in each.labels] or [each.samples]
        power = float(np.mean(np.square(np.concatenate(spoken).astype(np.float64))))
        sound = np.resize(np.roll(under, -97_000 * number), each.samples.size)
        gain = np.sqrt(power / max(1e-9, float(np.mean(sound**2)))) * 10 ** (-snr_db / 20)
        whole = np.rint(each.samples + gain * sound).clip(-32_768, 32_767).astype(np.int16)
        mixed.append(Labelled(each.name, whole, each.labels))
    return mixed


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which detector, tuned how: see `DetectionOptions`."""

    vad: str
    tuning: Tuning
    vad_mode: int
    frame_ms: int


# ---- who finds ----------------------------------------------------------------------------------


def ours(vad: str, tuning: Tuning | None = None) -> Finder:
    """One of micstream's detectors; `tuning` in place of its preset's."""
    given = settings.load(vad=vad)
    chosen = tuning or given.tuning
    cutter = make_cutter(Chosen(vad, chosen, given.vad_mode, given.frame_ms))

    def find(pcm: bytes) -> Both:
        cutter.reset()
        live: list[Found] = []
        whole: list[Found] = []
        blocks = (pcm[at : at + _BLOCK] for at in range(0, len(pcm), _BLOCK))
        for onset, end in utterances(cutter, blocks):
            live.append(Found(onset.start, end.end, onset.decided, end.decided))
            if end.enough:
                whole.append(Found(onset.start, end.speech_end, onset.decided, end.decided))
        return live, whole

    return find


def utterances(cutter: Cutter, blocks: Iterable[bytes]) -> Iterator[tuple[Onset, End]]:
    """Each utterance of one stream by its onset and its end, in order."""
    onset: Onset | None = None
    for event in _events(cutter, blocks):
        if isinstance(event, Onset):
            onset = event
        elif isinstance(event, End) and onset is not None:
            yield onset, event


def _events(cutter: Cutter, blocks: Iterable[bytes]) -> Iterator[SegmentEvent]:
    for block in blocks:
        yield from cutter.push(block)
    yield from cutter.finish()


def peer(name: str) -> Finder:
    """One of the others: what it finds is the same live and whole."""
    model = cutters.silero_model() if name == "silero-iterator" else None

    def find(pcm: bytes) -> Both:
        blocks = [pcm[at : at + _BLOCK] for at in range(0, len(pcm), _BLOCK)]
        listen: Iterable[Found]
        if model is not None:
            listen = cutters.silero_iterator(model, blocks)
        elif name == "auditok":
            listen = cutters.auditok_split(blocks)
        else:
            listen = cutters.webrtcvad_ring(3, blocks)
        found = list(listen)
        return found, found

    return find


def tallies(find: Finder, files: Sequence[Labelled]) -> list[tuple[Tally, Tally]]:
    """Of each recording: as live, as whole utterances."""
    judged = []
    for file in files:
        live, whole = find(file.pcm())
        size = len(file.samples)
        judged.append((tally(file.labels, live, size, GAP), tally(file.labels, whole, size, GAP)))
    return judged
