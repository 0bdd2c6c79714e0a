"""Participants of the room, as facts, and which of them can be the avatar meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """One participant as the SDK shows it at this moment."""

    identity: str
    sid: str
    """The server's name for this joining: another one when it has left and come back."""
    joined_at: float | None = None
    """Unix seconds; None where the server does not say."""
    active: bool = True
    """Data reaches it; what is sent before is dropped."""
    has_video: bool = False
    has_tracks: bool = False
    is_agent: bool = True
    """Of kind agent, as avatars are. A viewer is of kind standard."""
    for_another: bool = False
    """Carries the attribute `lk.publish_on_behalf`: only avatars do."""
    for_us: bool | None = None
    """Whether that names us; None where it is not told."""

    @property
    def is_second_sender(self) -> bool:
        """Whether an avatar may take it for its sender: an agent, and by no sign an avatar."""
        named = "avatar" in self.identity.lower()
        return self.is_agent and not (named or self.for_another or self.has_tracks)


def matches(patterns: Iterable[str], identity: str) -> bool:
    """Whether an identity is one of these, or begins like one that ends in `*`."""
    return any(
        identity.startswith(pattern[:-1]) if pattern.endswith("*") else identity == pattern
        for pattern in patterns
    )


def candidates(people: Iterable[Person], patterns: Iterable[str]) -> list[Person]:
    """Participants that can be the avatar: of kind agent, the first to have joined first.

    One that says that it speaks for us comes before all others, one that says so of another after
    them: two performers each have their own. Anybody may take an avatar's name. What the performer
    says goes to no viewer.
    """
    wanted = tuple(patterns)
    fit = (p for p in people if p.is_agent and matches(wanted, p.identity))
    return sorted(fit, key=_rank)


def _rank(person: Person) -> tuple[int, bool, float, str]:
    whose = {True: 0, None: 1, False: 2}[person.for_us]
    return whose, person.joined_at is None, person.joined_at or 0.0, person.identity


def is_namesake(person: Person, patterns: Iterable[str]) -> bool:
    """Whether it bears an avatar's name and is none; everybody bears one that `*` alone means."""
    return not person.is_agent and matches((p for p in patterns if p != "*"), person.identity)


def free_for(
    at: int, people: Iterable[Person], patterns: Sequence[str], taken: Sequence[str | None]
) -> list[Person]:
    """Candidates for the pattern at this place, without those that are for another.

    Nobody stands for two, and whom one pattern names no other takes. `taken`: for each pattern the
    identity that stands for it now, or None.
    """
    others = {patterns[n] for n in range(len(patterns)) if n != at}
    others |= {identity for n, identity in enumerate(taken) if n != at and identity is not None}
    return [p for p in candidates(people, (patterns[at],)) if p.identity not in others]
