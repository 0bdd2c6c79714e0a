"""Variables of the settings table, from the environment and from `.env` files; of no others.

Other programs have variables too (`MODE`, `TOKEN`, `URL`), and pydantic-settings would take those
for fields of the same name (pydantic-settings, issues 452 and 454). A line of a file that is no
assignment is an error: what it was meant to set would be missing in silence. Values stand as they
are: `$` in a secret is no reference.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from dotenv.parser import parse_stream
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from micstream.errors import UsageError
from micstream.settings.table import KNOBS

ENVIRONMENT: Final = "the environment"
KNOWN: Final = frozenset(name for knob in KNOBS for name in knob.names)
"""Every variable that there is."""

_QUOTES: Final = "\"'"
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
        UsageError: a line of it is no assignment; says which.
        OSError, UnicodeDecodeError: it cannot be read.
    """
    if not place.is_file():
        return {}
    found: list[tuple[str, str]] = []
    with place.open(encoding="utf-8-sig") as file:
        for binding in parse_stream(file):
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


def _known(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of the table that are not empty."""
    named = ((name.upper(), value) for name, value in items)
    return {name: value for name, value in named if name in KNOWN and value.strip()}


def tidied(variable: str, value: str) -> str:
    """The value without quotes around it and blanks at its ends, which `--env-file` leaves there.

    Raises:
        ValueError: a quote is at one end alone, or a blank or a line break is within.
    """
    tidy = value.strip()
    if len(tidy) >= 2 and tidy[0] == tidy[-1] and tidy[0] in _QUOTES:
        tidy = tidy[1:-1].strip()
    if variable in _ONE_WORD and tidy:
        if tidy[0] in _QUOTES or tidy[-1] in _QUOTES:
            raise ValueError("there is a quote at one end of it")
        if len(tidy.split()) > 1:
            raise ValueError("there is a blank or a line break in it")
    if any(not sign.isprintable() for sign in tidy):
        raise ValueError("there is a line break or another control character in it")
    return tidy


class Variables(PydanticBaseSettingsSource):
    """Source of settings: what `values` says, for the table's variables."""

    def __init__(self, settings: type[BaseSettings], values: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not used: all of them are handed out at once."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """The values, by variable."""
        return dict(self._values)


def origins(files: Iterable[Path]) -> dict[str, str]:
    """Where each variable that is set comes from: `ENVIRONMENT`, or the name of a file.

    `files`: the later one counts.
    """
    found: dict[str, str] = {}
    for place in files:
        found |= dict.fromkeys(from_file(place), str(place))
    return found | dict.fromkeys(from_environment(), ENVIRONMENT)
