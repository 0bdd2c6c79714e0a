"""Variables of the settings table, from the environment and from `.env` files; of no others.

Other programs have variables too (`MODE`, `TOKEN`, `URL`), and pydantic-settings would take those
for fields of the same name (pydantic-settings, issues 452 and 454). A line of a file that is no
assignment is an error: what it was meant to set would be missing in silence. Values stand as they
are: `$` in a secret is no reference.
"""

from __future__ import annotations

import io
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

from micstream.errors import UsageError
from micstream.settings.table import KNOBS

FILES: Final = (Path(".env"), Path(".env.local"))
"""Files of the folder one is in; what the later one says counts."""
ENVIRONMENT: Final = "the environment"
KNOWN: Final = frozenset(name for knob in KNOBS for name in knob.names)
"""Every variable that there is."""

_LONGEST: Final = 1_000_000
_PAIRS: Final = (("'", "'"), ('"', '"'), ("\u201c", "\u201d"), ("\u201e", "\u201c"))
"""Quotes that may stand around a value; a text program makes the typographic ones."""
_QUOTES: Final = frozenset(sign for pair in _PAIRS for sign in pair)
_ONE_WORD: Final = frozenset(
    [
        "LIVEKIT_URL",
        "LIVEKIT_API_KEY",
        "LIVEKIT_API_SECRET",
        "LIVEKIT_TOKEN",
        "AVALUMA_LICENSE_KEY",
        "AVALUMA_AVATAR_ID",
        "AVATAR_SERVER_URL",
    ]
)
"""Settings, by their own variable, whose values have no blank in them."""


def from_environment() -> dict[str, str]:
    """Variables of the table that the environment sets, by name; whatever their case there."""
    return _known(os.environ.items())


def from_file(place: Path) -> dict[str, str]:
    """Variables of the table that a `.env` file sets; none where there is no such file.

    Raises:
        UsageError: a line of it is no assignment, says which; or it is no text in UTF-8.
        OSError: it cannot be read.
    """
    if not place.exists() or place.is_dir():
        return {}
    found: list[tuple[str, str]] = []
    for binding in parse_stream(io.StringIO(_text_of(place))):
        if binding.error or (binding.key is not None and binding.value is None):
            text = binding.original.string
            above = text[: len(text) - len(text.lstrip())].count("\n")
            raise UsageError(
                f"{place}, line {binding.original.line + above}: this is no assignment, or a "
                "quote in it is not closed",
                hint="expected NAME=value; a value with blanks or # in it needs quotes",
                code="bad_env",
            ) from None
        if binding.key is not None and binding.value is not None:
            found.append((binding.key, binding.value))
    return _known(found)


def _text_of(place: Path) -> str:
    with place.open("rb") as file:  # a pipe too: secret managers give one
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise UsageError(
            f"{place} has more than {_LONGEST} bytes",
            hint="expected lines NAME=value; is it another kind of file?",
            code="bad_env",
        ) from None
    try:
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig").read()
    except UnicodeDecodeError:
        utf_16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        raise UsageError(
            f"{place} is not UTF-8 text" + (" but in UTF-16" if utf_16 else ""),
            hint="save it as UTF-8"
            + ("; in PowerShell: Set-Content -Encoding utf8" if utf_16 else ""),
            code="bad_env",
        ) from None


def _known(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of the table that are not empty, by their present names, without quotes around."""
    named = ((name.upper(), unquoted(value)) for name, value in items)
    found = {name: value for name, value in named if name in KNOWN and value}
    for knob in KNOBS:
        for older in knob.variables[1:]:
            if older in found:
                found.setdefault(knob.variable, found.pop(older))
    return found


def unquoted(value: str) -> str:
    """The value without blanks at its ends and quotes around it: `--env-file` leaves them."""
    tidy = value.strip()
    inner = tidy[1:-1]
    if len(tidy) >= 2 and (tidy[0], tidy[-1]) in _PAIRS and not set(inner) & {tidy[0], tidy[-1]}:
        return inner.strip()
    return tidy


def tidied(variable: str, value: str) -> str:
    """The value as `unquoted` has it, once it is known to be one that can be meant.

    Raises:
        ValueError: a quote is at one end alone, or a blank or a line break is within.
    """
    tidy = unquoted(value)
    if variable in _ONE_WORD and tidy:
        if tidy[0] in _QUOTES or tidy[-1] in _QUOTES:
            raise ValueError("there is a quote at one end of it")
        if len(tidy.split()) > 1:
            raise ValueError("there is a blank or a line break in it")
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in tidy):
        raise ValueError("there is a line break or another control character in it")
    return tidy


def layered(files: Iterable[Path]) -> dict[str, tuple[str, str]]:
    """Variables from the environment, over those of the files, of which a later one counts.

    Each with where it comes from: `ENVIRONMENT`, or the name of a file.
    """
    found: dict[str, tuple[str, str]] = {}
    for place in files:
        found |= {name: (value, str(place)) for name, value in from_file(place).items()}
    return found | {name: (value, ENVIRONMENT) for name, value in from_environment().items()}
