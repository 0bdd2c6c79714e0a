"""State of the cue that plays, from its press until the audience has heard the last of it. Pure.

It is `heard` from an avatar's report of an utterance that carries it, until the report of the last
one's end: so a button lights when the audience hears it, not when it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from micstream import events
from micstream.events import Event

_UTTERANCES: Final = 99
"""Kept at most: a cue is one for each avatar."""


class Carrier(NamedTuple):
    """An utterance that carries the cue, and is not over."""

    avatar: str
    id: str
    heard: bool = False
    """The avatar reports that it plays it."""


@dataclass(frozen=True, slots=True)
class CueState:
    """The cue that plays."""

    name: str
    number: int
    """Place in the list, from 1."""
    since: float
    """Unix seconds."""
    duration_s: float
    sending: bool = True
    """Not all of it is sent yet; then the avatar plays what is left."""
    utterances: tuple[Carrier, ...] = ()

    @property
    def heard(self) -> bool:
        """An avatar reports that it plays it."""
        return any(each.heard for each in self.utterances)

    def as_dict(self) -> dict[str, Any]:
        """Snapshot in JSON's types."""
        return {
            "name": self.name,
            "number": self.number,
            "since": self.since,
            "duration_s": self.duration_s,
            "sending": self.sending,
            "heard": self.heard,
        }


def after(cue: CueState | None, event: Event, *, reports: bool) -> CueState | None:
    """State of the cue after the event; `reports`: there is an avatar that tells what it plays."""
    if isinstance(event, events.CueStarted):
        return CueState(event.cue, event.number, round(event.t, 3), round(event.duration_s, 3))
    if cue is None:
        return None
    match event:
        case events.CueEnded(cue=name) if name == cue.name:
            cue, left = replace(cue, sending=False), cue.utterances
        case events.UtteranceStarted(avatar=name, id=id, cue=carried) if carried == cue.name:
            left = (*cue.utterances, Carrier(name, id))[-_UTTERANCES:]
        case events.PlaybackStarted(avatar=name, id=id):
            begun, plays = Carrier(name, id), Carrier(name, id, heard=True)
            left = tuple(plays if each == begun else each for each in cue.utterances)
        case events.PlaybackFinished(avatar=name, id=id):
            left = tuple(each for each in cue.utterances if each[:2] != (name, id))
        case events.AvatarLeft(identity=gone) | events.AvatarSilent(identity=gone):
            left = tuple(each for each in cue.utterances if each.avatar != gone)
        case events.Connection(state="lost" | "reconnecting"):
            left = ()
        case _:
            return cue
    cue = replace(cue, utterances=left)
    awaited = cue.sending or (left and (cue.heard or reports))
    return cue if awaited else None
