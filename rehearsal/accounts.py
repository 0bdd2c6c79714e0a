"""Accounts of one show: what was asked for, what was told, what was shown, what was heard. Data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rehearsal.script import Act, Fault
from rehearsal.tones import Heard

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


@dataclass(slots=True)
class Lit:
    """A cue's button was lit in full on the page."""

    cue: str
    at: float


@dataclass(slots=True)
class Accounts:
    """All of them; `stopped` says at which step the show could not go on, if it could not."""

    asked: list[Asked] = field(default_factory=list)
    harmed: list[Harmed] = field(default_factory=list)
    record: list[Told] = field(default_factory=list)
    states: list[Told] = field(default_factory=list)
    """The state as it was answered after each act."""
    lit: list[Lit] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    """What a third participant heard of the first avatar."""
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
