"""Settings: one table of them, one validated object, and a small piece of it for each part.

`table` names every setting, `variables` finds them in the environment and in files, `model` is
`Settings`, `loading` is `load`, `pieces` are what the parts get, `given_token` reads a token;
`calibration` is what was measured of each microphone. The model is loaded when it is first used:
it takes pydantic, which `--help` does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micstream.settings.loading import load
    from micstream.settings.model import Settings

__all__ = ["Settings", "load"]

_HOME = {"Settings": "model", "load": "loading"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"micstream.settings.{_HOME[name]}"), name)
    raise AttributeError(f"module 'micstream.settings' has no attribute {name!r}")
