"""OSC's words for the verbs and for the state: addresses and numbers. Pure.

    /micstream/VERB ARGUMENT         /micstream/mute 1, /micstream/cue "applause"
    /micstream/VERB/NAME 1           /micstream/cue/applause 1, /micstream/route/2 1
    /micstream/subscribe SECONDS     the state to the sender, until then; 0: no more
    /micstream/status                the state to the sender, once
    /micstream/subscribe SECONDS PORT, /micstream/status PORT
                                     the same to that port of the sender's address: many programs
                                     listen at another port than the one they send from

A button sends 1 when it is pressed and 0 when it is released: a release ends push-to-talk and
switches off, and is nothing to every other verb. Sources: OSC 1.0; QLab's dictionary, Companion's
generic OSC, for what crews are used to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from micstream.errors import UsageError
from micstream.show.asked import argument_for
from micstream.state import State
from micstream.verbs import VERBS

ROOT: Final = "/micstream/"
STATE: Final = f"{ROOT}state/"
_GATES: Final = {"closed": 0, "open": 1, "detector": 2}
_CONNECTIONS: Final = {"connected": 1, "reconnecting": 0, "connecting": 0, "lost": 0, "none": 0}


@dataclass(frozen=True, slots=True)
class Asked:
    """A verb that is to be done, and its argument as `Controls.do` takes it."""

    verb: str
    argument: str | int | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The state is wanted by the sender for so many seconds; 0: no more; None: once."""

    seconds: float | None
    port: int | None = None
    """Of the sender's address; None: the one that it sends from."""


def asked(address: str, arguments: Sequence[Any], cues: Sequence[str]) -> Asked | Subscribe | None:
    """What a message asks for; None where it is a button's release, or not for us.

    Raises:
        UsageError: there is no such verb, or that is no argument for it.
    """
    if not address.startswith(ROOT):
        return None
    verb, _, name = address.removeprefix(ROOT).strip("/").partition("/")
    given = arguments[0] if arguments else None
    if isinstance(given, bytes | list | tuple):
        given = None
    if verb == "subscribe":
        return Subscribe(_seconds(given), _port(arguments[1:]))
    if verb == "status":
        return Subscribe(None, _port(arguments))
    known = VERBS.get(verb)
    if known is None:
        argument_for(verb, None)  # which says so
        return None
    if name:
        if _is_release(given):
            return None
        return Asked(verb, argument_for(verb, _cue(name, cues) if verb == "cue" else unquote(name)))
    if known.takes == "nothing":
        return None if _is_release(given) else Asked(verb, None)
    if (
        known.takes in ("cue", "performer", "text")
        and isinstance(given, float)
        and given.is_integer()
    ):
        given = int(given)
    return Asked(verb, argument_for(verb, given))


def feedback(state: State, cues: Sequence[str]) -> dict[str, int | float]:
    """The state as addresses with a number each."""
    cue, names = state.cue, [each.name for each in state.performers]
    told: dict[str, int | float] = {
        "muted": int(state.muted),
        "gate": _GATES[state.gate],
        "talk": int(state.held),
        "ready": int(state.ready),
        "connected": _CONNECTIONS[state.connection],
        "microphone": int(state.microphone == "capturing"),
        "speaking": int(state.speaking),
        "playing": int(any(avatar.playing for avatar in state.avatars)),
        "route": state.route or 0,
        "performer": names.index(state.performer) + 1 if state.performer in names else 0,
        "avatars": sum(avatar.link == "listening" for avatar in state.avatars),
        "backlog": round(state.backlog_s, 2),
        "delay": state.delay_median_ms or 0,
        "utterances": state.utterances,
        "dropped": round(state.dropped_s, 2),
        "warnings": state.warnings,
        "faults": state.faults,
        "cue": cue.number if cue else 0,
    }
    for name in cues:
        told[f"cue/{quoted(name)}"] = int(cue is not None and cue.name == name and cue.heard)
    return {STATE + name: value for name, value in told.items()}


def quoted(name: str) -> str:
    """A cue's name as a part of an address, which takes no blanks and few signs."""
    return quote(name.replace(" ", "_"), safe="")


def _cue(name: str, cues: Sequence[str]) -> str:
    plain = {_plain(each): each for each in reversed(cues)}
    said = unquote(name)
    return said if said in cues else plain.get(_plain(said), said)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.casefold())


def _is_release(given: Any) -> bool:
    return isinstance(given, bool | int | float) and given == 0


def _seconds(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 3_600:
        raise UsageError(
            "subscribe: expected seconds, 0 to 3600",
            hint="/micstream/subscribe 60, and again before they are over",
            code="bad_argument",
        )
    return float(given)


def _port(given: Sequence[Any]) -> int | None:
    if not given:
        return None
    port = given[0]
    if isinstance(port, float) and port.is_integer():
        port = int(port)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65_536:
        raise UsageError(
            f"that is no port: {str(port)[:20]!r}",
            hint="/micstream/subscribe 60 9001, or without a port",
            code="bad_argument",
        )
    return port
