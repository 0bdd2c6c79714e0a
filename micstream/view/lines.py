"""One line an event, for people."""

from __future__ import annotations

import threading
import time
from dataclasses import fields, replace
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from micstream import events
from micstream.events import Event, Failed
from micstream.sources.surroundings import permission_hint
from micstream.state import State, fold
from micstream.view.console import error_words, printable
from micstream.view.losses import Losses
from micstream.view.sentences import ENDS, Sentences
from micstream.view.status import Tick
from micstream.view.status_line import StatusLine

_STYLES = {
    "avatar_ready": "green",
    "ready": "bold green",
    "utterance_started": "cyan",
    "playback_started": "bold",
    "avatar_left": "yellow",
    "gate": "bold",
    "interrupted": "bold",
    "route": "bold",
    "performer": "bold",
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

_IN_DETAIL = (
    "playing",
    "utterance_started",
    "utterance_ended",
    "playback_started",
    "playback_finished",
    "backlog",
    "dropped",
)
"""Told one by one only where details are asked for: see `sentences` and `losses`."""
TOLD_ANYWAY = (
    "warning",
    "microphone",
    "dropped",
    "stage_open",
    "performer_open",
    "control_open",
    "rehearsal_open",
    "bye",
)
"""Events that are told in any case."""
_CUE_ENDS = {
    "end": "ended",
    "stop": "stopped",
    "replaced": "gave way to another",
    "performer": "gave way to you",
    "interrupt": "cut off",
    "panic": "cut off",
    "shutdown": "ended with the show",
}
_GATES = {
    "closed": "gate closed: you are NOT heard",
    "open": "gate open: all you say is sent",
    "detector": "automatic: sent while you speak",
}
_FREE = "the voice is free: whoever speaks first has it"
_BACKLOG_SHOWN_S = 1.0
"""Less is the avatar's own buffer."""


class Lines:
    """Writes what happened as lines with their time of day, and below them the status.

    What was said is one line a sentence; `verbose`: one line an event. `quiet` leaves all but
    trouble out. `errors`: where the error that ends the program is written, in its turn.

    Writing blocks where nobody reads: see `bus.ThreadConsumer`.
    """

    def __init__(
        self,
        console: Console,
        *,
        quiet: bool = False,
        verbose: bool = False,
        status: StatusLine | None = None,
        errors: TextIO | None = None,
    ) -> None:
        self._console = console
        self._quiet = quiet
        self._verbose = verbose
        self._status = status
        self._errors = errors
        self._state = State()
        self._sentences = Sentences()
        self._losses = Losses()
        self._was_in = False
        self.told_error = threading.Event()
        """The error that ends the program has been written."""

    @property
    def has_status(self) -> bool:
        """Below the lines is the status."""
        return self._status is not None

    def __call__(self, event: Event) -> None:
        """Show it."""
        self.show(event, self.take(event))

    def take(self, event: Event) -> list[str]:
        """Take it; the lines that are due by it, to be shown by `show`."""
        self._state = fold(self._state, event)
        self._was_in = self._was_in or _has_begun(event)
        return [] if isinstance(event, events.Failed) else self._lines(event)

    def show(self, event: Event, lines: list[str]) -> None:
        """Write the lines of an event, and the error that ends the program."""
        if isinstance(event, events.Failed):
            self._write_error(event)
            return
        if self._status is None:
            self._print(event, lines)
            return
        # One write: what is drawn in two flickers.
        with self._console:
            if lines:
                self._status.erase()
            self._print(event, lines)
            if isinstance(event, events.Bye):
                self._status.erase()
            self._status.draw(self._state, event)

    def _lines(self, event: Event) -> list[str]:
        own = [line(event, self._state)] if self._is_shown(event) else []
        if self._quiet or self._verbose:
            return own
        return [*self._losses.push(event), *self._sentences.push(event), *own]

    def _is_shown(self, event: Event) -> bool:
        if isinstance(event, events.Voice | Tick):  # `voice` is `route` once more
            return False
        if isinstance(event, events.Bye):  # of nothing there is no summary
            return self._was_in or event.utterances > 0 or self._state.error is None
        if self._quiet:
            return event.EVENT in TOLD_ANYWAY
        if not self._verbose and event.EVENT in _IN_DETAIL:
            return False
        return not (isinstance(event, events.Backlog) and event.seconds < _BACKLOG_SHOWN_S)

    def _print(self, event: Event, lines: list[str]) -> None:
        clock = _clock(event)
        style = style_of(event)
        for said in lines:
            self._console.print(
                Text(f"{clock}  ", "dim"), Text(said, style), sep="", soft_wrap=True
            )

    def _write_error(self, error: Failed) -> None:
        """Write the cause before the summary, as it comes before it."""
        if self._errors is None:
            return
        if self._status is not None:
            with self._console:
                self._status.erase()
        self._errors.write(error_words(error.message, error.hint) + "\n")
        self._errors.flush()
        self.told_error.set()


class Echo:
    """Writes what was done by hand in words: where lines are not shown, and keys pressed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        """Write it, if it was done by hand."""
        if getattr(event, "by", ""):
            self._out.write(f"{_clock(event)}  {words(event)}\n")
            self._out.flush()


def style_of(event: Event) -> str:
    """Colour of its lines."""
    return _STYLES.get(event.EVENT, "")


def _clock(event: Event) -> str:
    """The time of day at which it happened."""
    return time.strftime("%H:%M:%S", time.localtime(event.t))


def _has_begun(event: Event) -> bool:
    """There is something to sum up: we were in the room, or heard the microphone."""
    in_room = isinstance(event, events.Connection) and event.state == "connected"
    return in_room or isinstance(event, events.Capturing)


def line(event: Event, state: State) -> str:
    """The event in words, with what they leave open: through whom, and whether one is heard."""
    if isinstance(event, events.Ready) and state.gate == "closed":
        key = "m" if state.muted else "t"
        why = "muted" if state.muted else "the gate is closed"
        return f"ready, but {why}: you are NOT heard (press {key})"
    whose = printable(getattr(event, "avatar", None) or "")
    return f"{words(event)}   ({whose})" if whose and state.several else words(event)


def words(event: Event) -> str:
    """The event in words. What others named cannot forge a line, nor command a terminal."""
    event = _harmless(event)
    match event:
        case events.Capturing():
            channels = "mono" if event.channels == 1 else f"{event.channels} channels"
            preset = f"; calibrated: preset {event.preset}" if event.preset else ""
            of = f"{_whose(event)}: {event.device}, {event.rate / 1000:g} kHz, {channels}"
            return f"microphone{of}{preset}"
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
            return f"avatar {event.identity} is here, not ready yet"
        case events.AvatarReady():
            return f"avatar {event.identity} ready"
        case events.AvatarLeft():
            return f"avatar {event.identity} has left"
        case events.AvatarSilent():
            return f"avatar {event.identity} is silent: it plays nothing any more"
        case events.Playing():
            return f"plays {event.file}" + (f", round {event.round}" if event.round > 1 else "")
        case events.Ready():
            return "ready: speak now, the avatar will say it"
        case events.UtteranceStarted():
            first = f"from {event.onset_s:.2f} s, {event.lead_ms} ms in the first write"
            return f"{event.id:>5}  sending ({first})"
        case events.UtteranceEnded():
            why = f": {ENDS[event.reason]}" if ENDS[event.reason] else ""
            return f"{event.id:>5}  {event.duration_s:.2f} s sent{why}"
        case events.PlaybackStarted():
            return f"{event.id:>5}  avatar speaks, {event.delay_ms} ms behind you"
        case events.PlaybackFinished():
            how = "cut off after" if event.interrupted else "played"
            gaps = f", gaps in playback: {event.stutter_ms} ms" if event.stutter_ms else ""
            return f"{event.id:>5}  {how} {event.position_s:.2f} s{gaps}"
        case events.Dropped():
            return f"not heard, {event.seconds:.1f} s: {event.why}"
        case events.Microphone():
            return f"microphone{_whose(event)} {event.device}: {_trouble(event)}"
        case events.Backlog():
            return f"the avatar has {event.seconds:.1f} s still to play"
        case events.Gate():
            return "muted: you are NOT heard" if event.muted else _GATES[event.state]
        case events.Interrupted():
            return "interrupted: the avatar is told to fall silent"
        case events.Performer():
            return f"{event.name} has the voice" if event.name else _FREE
        case events.CueStarted():
            return f"cue {event.cue!r}: {event.duration_s:.1f} s"
        case events.CueEnded():
            return f"cue {event.cue!r} {_CUE_ENDS[event.reason]} after {event.sent_s:.1f} s"
        case events.Marked():
            return f"mark: {event.text}"
        case events.Recording():
            return f"recording into {event.folder}"
        case events.ControlOpen():
            return f"control the show at {event.link}"
        case events.Route(avatars=[one]) | events.Voice(avatars=[one]):
            return f"what is said goes to {one}"
        case events.Route() | events.Voice():
            return f"what is said goes to all: {', '.join(event.avatars)}"
        case events.RehearsalOpen():
            who = " and ".join(event.avatars)
            return f"rehearsal room {event.room!r} with {who}: settings in {event.file}"
        case events.StageOpen() | events.PerformerOpen():
            return _page(event)
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
        "zeros": "only silence for 5 s: unmute it, or allow this program to use it",
        "clipping": "it clips: turn its gain down, or step back",
        "quiet": f"too quiet{level}: turn its gain up, or come closer",
    }.get(event.state, event.state) + (_forbidding() if event.state == "zeros" else "")


def _page(event: events.StageOpen | events.PerformerOpen) -> str:
    """Where a page is, on each network."""
    more = "".join(f"\n           or, from another network: {each}" for each in event.others)
    if isinstance(event, events.StageOpen):
        return f"the stage of the room {event.room!r}: {event.link}{more}"
    return f"the microphone of {event.name}: {event.link}{more}"


def _whose(event: events.Capturing | events.Microphone) -> str:
    return f" of {event.performer}" if event.performer else ""


def _attempt(attempt: int) -> str:
    return f", attempt {attempt}" if attempt > 1 else ""


def _forbidding() -> str:
    """Where the system has a switch that forbids the microphone: where it is."""
    hint = permission_hint()
    return f"\n           {hint}" if hint else ""


def _summary(bye: events.Bye) -> str:
    said = f"{bye.utterances} utterance{'' if bye.utterances == 1 else 's'}, {bye.seconds:.1f} s"
    delays = (
        f"; the avatar spoke {bye.delay_median_ms} ms behind you (median), "
        f"{bye.delay_p95_ms} ms (95 %)"
        if bye.delay_median_ms is not None
        else ""
    )
    dropped = f"; not heard: {bye.dropped:.1f} s" if bye.dropped else ""
    faults = ""
    if bye.faults:
        faults = f"; {bye.faults} problem{'' if bye.faults == 1 else 's'}, see above"
    return said + delays + dropped + faults
