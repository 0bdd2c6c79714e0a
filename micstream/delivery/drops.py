"""Reasons for which delivery drops sound, as a code and in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from micstream.events import DropCode, Dropped

WORDS: Final[Mapping[DropCode, str]] = MappingProxyType(
    {
        "no_avatar": "no avatar yet",
        "avatar_lost": "the avatar was lost",
        "late": "it had to wait too long",
        "overflow": "too much was waiting",
        "backlog": "the avatar is too far behind",
        "interrupted": "interrupted",
        "ended": "it ended before",
    }
)
"""The reason for people, by its code."""


def dropped(seconds: float, code: DropCode, *, listening: bool = True) -> Dropped:
    """The event that tells of `seconds` of sound that nobody will hear.

    `listening`: an avatar listens; else that is why it was late.
    """
    reason = code if listening or code != "late" else "no_avatar"
    return Dropped(seconds=seconds, code=code, why=WORDS[reason])
