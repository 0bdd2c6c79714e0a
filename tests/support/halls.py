"""Whether loudspeakers kept their delay, by a record of a session in front of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from micstream.lab.align import locate
from micstream.record.format import Kind
from micstream.record.reading import Record, read_record
from testbed.speech import RATE

PIECE_S = 0.5
LATEST_S = 1.0
LOUD = 1_500
SURE = 0.8
"""As alike as that it is there, and not in what the performer says meanwhile."""
STILL_MS = 20.0
"""More than that two receivers' buffers do not differ by turns, where the machine has time."""
ENOUGH = 3
"""Pieces that are found; of fewer nobody knows whether it stood still."""
Sound = npt.NDArray[np.int16]


def moved_ms(folder: Path, since: float) -> float:
    """By how many ms the delay of the avatar's sound differs from one moment to another; infinite:
    it is hardly to be heard, as where it comes back torn.

    Args:
        folder: a record, with the avatar's sound.
        since: what was before this second of Unix' time is not looked at.
    """
    record = read_record(folder)
    begin_s = max(0.0, since - record.manifest["began_unix"])
    mine, theirs = _track(record, "microphone"), _track(record, "avatar")
    delays = []
    size = round(PIECE_S * RATE)
    for begin in range(round(begin_s * RATE), len(theirs) - size, size):
        piece, at_s = theirs[begin : begin + size], begin / RATE
        if np.abs(piece).max() < LOUD:
            continue
        found = locate(piece, mine, at_s, at_s + LATEST_S)
        if found is not None and found[1] >= SURE:
            delays.append((found[0] - at_s) * 1000)
    return max(delays) - min(delays) if len(delays) >= ENOUGH else float("inf")


def _track(record: Record, kind: Kind) -> Sound:
    """All of a kind at its time, 16 kHz; silence between."""
    whole = np.zeros(round((record.seconds + 1) * RATE), np.int16)
    for piece in record.pieces:
        if piece.kind == kind:
            pcm = np.frombuffer(record.pcm(piece), np.int16)
            pcm = pcm if piece.rate == RATE else soxr.resample(pcm, piece.rate, RATE)
            begin = round(piece.at * RATE)
            pcm = pcm[: len(whole) - begin]
            whole[begin : begin + len(pcm)] = pcm
    return whole
