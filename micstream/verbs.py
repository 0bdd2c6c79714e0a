"""Verbs: what every way in can ask for, in one table. Pure data.

Keys, page, `micstream ctl`, HTTP, OSC and Python all have each of them: see `controls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from micstream.errors import UsageError

STOP: Final = "stop"
"""What `cue` takes to stop the one that plays."""
NEXT: Final = "next"
"""What `performer` takes to give the voice to the one after him who has it."""

Takes = Literal["switch", "hold", "number", "cue", "text", "performer", "nothing"]


@dataclass(frozen=True, slots=True)
class Verb:
    """Verb that a control can ask for, and what it takes."""

    name: str
    takes: Takes
    help: str


VERBS: Final = {
    verb.name: verb
    for verb in (
        Verb("mute", "switch", "nothing is sent; off: as it was before"),
        Verb("talk", "hold", "push-to-talk: the gate is open while it is held"),
        Verb("manual", "switch", "the gate is open by hand; off: closed by hand"),
        Verb("auto", "nothing", "the gate is left to the detector"),
        Verb("cough", "nothing", "muted for a second; again prolongs it"),
        Verb("interrupt", "nothing", "the avatar falls silent, what is queued is dropped"),
        Verb("panic", "nothing", "muted, and everything stopped and dropped; stays muted"),
        Verb("cue", "cue", "that cue plays, by its name or number; again, or stop: it stops"),
        Verb("route", "number", "that avatar gets what is said; 0: all of them"),
        Verb("performer", "performer", "that performer has the voice, by name or number; next"),
        Verb("mark", "text", "a marker in the record of events"),
    )
}


def expected(verb: Verb, avatars: int) -> str:
    """What it takes, in words; `avatars`: the number that a route can lead to."""
    match verb.takes:
        case "switch":
            return f"expected {verb.name} on, off or toggle"
        case "hold":
            return f"expected {verb.name} on or off"
        case "number":
            return f"expected {verb.name} 0 (all of them) to {avatars}"
        case "cue":
            return f"expected {verb.name} with a name, a number, or stop"
        case "performer":
            return f"expected {verb.name} with a name, a number, or next"
        case "text":
            return f"expected {verb.name} with a text"
    return f"{verb.name} takes nothing more"


def named(said: str | int, names: tuple[str, ...], what: str, none: str) -> str:
    """Name that is meant: itself, or its number from 1. `none`: what to do where there are none.

    Raises:
        UsageError: there is none such.
    """
    if said in names:
        return str(said)
    number = int(said) if str(said).isascii() and str(said).isdecimal() else 0
    if 1 <= number <= len(names):
        return names[number - 1]
    raise UsageError(
        f"there is no {what} {said!r}",
        hint=f"one of {', '.join(names)}" if names else none,
        code=f"no_such_{what}",
    )
