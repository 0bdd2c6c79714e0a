"""State of the cue that plays, from its press until the audience has heard the last of it. Pure.

It is `heard` from an avatar's report of an utterance that carries it, until the report of the last
one's end: so a button lights when the audience hears it, not when it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from micstream import events
from micstream.events import Event

_UTTERANCES: Final = 99
"""Kept at most: a cue is one for each avatar."""


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
    heard: bool = False
    """An avatar reports that it plays it."""
    utterances: tuple[str, ...] = ()
    """Ids of those that carry it and are not over."""

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
            cue = replace(cue, sending=False)
        case events.UtteranceStarted(id=id, cue=carried) if carried == cue.name:
            cue = replace(cue, utterances=(*cue.utterances, id)[-_UTTERANCES:])
        case events.PlaybackStarted(id=id) if id in cue.utterances:
            cue = replace(cue, heard=True)
        case events.PlaybackFinished(id=id) if id in cue.utterances:
            left = tuple(other for other in cue.utterances if other != id)
            cue = replace(cue, utterances=left, heard=cue.heard and bool(left))
        case events.AvatarLeft() | events.AvatarSilent():
            cue = replace(cue, utterances=(), heard=False)
        case events.Connection(state="lost" | "reconnecting"):
            cue = replace(cue, utterances=(), heard=False)
        case _:
            return cue
    awaited = cue.sending or (cue.utterances and (cue.heard or reports))
    return cue if awaited else None
