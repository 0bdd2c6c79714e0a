"""Files of a record: names, WAV headers, lines of its index, and how torn ones are mended. Pure.

    SESSION/manifest.json     what it is, when it began; whether it ended in order
            events.jsonl      the events, as `--json` prints them, with `at`
            sound.jsonl       the index: which samples of which file were heard or sent when
            microphone-1.wav  the microphone as captured, 16 kHz; one file for each source
            avatar-1.wav      what an avatar published, 16 kHz, where that was asked for
            utterances/0001.wav  an utterance as it was sent, at the avatar's rate

`at` is in seconds since the record's beginning. Sound is written before its line of the index, so a
record that was torn has at most sound without a line: it goes on from the last one that there is.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, get_args

from micstream.audio.format import SAMPLE_WIDTH
from micstream.plain_text import as_json

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
EVENTS: Final = "events.jsonl"
SOUND: Final = "sound.jsonl"
UTTERANCES: Final = "utterances"
HEADER_BYTES: Final = 44

_UNKNOWN: Final = 0xFFFF_FFFF
"""Length in a header that is not known yet: readers take it for `until the end`."""
_OURS: Final = re.compile(r"(?:utterances/)?[A-Za-z0-9-]{1,64}\.wav")
"""A name of a sound's file: within the record, whatever a line says."""
_JOINS_S: Final = 0.1
"""Sound that comes so much off the time of what came before is another piece: some is missing."""
_RATES: Final = (4_000, 192_000)

Kind = Literal["microphone", "sent", "avatar"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of one file that follow each other in time: a line of the index."""

    kind: Kind
    file: str
    name: str
    """The performer, or else the source; with `sent` and `avatar` the avatar's identity."""
    rate: int
    at: float
    """Seconds since the record's beginning: when the first was captured, written, or came."""
    first: int
    """Place of the first sample in the file."""
    count: int
    utterance: str = ""
    channel: int = 0

    @property
    def end(self) -> float:
        """Seconds since the record's beginning at which its last sample has been heard."""
        return self.at + self.count / self.rate

    def as_json(self) -> str:
        """The line, without a line break."""
        told = {key: value for key, value in asdict(self).items() if value not in ("", 0)}
        return as_json({**told, "at": round(self.at, 6), "first": self.first, "count": self.count})


def wav_header(rate: int, data_bytes: int | None = None) -> bytes:
    """Header of a WAV of mono 16-bit PCM; without `data_bytes` of one that is still written."""
    known = data_bytes is not None and data_bytes + 36 < _UNKNOWN
    size = data_bytes if known and data_bytes is not None else _UNKNOWN
    whole = size + 36 if known else _UNKNOWN
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + form + b"data" + struct.pack("<I", size)


class Run:
    """Pieces of a sound that goes on: about one a second, and another wherever some is missing."""

    def __init__(self, kind: Kind, file: str, name: str, rate: int, *, channel: int = 0) -> None:
        self._open = Piece(kind, file, name, rate, 0.0, 0, 0, channel=channel)
        self._told = False
        """A first piece was told: the file has its place in time."""

    def push(self, at: float, count: int) -> list[Piece]:
        """Take `count` samples, the first of them at `at`; the pieces that are complete by that."""
        held = self._open
        if held.count and abs(held.end - at) <= _JOINS_S and self._told:
            self._open = replace(held, count=held.count + count)
            return self.finish() if self._open.count >= held.rate else []
        complete = self.finish()
        self._open = replace(self._open, at=at, count=count)
        return [*complete, *([] if self._told else self.finish())]

    def finish(self) -> list[Piece]:
        """The piece that is open; what comes next begins another."""
        held = self._open
        if not held.count:
            return []
        self._told = True
        self._open = replace(held, at=held.end, first=held.first + held.count, count=0)
        return [held]


def without_key(told: Mapping[str, Any]) -> dict[str, Any]:
    """An event's fields without the keys that links to our pages hold."""
    kept = dict(told)
    if "link" in kept:
        kept["link"] = _masked(kept["link"])
        if kept.get("others"):
            kept["others"] = [_masked(each) for each in kept["others"]]
    return kept


def _masked(link: object) -> str:
    scheme, _, rest = str(link).partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/***" if rest else "***"


def seconds_of(value: object) -> float | None:
    """A number of JSON's that is finite; None: it is none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


# ---- reading -----------------------------------------------------------------------------------


def lines(text: str) -> tuple[list[dict[str, Any]], int]:
    """The objects of JSON lines, and how many lines are none: torn, or overwritten."""
    found, bad = [], 0
    for line in text.split("\n"):
        if not line.strip("\x00 \r\t"):
            bad += bool(line.strip(" \r\t"))
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            found.append(value)
        else:
            bad += 1
    return found, bad


def piece_of(line: Mapping[str, Any]) -> Piece | None:
    """The piece that a line of the index tells of; None where it cannot be one."""
    try:
        piece = Piece(
            kind=line["kind"],
            file=str(line["file"]),
            name=str(line.get("name", "")),
            rate=int(line["rate"]),
            at=float(line["at"]),
            first=int(line["first"]),
            count=int(line["count"]),
            utterance=str(line.get("utterance", "")),
            channel=int(line.get("channel", 0)),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    whole = piece.kind in get_args(Kind) and _OURS.fullmatch(piece.file) is not None
    placed = math.isfinite(piece.at) and piece.first >= 0 and piece.count > 0
    return piece if whole and placed and _RATES[0] <= piece.rate <= _RATES[1] else None


def mended(
    pieces: Iterable[Piece], sizes: Mapping[str, int]
) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    """The index as the files bear it out, and in words what had to be mended.

    Args:
        pieces: of the index, in its order.
        sizes: bytes of each file that there is.

    Returns:
        Pieces of files that are there, none beyond a file's end, and none that overlap; the last
        one of a file goes on to that end, as sound is written before its line.
    """
    kept: dict[str, list[Piece]] = {}
    notes: list[str] = []
    missing: set[str] = set()
    for piece in pieces:
        if piece.file not in sizes:
            missing.add(piece.file)
            continue
        there = _samples(sizes[piece.file])
        own = kept.setdefault(piece.file, [])
        begin = own[-1].first + own[-1].count if own else 0
        if own and (piece.rate, piece.kind) != (own[0].rate, own[0].kind):
            continue
        first = max(piece.first, begin)
        count = min(piece.first + piece.count, there) - first
        if count > 0:
            at = piece.at + (first - piece.first) / piece.rate
            own.append(replace(piece, at=at, first=first, count=count))
        if piece.first + piece.count > there:
            lost = (piece.first + piece.count - max(there, piece.first)) / piece.rate
            notes.append(f"{piece.file}: {lost:.3f} s that were written are not there")
    for file, own in kept.items():
        if not own:
            continue
        rest = _samples(sizes[file]) - own[-1].first - own[-1].count
        if rest > 0:
            own[-1] = replace(own[-1], count=own[-1].count + rest)
            notes.append(f"{file}: its last {rest / own[-1].rate:.3f} s had no place in time yet")
    notes += [f"{file} is not there" for file in sorted(missing)]
    whole = sorted((p for own in kept.values() for p in own), key=lambda piece: piece.at)
    return tuple(whole), tuple(notes)


def _samples(size: int) -> int:
    return max(0, size - HEADER_BYTES) // SAMPLE_WIDTH


def sent_short(
    events: Sequence[Mapping[str, Any]], pieces: Iterable[Piece]
) -> tuple[tuple[str, int], ...]:
    """Utterances of which fewer bytes are recorded than were sent, and how many are missing."""
    have: dict[str, int] = {}
    for piece in pieces:
        if piece.kind == "sent":
            have[piece.utterance] = have.get(piece.utterance, 0) + piece.count * SAMPLE_WIDTH
    ended = [each for each in events if each.get("event") == "utterance_ended"]
    told = {str(e.get("id")): e["bytes"] for e in ended if isinstance(e.get("bytes"), int)}
    return tuple(
        (name, size - have.get(name, 0)) for name, size in told.items() if size > have.get(name, 0)
    )
