"""Messages to an avatar beside its sound: expressions, gestures, another look. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """Message to the avatars that are spoken through: a call, a data packet, or a text."""

    kind: Literal["rpc", "data", "text"]
    name: str
    """Method of the call; topic of the packet or the text."""
    payload: str
