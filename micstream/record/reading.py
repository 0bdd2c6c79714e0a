"""Reading of records: a folder as `--record` makes it, and torn ones too, mended as they are read.

Nothing is written: a record stays as it was found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from micstream.audio.format import SAMPLE_WIDTH
from micstream.errors import InputError, reason_of
from micstream.record import format as files
from micstream.record.format import Piece

_HINT: Final = "expected a folder that --record has made: it holds manifest.json and sound.jsonl"


@dataclass(frozen=True, slots=True)
class Record:
    """What a record holds. Times are seconds since its beginning (`at`)."""

    folder: Path
    manifest: Mapping[str, Any]
    events: tuple[dict[str, Any], ...]
    """As `--json` prints them, each with `at`; in order of time."""
    pieces: tuple[Piece, ...]
    """The index: what was captured, sent and published, by time."""
    notes: tuple[str, ...] = field(default=())
    """In words what was torn, and had to be mended, or is missing."""

    @property
    def seconds(self) -> float:
        """Its length: until the last thing that is known of it."""
        known = [piece.end for piece in self.pieces]
        return max([*known, *(event["at"] for event in self.events)], default=0.0)

    @property
    def patterns(self) -> tuple[str, ...]:
        """By which its avatars were looked for; empty where that cannot be read."""
        told = self.manifest.get("avatars")
        return tuple(map(str, told)) if isinstance(told, list) else ()

    @property
    def has_ended(self) -> bool:
        """Whether it was completed: else the program was killed, or still records."""
        return "ended_s" in self.manifest

    def pcm(self, piece: Piece) -> bytes:
        """The sound of a piece: mono 16-bit PCM.

        Raises:
            InputError: it cannot be read.
        """
        try:
            with (self.folder / piece.file).open("rb") as file:
                file.seek(files.HEADER_BYTES + piece.first * SAMPLE_WIDTH)
                return file.read(piece.count * SAMPLE_WIDTH)
        except OSError as error:
            raise InputError(
                f"{self.folder / piece.file}: {reason_of(error)}", hint=_HINT, code="bad_record"
            ) from None


def read_record(place: Path) -> Record:
    """Read a record; of a folder of several the newest.

    Raises:
        InputError: there is none, or a newer program has made it.
    """
    folder = _find(place)
    notes: list[str] = []
    manifest = _manifest(folder, notes)
    events = _events(folder, notes)
    index, bad = files.lines(_text(folder / files.SOUND, notes))
    found = [files.piece_of(line) for line in index]
    pieces = [piece for piece in found if piece is not None]
    if bad + len(found) - len(pieces):
        notes.append(f"{files.SOUND}: {bad + len(found) - len(pieces)} line(s) cannot be read")
    whole, mended = files.mended(pieces, _sizes(folder, pieces))
    notes += mended
    notes += [
        f"utterance {name}: {count / SAMPLE_WIDTH:.0f} samples that were sent are not recorded"
        for name, count in files.sent_short(events, whole)
    ]
    if "ended_s" not in manifest:
        notes.insert(0, "it was not completed: the program was killed, or still records")
    return Record(folder, manifest, tuple(events), whole, tuple(notes))


def _find(place: Path) -> Path:
    """The record's own folder."""
    try:
        if _is_record(place):
            return place
        inside = sorted(each for each in place.iterdir() if _is_record(each))
    except OSError as error:
        raise InputError(f"{place}: {reason_of(error)}", hint=_HINT, code="no_record") from None
    if not inside:
        raise InputError(f"{place}: no record in it", hint=_HINT, code="no_record")
    return max(inside, key=lambda each: (_began(each), each.name))


def _is_record(folder: Path) -> bool:
    return (folder / files.SOUND).is_file() or (folder / files.MANIFEST).is_file()


def _began(folder: Path) -> float:
    with contextlib.suppress(InputError, TypeError, ValueError):
        return float(_manifest(folder, []).get("began_unix", 0.0))
    return 0.0


def _text(path: Path, notes: list[str]) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        notes.append(f"{path.name}: {reason_of(error)}")
        return ""


def _manifest(folder: Path, notes: list[str]) -> dict[str, Any]:
    read, _ = files.lines(_text(folder / files.MANIFEST, notes).replace("\n", " "))
    manifest = read[0] if read else {}
    if not read and not notes:
        notes.append(f"{files.MANIFEST} cannot be read")
    made_by = manifest.get("record", files.VERSION)
    if not isinstance(made_by, int) or made_by > files.VERSION:
        raise InputError(
            f"{folder}: a record of version {made_by}; this program reads up to {files.VERSION}",
            hint="read it with the program that made it, or a newer one",
            code="newer_record",
        )
    return manifest


def _events(folder: Path, notes: list[str]) -> list[dict[str, Any]]:
    told, bad = files.lines(_text(folder / files.EVENTS, notes))
    known = [
        event
        for event in told
        if files.seconds_of(event.get("at")) is not None and isinstance(event.get("event"), str)
    ]
    if bad + len(told) - len(known):
        notes.append(f"{files.EVENTS}: {bad + len(told) - len(known)} line(s) cannot be read")
    return sorted(known, key=lambda event: float(event["at"]))


def _sizes(folder: Path, pieces: list[Piece]) -> dict[str, int]:
    """Bytes of the files that are named, as far as they are there."""
    sizes = {}
    for name in {piece.file for piece in pieces}:
        with contextlib.suppress(OSError):
            sizes[name] = (folder / name).stat().st_size
    return sizes
