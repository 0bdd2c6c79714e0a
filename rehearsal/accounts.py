"""Accounts of one show: what was asked for, what was told, what was shown, what was heard. Data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rehearsal.script import Act, Fault
from rehearsal.tones import WINDOW_S, Heard

Told = dict[str, Any]
"""A line of the record: an event in JSON's types."""


@dataclass(slots=True)
class Asked:
    """An act that was done, by the clock of whoever did it."""

    act: Act
    at: float
    """Unix second of the press."""
    refused: str = ""
    """What was answered where it was not done; empty: it was, or nothing is answered there."""


@dataclass(slots=True)
class Harmed:
    """A fault that was provoked."""

    fault: Fault
    at: float


@dataclass(frozen=True, slots=True)
class Loud:
    """The loudspeakers in the hall were on between two unix seconds."""

    since: float
    until: float


@dataclass(slots=True)
class Lit:
    """A cue's button was lit in full on the page."""

    cue: str
    at: float


@dataclass(slots=True)
class Kept:
    """What the record on the disk holds of it."""

    events: list[Told] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of each utterance, by its id."""
    other_digest: str = ""
    """SHA-256 of all that was sent to the other avatar, in its order."""
    published_loud_s: float = 0.0
    """Seconds at which the first avatar sounds in it."""
    microphone_s: dict[str, float] = field(default_factory=dict)
    """Seconds of each performer's microphone, by his name."""
    notes: list[str] = field(default_factory=list)
    """What is torn in it."""


@dataclass(slots=True)
class Accounts:
    """All of them; `stopped` says at which step the show could not go on, if it could not."""

    asked: list[Asked] = field(default_factory=list)
    harmed: list[Harmed] = field(default_factory=list)
    loud: list[Loud] = field(default_factory=list)
    record: list[Told] = field(default_factory=list)
    states: list[Told] = field(default_factory=list)
    """The state as it was answered after each act."""
    lit: list[Lit] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    """What a third participant heard of the first avatar."""
    kept: Kept | None = None
    """The record on the disk; None: it could not be read."""
    other_digest: str = ""
    """SHA-256 of all that has reached the other avatar, in its order."""
    other_bytes: int = 0
    """Sound that has reached the other avatar."""
    other_calls: list[str] = field(default_factory=list)
    """Calls of cues that have reached it: method and payload."""
    page: Told | None = None
    """The state that the page has last."""
    osc: dict[str, float] = field(default_factory=dict)
    """What OSC has told last, by its address."""
    levels_a_second: int = 0
    """The most that the page got within any second."""
    stopped: str = ""

    @property
    def heard_loud_s(self) -> float:
        """Seconds at which the third participant heard something."""
        return WINDOW_S * sum(piece.loud for piece in self.heard)
