"""Judge of the record on the disk: it holds what was told, sent and heard, and no more. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from micstream.record.format import without_key
from micstream.speech.events import EndReason
from rehearsal.accounts import Told
from rehearsal.cast import MICROPHONES
from rehearsal.evidence import Evidence, Line, some

MICROPHONE_S: Final = 3.0
"""Of a microphone so much may be missing: before the record began, and at its end."""
RETURN_S: Final = 15.0
"""Who performs by page is back in the room so long after the server was killed, at most."""
ALIKE: Final = 0.1
"""Two participants hear an avatar alike up to this share: each by a way of its own."""
A_WRITE: Final = 32_000
"""Bytes of one write at most: the longest prebuffer, a second at 16 kHz."""
AWAY_S: Final = 5.0
"""And each comes back from a fault in its own time."""


class JudgeOfKept:
    """Lays the record beside what was told, what arrived, and what was heard."""

    def __init__(self, evidence: Evidence) -> None:
        self._named = evidence.named
        self._all = evidence.accounts
        self._record = evidence.record
        self._stretch = evidence.stretch

    def lines(self) -> Iterator[Line]:
        """All that can be said of it."""
        kept, record = self._all.kept, self._record
        yield Line("the record can be read, and is whole", kept is not None and not kept.notes)
        if kept is None or not record:
            return
        told = [without_key(each) for each in record]
        yield Line(
            f"the record's events are those that were told: {len(told)}",
            kept.events == told,
            _first_difference(kept.events, told),
        )
        ended = {each["id"]: each for each in self._named("utterance_ended")}
        wrong = [
            f"{name}: {each['bytes']} bytes sent, {kept.sent.get(name, 0)} kept"
            for name, each in ended.items()
            if not 0 <= kept.sent.get(name, 0) - each["bytes"] <= _under_way(each)
        ]
        more = sorted(set(kept.sent) - set(ended))
        yield Line(
            f"it holds every utterance as it was sent: {len(ended)}",
            not wrong and not more and bool(ended),
            some([*wrong, *more]),
        )
        yield Line(
            "what it holds for the other avatar is what came there, byte for byte",
            kept.other_digest == self._all.other_digest,
        )
        due = {who: record[-1]["t"] - record[0]["t"] - self._away_s(who) for who in MICROPHONES}
        held = {who: kept.microphone_s.get(who, 0.0) for who in MICROPHONES}
        torn = [who for who in due if held[who] <= due[who] - MICROPHONE_S * self._stretch]
        yield Line(
            "it holds both microphones whole",
            not torn,
            some(f"{who}: {held[who]:.1f} s of {due[who]:.1f}" for who in torn or due),
        )
        heard = self._all.heard_loud_s
        yield Line(
            "the avatar is in it as the third participant heard it",
            abs(kept.published_loud_s - heard) <= ALIKE * heard + AWAY_S * self._stretch,
            f"{kept.published_loud_s:.1f} s of sound in it, {heard:.1f} heard",
        )

    def _away_s(self, who: str) -> float:
        """Seconds for which a performer by page was out of the room with the server, and no others.

        One who does not come back, or late, is missed from the fault on.
        """
        if not MICROPHONES[who].startswith("room:"):
            return 0.0
        away = 0.0
        for harmed in self._all.harmed:
            if harmed.fault != "server restarts":
                continue
            until = harmed.at + RETURN_S * self._stretch
            told = [
                each["t"]
                for each in self._named("microphone", state="back", performer=who)
                if harmed.at < each["t"] <= until
            ]
            away += told[0] - harmed.at if told else 0.0
        return away


def _under_way(ended: Told) -> int:
    """Bytes of the write that a loss has cut: it is in the record, and nobody knows if it came."""
    return A_WRITE if ended["reason"] == EndReason.AVATAR else 0


def _first_difference(kept: list[Told], told: list[Told]) -> str:
    for one, other in zip(kept, told, strict=False):
        if one != other:
            return f"{one} / {other}"
    return "" if len(kept) == len(told) else f"{len(kept)} kept, {len(told)} told"
