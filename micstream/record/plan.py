"""Plan of a replay: what is sent when, and through whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from micstream.link.people import matches
from micstream.record.format import Piece

_STILL_PLAYS_S: Final = 30.0
"""After the last write nothing is heard any more of which an interrupt takes something."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One utterance: one segment, written as it was."""

    utterance: str
    """Its name in the record."""
    rate: int
    writes: tuple[tuple[float, Piece], ...]
    """Each with its time, in seconds since the replay's beginning; at least one."""

    @property
    def begins(self) -> float:
        """Seconds since the replay's beginning at which its first sound is written."""
        return self.writes[0][0]

    @property
    def seconds(self) -> float:
        """Duration of its sound."""
        return sum(piece.count for _, piece in self.writes) / self.rate


@dataclass(frozen=True, slots=True)
class Part:
    """What one avatar of the record was sent, one utterance after the other."""

    avatar: str
    """Its identity, or the pattern by which it was looked for."""
    utterances: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts by the order in which their avatars were first spoken through, and the interrupts."""

    parts: tuple[Part, ...]
    interrupts: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds from the first write to the end of the last sound."""
        ends = [at + piece.count / piece.rate for at, piece in self._writes()]
        return max(ends, default=0.0)

    def _writes(self) -> list[tuple[float, Piece]]:
        return [write for part in self.parts for each in part.utterances for write in each.writes]


def plan(
    pieces: Iterable[Piece], events: Sequence[Mapping[str, Any]], patterns: Sequence[str] = ()
) -> Plan:
    """What a replay does: the first write comes at 0, all else as long after it as it was.

    Of what was sent nothing is left out, and each sample is written once, in its order. `patterns`:
    by which the avatars were looked for then; who came in another's place goes on with his part.
    """
    sent = [piece for piece in pieces if piece.kind == "sent"]
    if not sent:
        return Plan(())
    begin = min(piece.at for piece in sent)
    by_file: dict[str, list[Piece]] = {}
    for piece in sorted(sent, key=lambda each: each.first):
        by_file.setdefault(piece.file, []).append(piece)
    parts: dict[str, list[Planned]] = {}
    for own in sorted(by_file.values(), key=lambda each: (each[0].at, each[0].file)):
        # A clock that was off cannot make sound come before what it follows.
        at, writes = own[0].at, []
        for piece in own:
            at = max(at, piece.at)
            writes.append((at - begin, piece))
        planned = Planned(own[0].utterance, own[0].rate, tuple(writes))
        parts.setdefault(_part_of(own[0].name, patterns), []).append(planned)
    cuts = [float(e["at"]) - begin for e in events if e.get("event") == "interrupted"]
    planned_parts = tuple(Part(avatar, tuple(each)) for avatar, each in parts.items())
    over = Plan(planned_parts).seconds + _STILL_PLAYS_S
    return Plan(planned_parts, tuple(at for at in cuts if 0 < at < over))


def _part_of(identity: str, patterns: Sequence[str]) -> str:
    """The pattern that this avatar stood for: its own name before others; itself where none."""
    if identity in patterns:
        return identity
    return next((each for each in patterns if matches((each,), identity)), identity)
