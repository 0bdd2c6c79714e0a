"""One line an event, for people."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from micstream import events
from micstream.events import Event
from micstream.state import State, fold
from micstream.view.console import printable

_STYLES = {
    "avatar_ready": "green",
    "ready": "bold green",
    "utterance_started": "cyan",
    "playback_started": "bold",
    "avatar_left": "yellow",
    "gate": "bold",
    "interrupted": "bold",
    "route": "bold",
    "avatar_silent": "bold red",
    "dropped": "yellow",
    "warning": "yellow",
    "microphone": "yellow",
    "error": "bold red",
}

_STEPS = {
    "asked": "asking its server",
    "accepted": "its server starts it",
    "present": "it is in the room already",
    "joined": "it is in the room",
    "active": "data reaches it",
    "picture": "it shows its picture",
    "ready": "it is ready",
}

_TOLD_ANYWAY = ("warning", "microphone", "dropped", "stage_open", "bye")
_BACKLOG_SHOWN_S = 1.0
"""Less is the avatar's own buffer."""


class Lines:
    """Writes each event as a line with its time of day; `quiet` leaves all but trouble out.

    Writing blocks where nobody reads: see `bus.ThreadConsumer`.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._state = State()

    def __call__(self, event: Event) -> None:
        """Show it."""
        self._state = fold(self._state, event)
        # An error is told on stderr, when the program ends; `voice` is `route` once more.
        if isinstance(event, events.Failed | events.Voice):
            return
        if isinstance(event, events.Backlog) and event.seconds < _BACKLOG_SHOWN_S:
            return
        if self._quiet and event.EVENT not in _TOLD_ANYWAY:
            return
        clock = time.strftime("%H:%M:%S", time.localtime(event.t))
        style = _STYLES.get(event.EVENT, "")
        self._console.print(
            Text(f"{clock}  ", "dim"),
            Text(line(event, self._state), style),
            sep="",
            soft_wrap=True,
        )


class Echo:
    """Writes what was done by hand in words: where lines are not shown, and keys pressed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        """Write it, if it was done by hand."""
        if getattr(event, "by", ""):
            self._out.write(words(event) + "\n")
            self._out.flush()


def line(event: Event, state: State) -> str:
    """The event in words, with the avatar's name where several are spoken through."""
    whose = printable(getattr(event, "avatar", None) or "")
    return f"{words(event)}   ({whose})" if whose and state.several else words(event)


def words(event: Event) -> str:
    """The event in words. What others named cannot forge a line, nor command a terminal."""
    event = _harmless(event)
    match event:
        case events.Capturing():
            channels = "mono" if event.channels == 1 else f"{event.channels} channels"
            preset = f"; calibrated: preset {event.preset}" if event.preset else ""
            return f"microphone: {event.device}, {event.rate / 1000:g} kHz, {channels}{preset}"
        case events.Connection(state="connecting" | "reconnecting"):
            return f"{event.state} to the room" + _attempt(event.attempt)
        case events.Connection(state="lost"):
            return "the connection is lost; joining again until it works"
        case events.Connection():
            return "in the room"
        case events.AvatarStarting():
            took = f"  {event.seconds:.2f} s, {event.total_s:.2f} s in all"
            return f"avatar {event.identity}: {_STEPS[event.step]:<25}{took}"
        case events.AvatarStopped(found=True):
            return f"avatar {event.identity} was taken out of the room"
        case events.AvatarStopped():
            return f"avatar {event.identity} is not in the room: nothing to stop"
        case events.AvatarJoined():
            return f"avatar {event.identity} is here"
        case events.AvatarReady():
            known = {"probe": "it answered", "video": "it shows itself", "active": "it is present"}
            return f"avatar {event.identity} listens ({known[event.how]})"
        case events.AvatarLeft():
            return f"avatar {event.identity} has left"
        case events.AvatarSilent():
            return f"avatar {event.identity} neither reports nor answers any more"
        case events.Ready():
            return "ready: the next word is heard"
        case events.UtteranceStarted():
            return f"{event.id:>5}  speaks   from {event.onset_s:.2f} s, lead {event.lead_ms} ms"
        case events.UtteranceEnded():
            return f"{event.id:>5}  sent     {event.duration_s:.2f} s ({event.reason})"
        case events.PlaybackStarted():
            return f"{event.id:>5}  heard    after {event.delay_ms} ms"
        case events.PlaybackFinished():
            how = "cut off" if event.interrupted else "played"
            stutter = f", stuttered {event.stutter_ms} ms" if event.stutter_ms else ""
            return f"{event.id:>5}  {how:<8} {event.position_s:.2f} s{stutter}"
        case events.Dropped():
            return f"dropped {event.seconds:.2f} s: {event.why}"
        case events.Microphone():
            return f"microphone {event.device}: {_trouble(event)}"
        case events.Backlog():
            return f"backlog {event.seconds:.1f} s"
        case events.Gate(muted=True):
            return "muted: nothing is sent"
        case events.Gate(state="closed"):
            return "gate closed: nothing is sent"
        case events.Gate(state="open"):
            return "gate open: all you say is sent"
        case events.Gate():
            return "by voice: sent while you speak"
        case events.Interrupted():
            return "interrupted: the avatar is told to fall silent"
        case events.Route(avatars=[one]) | events.Voice(avatars=[one]):
            return f"what is said goes to {one}"
        case events.Route() | events.Voice():
            return f"what is said goes to all: {', '.join(event.avatars)}"
        case events.StageOpen():
            return f"the stage of the room {event.room!r}: {event.link}"
        case events.StagePage():
            return f"a page at {event.address} joins"
        case events.Warned() | events.Failed():
            hint = f"\n           {event.hint}" if event.hint else ""
            return f"{event.EVENT}: {event.message}{hint}"
        case events.Bye():
            return _summary(event)
    return event.EVENT


def _harmless(event: Event) -> Event:
    """The event with each text in it printable."""
    spoiled: dict[str, Any] = {
        field.name: printable(text)
        for field in fields(event)
        if isinstance(text := getattr(event, field.name), str) and not text.isprintable()
    }
    if isinstance(event, events.Route | events.Voice):
        spoiled["avatars"] = tuple(printable(each) for each in event.avatars)
    return replace(event, **spoiled) if spoiled else event


def _trouble(event: events.Microphone) -> str:
    level = "" if event.level_db is None else f", speech at {event.level_db:.0f} dBFS"
    return {
        "zeros": "5 s of exact zeros: unmute it, or allow this program to use it",
        "clipping": "it clips: turn its gain down, or step back",
        "quiet": f"too quiet{level}: turn its gain up, or come closer",
    }.get(event.state, event.state)


def _attempt(attempt: int) -> str:
    return f", attempt {attempt}" if attempt > 1 else ""


def _summary(bye: events.Bye) -> str:
    said = f"{bye.utterances} utterance{'' if bye.utterances == 1 else 's'}, {bye.seconds:.1f} s"
    delays = (
        f"; heard after {bye.delay_median_ms} ms (median), {bye.delay_p95_ms} ms (95 %)"
        if bye.delay_median_ms is not None
        else ""
    )
    dropped = f"; dropped {bye.dropped:.1f} s" if bye.dropped else ""
    faults = f"; faults: {bye.faults}" if bye.faults else ""
    return said + delays + dropped + faults
