"""Text from others made harmless: on a terminal, in lines for people, in JSON for programs. Pure.

Names of avatars, devices, rooms and files come from elsewhere. They may hold line breaks, commands
to a terminal, marks that turn the direction of writing, and bytes that are no text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

_STRAY: Final = re.compile("[\ud800-\udfff]")
"""Halves of a pair: a byte that is no UTF-8 (`\\udcff` is the byte ff), or half a sign."""
_ABOVE_ASCII: Final = re.compile("[^\x00-\x7e]")


def printable(text: str) -> str:
    """The text with whatever is no sign of its own written out: line breaks, commands, stray bytes.

    What is left fits on one line and cannot pretend to be another.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _written_out(each) for each in text)


def as_json(value: Any) -> str:
    """One line of JSON: valid in UTF-8, whatever was in the names and figures.

    A byte that is no text is written as `\\xff` (in JSON: `\\\\xff`), as strict readers refuse
    half a pair. A figure that is none (not a number, infinite) is null. Signs that are not to be
    seen are escaped: some readers take U+2028 for the end of a line, and terminals U+009B for a
    command.
    """
    text = json.dumps(_tidied(value), ensure_ascii=False, allow_nan=False)
    return text if text.isprintable() else _ABOVE_ASCII.sub(_escaped, text)


def _written_out(sign: str) -> str:
    return _stray(sign) if _STRAY.match(sign) else sign.encode("unicode_escape").decode()


def _stray(sign: str) -> str:
    code = ord(sign)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _tidied(value: Any) -> Any:
    if isinstance(value, str):
        return _STRAY.sub(lambda found: _stray(found[0]), value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_tidied(key): _tidied(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_tidied(one) for one in value]
    return value


def _escaped(found: re.Match[str]) -> str:
    sign = found[0]
    if sign.isprintable():
        return sign
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
