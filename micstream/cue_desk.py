"""Cues and performers as the controls know them: what can be played, and who can be heard."""

from __future__ import annotations

from typing import Literal, Protocol


class CueDesk(Protocol):
    """Cues that can be played: see `show.player`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all cues, in the order of their numbers from 1."""
        ...

    def press(self, name: str, *, by: str) -> None:
        """Play this one in place of the one that plays; if it is that one, stop it."""
        ...

    def stop(self, *, by: str) -> None:
        """Stop what plays, with its fade."""
        ...

    def cut(self, reason: Literal["interrupt", "panic"]) -> None:
        """Stop what plays, at once."""
        ...


class NoCues:
    """No cues were given."""

    names: tuple[str, ...] = ()

    def press(self, name: str, *, by: str) -> None:
        """Nothing of that name."""

    def stop(self, *, by: str) -> None:
        """Nothing plays."""

    def cut(self, reason: Literal["interrupt", "panic"]) -> None:
        """Nothing plays."""


class VoiceDesk(Protocol):
    """Performers to whom the voice can be given: see `performers.performers`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all performers, in the order of their numbers from 1; empty: there is one."""
        ...

    def give(self, name: str, *, by: str) -> None:
        """Give the voice to this one; the open utterance of another ends."""
        ...

    def give_next(self, *, by: str) -> None:
        """Give the voice to the one after him who has it."""
        ...


class OnePerformer:
    """One performer, who always has the voice."""

    names: tuple[str, ...] = ()

    def give(self, name: str, *, by: str) -> None:
        """There is no other."""

    def give_next(self, *, by: str) -> None:
        """There is no other."""
