"""Hello: what a client is told first; what does not change while the session runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from micstream.controls import Controls
from micstream.show.cue import Show
from micstream.verbs import VERBS

API: Final = 1
"""Version of the socket's messages."""


def hello(controls: Controls, show: Show) -> dict[str, Any]:
    """Message in JSON's types: the API's version, verbs, cues, keys, avatars."""
    return {
        "api": API,
        "version": _version(),
        "verbs": [
            {"name": verb.name, "takes": verb.takes, "help": verb.help} for verb in VERBS.values()
        ],
        "avatars": list(controls.avatar_names),
        "performers": list(controls.voice.names),
        "cues": [
            {
                "name": cue.name,
                "number": number,
                "colour": cue.colour,
                "key": cue.key,
                "duration_s": round(cue.duration_s, 3),
                "problem": cue.problem,
            }
            for number, cue in enumerate(show.cues, 1)
        ],
        "keys": dict(show.keys),
    }


def _version() -> str:
    try:
        return version("micstream")
    except PackageNotFoundError:
        return ""
