"""What `--echo-guard` says."""

from __future__ import annotations

from typing import Final

_PREFIX: Final = "channel:"
_MOST: Final = 64


def reference_channel(value: str) -> int | None:
    """Channel of the echo guard's reference, from 1; 0: the avatars' own sound; None: no guard.

    Raises:
        ValueError: it is none of off, auto and channel:N.
    """
    if value in ("off", "auto"):
        return None if value == "off" else 0
    number = value.removeprefix(_PREFIX)
    whole = value.startswith(_PREFIX) and number.isascii() and number.isdecimal()
    if whole and 1 <= int(number[:9]) <= _MOST:
        return int(number)
    raise ValueError(f"expected auto, channel:N with N from 1 to {_MOST}, or off")
