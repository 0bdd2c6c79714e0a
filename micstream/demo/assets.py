"""The speech that comes with micstream: inside the installed package, or in a checkout."""

from __future__ import annotations

from pathlib import Path

from micstream.errors import InputError

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "assets", _PACKAGE.parent / "assets")


def bundled(name: str) -> Path:
    """The path of the bundled file `name`, such as "sentences.flac".

    Raises InputError where this installation does not have it: the package brings what the demo
    plays, a checkout has all of `assets/`.
    """
    for place in _PLACES:
        if (path := place / name).is_file():
            return path
    raise InputError(
        f"the bundled file {name!r} is not there: expected it in {_PLACES[0]} or {_PLACES[1]}",
        hint="install micstream again, or name a sound file of your own",
        code="asset_missing",
    )
