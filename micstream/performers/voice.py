"""Voice: which of several performers is heard. Pure; time is handed in, in monotonic seconds.

    by hand     one has it, until it is given to another; at first the first of them
    first       nobody has it: whoever speaks first takes it, and keeps it until he has been silent
                for the hold time; then nobody has it again. Given by hand it is his for that long

What the one says who does not have it is never sent, so two utterances are never open at once.
"""

from __future__ import annotations

from collections.abc import Sequence


class Voice:
    """Decides whose sound is let through.

    `hold_s`: who speaks first has the voice, and so long after his last utterance; None: by hand.

    Raises:
        ValueError: there is no performer, or one twice.
    """

    def __init__(self, names: Sequence[str], *, hold_s: float | None = None) -> None:
        if not names or len(set(names)) != len(names):
            raise ValueError("expected at least one performer, each once")
        self.names = tuple(names)
        self._hold_s = hold_s
        self._holder: str | None = names[0] if hold_s is None else None
        self._last = names[0]
        self._is_open = False
        self._free_at: float | None = None

    # ---- how it stands -------------------------------------------------------------------------

    @property
    def by_first(self) -> bool:
        """Who speaks first has it."""
        return self._hold_s is not None

    @property
    def holder(self) -> str | None:
        """Who has it; None: nobody, and whoever speaks first takes it."""
        return self._holder

    @property
    def shown(self) -> str:
        """Who has it, or had it last: whose microphone is the one to look at."""
        return self._last

    @property
    def speaks(self) -> bool:
        """An utterance of its holder is open."""
        return self._is_open

    def admits(self, name: str) -> bool:
        """Whether this performer is let through: nobody else has the voice."""
        return self._holder is None or self._holder == name

    def next_timer(self) -> float | None:
        """Monotonic second at which it becomes free by itself."""
        return self._free_at

    # ---- what changes it -----------------------------------------------------------------------

    def give(self, name: str, now: float) -> bool:
        """Give it to this one, whoever has it: True where that changes something.

        Raises:
            KeyError: there is no such performer.
        """
        if name not in self.names:
            raise KeyError(name)
        changed = self._holder != name
        if changed:
            self._take(name)
            self._is_open = False
        if self._hold_s is not None and not self._is_open:
            self._free_at = now + self._hold_s
        return changed

    def after(self) -> str:
        """The one after who has it, or had it last, in their order; after the last the first."""
        return self.names[(self.names.index(self._last) + 1) % len(self.names)]

    def onset(self, name: str) -> bool:
        """He begins to speak: whether his utterance is let through. A free voice is his by it."""
        if not self.admits(name):
            return False
        self._take(name)
        self._is_open, self._free_at = True, None
        return True

    def ended(self, name: str, now: float) -> None:
        """His utterance has ended."""
        if name != self._holder:
            return
        self._is_open = False
        if self._hold_s is not None:
            self._free_at = now + self._hold_s

    def handle_timer(self, now: float) -> None:
        """Set it free, if its holder has been silent for long enough."""
        if self._free_at is not None and now >= self._free_at:
            self._holder = self._free_at = None

    def _take(self, name: str) -> None:
        self._holder = self._last = name
