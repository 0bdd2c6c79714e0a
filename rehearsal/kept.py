"""What the record on the disk holds of a show: read as any program would read it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np

from micstream.audio.format import SAMPLE_WIDTH
from micstream.errors import MicstreamError
from micstream.record.reading import Record, read_record
from micstream.viewer.recording import LOUD
from rehearsal.accounts import Kept
from rehearsal.cast import ANNA, BEN, FRONT, PHONE
from rehearsal.tones import WINDOW_S


def kept(folder: Path) -> Kept | None:
    """Read the record in this folder; None: there is none that can be read."""
    try:
        record = read_record(folder)
    except MicstreamError:
        return None
    sent: dict[str, int] = defaultdict(int)
    other = hashlib.sha256()
    for piece in record.pieces:
        if piece.kind == "sent":
            sent[piece.utterance] += piece.count * SAMPLE_WIDTH
            if piece.name == BEN:
                other.update(record.pcm(piece))
    return Kept(
        events=[{k: v for k, v in told.items() if k != "at"} for told in record.events],
        sent=dict(sent),
        other_digest=other.hexdigest(),
        published_loud_s=_loud_s(record),
        microphone_s={
            who: sum(
                p.count / p.rate for p in record.pieces if (p.kind, p.name) == ("microphone", who)
            )
            for who in (FRONT, PHONE)
        },
        notes=list(record.notes),
    )


def _loud_s(record: Record) -> float:
    """Seconds at which the first avatar is heard in it."""
    found = 0.0
    for piece in record.pieces:
        if piece.kind != "avatar" or piece.name != ANNA:
            continue
        size = round(WINDOW_S * piece.rate)
        pcm = np.frombuffer(record.pcm(piece), np.int16)
        windows = pcm[: pcm.size // size * size].reshape(-1, size).astype(np.int32)
        found += WINDOW_S * float((np.abs(windows).max(axis=1) > LOUD).sum()) if windows.size else 0
    return found
