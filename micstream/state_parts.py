"""Parts of a session's state: one avatar, a trouble, a marker; and their snapshots. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from micstream import events

Link = Literal["absent", "joined", "listening", "silent", "bound"]
_SHOWN_BYTES: Final = 40
"""Of a name: a snapshot fits in 4 KiB."""


@dataclass(frozen=True, slots=True)
class AvatarState:
    """State of one avatar, by its identity."""

    name: str
    link: Link = "absent"
    utterance: str | None = None
    """Id of the utterance that is being sent."""
    playing: bool = False
    """By its own reports: from a start to the finish; many avatars tell no start."""
    backlog_s: float = 0.0
    """Estimated seconds sent and not yet played, as last told."""
    utterances: int = 0
    seconds: float = 0.0
    """Sound that was sent, in seconds."""
    dropped_s: float = 0.0
    delay_ms: int | None = None
    """The newest."""

    def as_dict(self) -> dict[str, Any]:
        """Snapshot in JSON's types."""
        return {
            "name": cut(self.name),
            "link": self.link,
            "utterance": self.utterance,
            "playing": self.playing,
            "backlog_s": self.backlog_s,
            "utterances": self.utterances,
            "seconds": self.seconds,
            "dropped_s": self.dropped_s,
            "delay_ms": self.delay_ms,
        }


@dataclass(frozen=True, slots=True)
class PerformerState:
    """State of one of several performers: his microphone."""

    name: str
    microphone: Literal["none", "capturing", "lost", "zeros"] = "none"
    device: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Snapshot in JSON's types."""
        return {"name": cut(self.name), "microphone": self.microphone}


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker that somebody has put."""

    t: float
    """Unix seconds."""
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Snapshot in JSON's types."""
        return {"t": self.t, "text": cut(self.text, 2)}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A warning or an error, as it was last told."""

    t: float
    """Unix seconds."""
    code: str
    message: str
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Snapshot in JSON's types."""
        message, hint = cut(self.message, 3), cut(self.hint, 2)
        return {"t": self.t, "code": self.code, "message": message, "hint": hint}


def performers_after(
    known: tuple[PerformerState, ...],
    event: events.Performer | events.Capturing | events.Microphone,
) -> tuple[PerformerState, ...]:
    """Performers after an event about one of them, or about who has the voice."""
    if isinstance(event, events.Performer):
        states = {each.name: each for each in known}
        return tuple(states.get(name) or PerformerState(name) for name in event.performers)
    name = event.performer or ""
    if all(each.name != name for each in known):
        known = (*known, PerformerState(name))
    if isinstance(event, events.Capturing):
        changes: dict[str, Any] = {"microphone": "capturing", "device": event.device}
    elif event.state in ("lost", "zeros"):
        changes = {"microphone": event.state}
    else:
        changes = {"microphone": "capturing"} if event.state == "back" else {}
    return tuple(replace(each, **changes) if each.name == name else each for each in known)


def cut(text: str, parts: int = 1) -> str:
    """Cut a text for a snapshot: as much of it as has a place; measured as JSON writes it."""
    most = parts * _SHOWN_BYTES
    if _written(text) <= most:
        return text
    kept = text[:most]
    while _written(kept) > most - 3:
        kept = kept[:-1]
    return kept + "…"


def _written(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass")) - 2
