"""Plan of a replay: what is sent when, and through whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from micstream.record.format import Piece


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


def plan(pieces: Iterable[Piece], events: Sequence[Mapping[str, Any]]) -> Plan:
    """What a replay does: the first write comes at 0, all else as long after it as it was.

    Of what was sent nothing is left out, and each sample is written once, in its order.
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
        parts.setdefault(own[0].name, []).append(planned)
    cuts = [float(e["at"]) - begin for e in events if e.get("event") == "interrupted"]
    return Plan(
        tuple(Part(avatar, tuple(each)) for avatar, each in parts.items()),
        tuple(at for at in cuts if at > 0),
    )
