"""Performers as settings name them: `anna=USB:2`, `ben=room:ben`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ROOM: Final = "room:"
_NAME: Final = re.compile(r"[^\W_](?:[\w .-]*[\w.-])?")
_LONGEST: Final = 40
MOST: Final = 16
RESERVED: Final = ("next",)
"""What the verb takes beside names."""
_EXPECTED: Final = "expected NAME=DEVICE, NAME=DEVICE:CHANNEL or NAME=room:IDENTITY"


@dataclass(frozen=True, slots=True)
class PerformerSetting:
    """One performer, and whose sound his is."""

    name: str
    device: str | None = None
    """Name, part of a name, or index; None: the system's default, or no device."""
    channel: int = 0
    """Channel of the device, from 1; 0 mixes them all."""
    identity: str | None = None
    """A participant of the room, whose microphone it is; None: it is a device."""


def performer(said: str) -> PerformerSetting:
    """Read one: a number after the last colon is a channel.

    Raises:
        ValueError: it is none.
    """
    name, mark, what = (part.strip() for part in said.partition("="))
    if not mark or not what:
        raise ValueError(f"{said!r}: {_EXPECTED}")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or name.isdecimal():
        raise ValueError(
            f"{name!r} is no performer's name: letters, digits, '.', '-', '_' and blanks within; "
            f"no number; {_LONGEST} signs at most"
        )
    if name.lower() in RESERVED:
        raise ValueError(f"{name!r}: the verb takes that for something else; choose another name")
    if what.startswith(_ROOM):
        identity = what.removeprefix(_ROOM)
        if not identity:
            raise ValueError(f"{said!r}: whose microphone? Expected {name}=room:IDENTITY")
        return PerformerSetting(name, identity=identity)
    device, colon, number = what.rpartition(":")
    if colon and device and number.isascii() and number.isdecimal():
        if int(number) > 64:
            raise ValueError(f"{said!r}: channel {number}: expected 0 (all mixed) to 64")
        return PerformerSetting(name, device, int(number))
    return PerformerSetting(name, what)


def performers(said: tuple[str, ...]) -> tuple[PerformerSetting, ...]:
    """Read all of them, in their order.

    Raises:
        ValueError: one is none, or two have one name or one participant.
    """
    found = tuple(performer(each) for each in said)
    names = [each.name.casefold() for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"two performers are called {twice!r}; give one another name")
    people = [each.identity for each in found if each.identity is not None]
    if twice := next((who for who in people if people.count(who) > 1), None):
        raise ValueError(f"two performers are the participant {twice!r}")
    if len(found) > MOST:
        raise ValueError(f"{len(found)} performers; {MOST} at most")
    return found


def split(text: str) -> list[str]:
    """Parts of a variable's value, at commas that a name follows: devices have commas too."""
    return [part.strip() for part in re.split(r",(?=[^,=]+=)", text) if part.strip()]
