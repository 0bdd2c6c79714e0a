"""Watch over one participant, for whoever brings it in: its state now, and a wait for changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from micstream.room.tasks import Changes


class Seen(Protocol):
    """Avatar, as far as it can say something about a participant."""

    @property
    def identity(self) -> str | None:
        """Identity of whoever stands for it now."""
        ...

    @property
    def is_listening(self) -> bool:
        """Whether that one listens."""
        ...

    def is_silent(self, identity: str) -> bool:
        """Whether this participant was proved silent."""
        ...


class Watched(Protocol):
    """Room, as far as the watch needs it."""

    @property
    def avatars(self) -> Sequence[Seen]:
        """Those that we speak through."""
        ...

    @property
    def adopted(self) -> object | None:
        """Room of the SDK; None while nobody can be reached."""
        ...

    def is_present(self, identity: str) -> bool:
        """Whether this participant is in the room."""
        ...


class AvatarWatch:
    """State of one participant, by its identity, as far as we can see it now."""

    def __init__(self, room: Watched, changes: Changes, identity: str) -> None:
        self.identity = identity
        self._room = room
        self._changes = changes
        self._version = changes.version
        self._seen = self._state()

    @property
    def connected(self) -> bool:
        """Whether we are in the room; else nothing is known of it."""
        return self._room.adopted is not None

    @property
    def present(self) -> bool:
        """Whether it is in the room."""
        return self._room.is_present(self.identity)

    @property
    def listening(self) -> bool:
        """Whether it listens to us."""
        return any(
            each.is_listening and each.identity == self.identity for each in self._room.avatars
        )

    @property
    def silent(self) -> bool:
        """Whether it was proved silent, and has neither listened nor joined anew since."""
        return any(each.is_silent(self.identity) for each in self._room.avatars)

    async def changed(self) -> None:
        """Wait until one of these is another than when this last returned."""
        while self._state() == self._seen:
            self._version = await self._changes.after(self._version)
        self._seen = self._state()

    def _state(self) -> tuple[bool, bool, bool, bool]:
        return (self.connected, self.present, self.listening, self.silent)
