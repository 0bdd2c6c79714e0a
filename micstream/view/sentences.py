"""Sentences: what was said as one line each, however many avatars say it. Pure: events in.

A line is due when the last of its avatars has had all of it, and has reported that it speaks; one
that never reports is not waited for. Trouble that comes later (cut off, gaps) is a line of its own.

    utterance_started ──▶ open ── utterance_ended ──▶ ended ── playback_started ──▶ told
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from micstream import events
from micstream.events import Event
from micstream.speech.events import EndReason
from micstream.view.console import printable

ENDS: Final[Mapping[EndReason, str]] = MappingProxyType(
    {
        EndReason.SILENCE: "",
        EndReason.MAX_LENGTH: "it goes on as another",
        EndReason.MUTE: "you fell silent by hand",
        EndReason.INTERRUPT: "interrupted",
        EndReason.DEVICE: "the microphone was lost",
        EndReason.AVATAR: "the avatar was lost",
        EndReason.SOURCE_ENDED: "end of file",
        EndReason.SHUTDOWN: "the end",
    }
)
"""Why an utterance ended, in words; a pause needs none."""

_MOST: Final = 16
"""Sentences that wait for their line: more than any avatar has to play."""


@dataclass(slots=True)
class _Part:
    """What one avatar has of a sentence."""

    id: str
    ended: events.UtteranceEnded | None = None
    delay_ms: int | None = None
    over: bool = False
    """Nothing more is reported of it."""


@dataclass(slots=True)
class _Sentence:
    onset_s: float
    parts: dict[str, _Part] = field(default_factory=dict)
    """By the avatar's name."""

    @property
    def ended(self) -> bool:
        """All of it was sent, to each of them."""
        return all(part.ended is not None for part in self.parts.values())


class Sentences:
    """One line for each thing that was said, with the time at which it is told."""

    def __init__(self) -> None:
        self._open: list[_Sentence] = []
        self._reporting: set[str] = set()
        """Avatars that tell when they begin to speak."""

    def push(self, event: Event) -> list[str]:
        """Take an event; the lines that are due by it."""
        match event:
            case events.UtteranceStarted():
                lines = self._flush(event.avatar)
                self._begin(event)
                return lines
            case events.UtteranceEnded():
                return self._note(event.avatar, event.id, ended=event)
            case events.PlaybackStarted():
                self._reporting.add(event.avatar)
                return self._note(event.avatar, event.id, delay_ms=event.delay_ms)
            case events.PlaybackFinished():
                lines = self._note(event.avatar, event.id, over=True)
                return [*lines, *_trouble(event)]
            case events.AvatarLeft(identity=name) | events.AvatarSilent(identity=name):
                return self._flush(name)
            case events.Connection() | events.Bye():
                return self._flush(None)
        return []

    def _begin(self, event: events.UtteranceStarted) -> None:
        for sentence in self._open:
            same = sentence.onset_s == event.onset_s and event.avatar not in sentence.parts
            if same and not sentence.ended:
                sentence.parts[event.avatar] = _Part(event.id)
                return
        self._open = [*self._open, _Sentence(event.onset_s, {event.avatar: _Part(event.id)})]
        self._open = self._open[-_MOST:]

    def _note(
        self,
        avatar: str,
        id: str,
        *,
        ended: events.UtteranceEnded | None = None,
        delay_ms: int | None = None,
        over: bool = False,
    ) -> list[str]:
        for sentence in self._open:
            part = sentence.parts.get(avatar)
            if part is not None and part.id == id:
                part.ended = part.ended or ended
                part.delay_ms = part.delay_ms if delay_ms is None else delay_ms
                part.over = part.over or over
                return self._due(sentence)
        # One that began before we looked.
        return [] if ended is None else [_line({avatar: _Part(id, ended)})]

    def _due(self, sentence: _Sentence) -> list[str]:
        for name, part in sentence.parts.items():
            known = part.delay_ms is not None or part.over or name not in self._reporting
            if part.ended is None or not known:
                return []
        self._open.remove(sentence)
        return [_line(sentence.parts)]

    def _flush(self, avatar: str | None) -> list[str]:
        """Lines of what has ended and is waited for in vain: no more is reported of it."""
        due = [
            sentence
            for sentence in self._open
            if sentence.ended and (avatar is None or avatar in sentence.parts)
        ]
        self._open = [sentence for sentence in self._open if sentence not in due]
        return [_line(sentence.parts) for sentence in due]


def _line(parts: Mapping[str, _Part]) -> str:
    ids = " ".join(part.id for part in parts.values())
    ends = [part.ended for part in parts.values() if part.ended is not None]
    longest = max(ends, key=lambda end: end.duration_s)
    said = f"{ids:>5}  {longest.duration_s:.1f} s sent"
    if why := ENDS[longest.reason]:
        said += f": {why}"
    delays = {name: part.delay_ms for name, part in parts.items() if part.delay_ms is not None}
    if not delays:
        return said
    if len(parts) == 1:
        return f"{said}; the avatar speaks {next(iter(delays.values()))} ms behind you"
    each = ", ".join(f"{printable(name)} {delay} ms" for name, delay in delays.items())
    return f"{said}; behind you: {each}"


def _trouble(finished: events.PlaybackFinished) -> list[str]:
    found = []
    if finished.interrupted:
        found.append(f"cut off after {finished.position_s:.1f} s")
    if finished.stutter_ms:
        found.append(f"gaps in playback: {finished.stutter_ms} ms")
    return [f"{finished.id:>5}  {', '.join(found)}"] if found else []
