"""Settings: one table of them, one validated object, and a small piece of it for each part.

`table` names every setting; `model` holds `Settings` and `load`; `pieces` are what the parts get;
`calibration` is what was measured of each microphone. The model is loaded when it is first used:
it takes pydantic, which `--help` does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micstream.settings.model import Settings, load

__all__ = ["Settings", "load"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("micstream.settings.model"), name)
    raise AttributeError(f"module 'micstream.settings' has no attribute {name!r}")
