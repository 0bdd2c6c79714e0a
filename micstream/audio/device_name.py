"""The name of an audio device in a normal form: the same wherever and whenever it is plugged in.

What systems do to a name, and what is left out:

    Linux     the card's number, given anew at each plugging       USB Audio: - (hw:1,0), (hw:2,0)
    Windows   a number where the same kind was plugged elsewhere   Microphone (2- USB Audio)
              names by MME, the oldest host API, end after 31 characters
    macOS     nothing: two of a kind have one name
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_CARD: Final = re.compile(r"\b((?:plug)?hw):\d+(?=,\d+)")
_COUNTED: Final = re.compile(r"(^|\()\d{1,3}- ")
_MME_LENGTH: Final = 31


def normal(name: str) -> str:
    """Normal form of a device's name."""
    return _COUNTED.sub(r"\1", _CARD.sub(r"\1:*", _tidy(name)))


def is_same(one: str, other: str) -> bool:
    """Whether two names are of the same device, as far as names can tell."""
    a, b = normal(one).casefold(), normal(other).casefold()
    if a == b:
        return True
    return (is_cut(one) and b.startswith(a)) or (is_cut(other) and a.startswith(b))


def is_cut(name: str) -> bool:
    """Whether MME may have cut the name."""
    return _MME_LENGTH in (len(name), len(name.encode(errors="replace")))


def plain(text: str) -> str:
    """A name, or a part of one, as it is compared: whatever the blanks, the case, the accents'
    spelling."""
    return _tidy(text).casefold()


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
