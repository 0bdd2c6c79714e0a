"""What a page could not use of its link: told to the operator, who wrote it, not on the stage."""

from __future__ import annotations

import json
from typing import Final

from micstream.events import Warned

_ON_OR_OFF: Final = "on or off"
EXPECTED: Final = {
    "background": "transparent, chroma, or a colour such as black or %2300b140",
    "fit": "fit or fill",
    "mirror": _ON_OR_OFF,
    "poster": "auto, drawn, image or none",
    "sound": _ON_OR_OFF,
    "avatar": "an avatar's identity, or a prefix with *",
    "key": "a colour that is no grey, such as %2300b140",
    "overlay": _ON_OR_OFF,
}
"""What may stand in a page's link, and which values it takes."""

_MOST: Final = 8
_LENGTH: Final = 60
_REMEMBERED: Final = 64


class Complaints:
    """Warns of what pages could not use, each thing once: a page says it whenever it joins."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def about(self, body: bytes, address: str) -> list[Warned]:
        """Warn of what is said in the body of a page's request; of a body that is none, nothing."""
        return [
            self._warning(name, value, address)
            for name, value in _unused(body)
            if self._is_new(name, value)
        ]

    def _is_new(self, name: str, value: str) -> bool:
        if (name, value) in self._told or len(self._told) >= _REMEMBERED:
            return False
        self._told.add((name, value))
        return True

    @staticmethod
    def _warning(name: str, value: str, address: str) -> Warned:
        if name in EXPECTED:
            hint = f"{name} takes {EXPECTED[name]}"
        else:
            hint = f"a link may hold {', '.join(EXPECTED)}"
        return Warned(
            code="page_link",
            message=f"the page at {address} cannot use {f'{name}={value}'!r} of its link: "
            "it is left out",
            hint=hint,
        )


def _unused(body: bytes) -> list[tuple[str, str]]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return []
    unused = told.get("unused") if isinstance(told, dict) else None
    return [
        (pair[0][:_LENGTH], pair[1][:_LENGTH])
        for pair in (unused[:_MOST] if isinstance(unused, list) else ())
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, str) for each in pair)
    ]
