"""Actions that the link and the connection ask their shells for. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from micstream.errors import MicstreamError
from micstream.events import Event

How = Literal["probe", "video", "active", "heard"]


@dataclass(frozen=True, slots=True)
class Tell:
    """Emit this event."""

    event: Event


# ---- of one avatar link --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """Call `lk.clear_buffer` of this participant; its answer comes to `Link.answered`."""

    call: int
    identity: str


@dataclass(frozen=True, slots=True)
class Listening:
    """This one listens from now on; `how` that is known."""

    identity: str
    how: How

    @property
    def proven(self) -> bool:
        """Whether it has answered, and not merely shown itself."""
        return self.how == "probe"


@dataclass(frozen=True, slots=True)
class Gone:
    """Whoever listened does so no more."""


# ---- of the connection ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Join:
    """Join the room; its end comes to `joined` or `join_failed` with the same number."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Leave the room that this attempt joined, or will join; `discarded` once that is done."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Up:
    """The room of this attempt is ours now, or is again: who is in it counts."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Down:
    """Nobody can be reached until the next `Up`."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The connection has ended for good."""

    error: MicstreamError


# ---- of the network watch ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the SDK when the last packet came; the answer comes to `seen` or `unknown`."""


@dataclass(frozen=True, slots=True)
class Nudge:
    """Send a byte to ourselves, which the server acknowledges; then `nudged`."""


@dataclass(frozen=True, slots=True)
class NetworkGone:
    """Whether nothing comes from the server, from now on."""

    gone: bool
