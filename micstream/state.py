"""State of a session as one frozen object: a fold over its events, and nothing else.

`state = fold(state, event)`. Views, pages and programs ask it; nobody keeps a state of his own
beside it. Figures are taken as a record has them (milliseconds), so that a record replayed gives
the same state as the session that wrote it.

    avatar link   absent ── avatar_joined ──▶ joined ── avatar_ready ──▶ listening
                  listening ── avatar_silent ──▶ silent ── avatar_ready ──▶ listening
                  joined ── warning avatar_bound ──▶ bound
                  any ── avatar_left, connection lost ──▶ absent
                  any but absent ── connection reconnecting ──▶ joined
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from micstream import events
from micstream.cue_state import CueState, after
from micstream.events import Bye, Event
from micstream.state_parts import AvatarState, Mark, PerformerState, Trouble, cut, performers_after

Obstacle = Literal["microphone", "connection", "muted", "gate", "avatar"]
"""What stands between the next word and its being heard."""

_DELAYS_KEPT: Final = 10_000
"""Delays kept for the summary: some hours of utterances."""
_ABSENT_KEPT: Final = 8
"""Avatars that have left and are still told of; some take a new identity each time they join."""
_SHOWN_AVATARS: Final = 9
_SHOWN_PERFORMERS: Final = 8


@dataclass(frozen=True, slots=True)
class State:
    """State of the session. Before the first event: nothing has happened."""

    gate: Literal["open", "closed", "detector"] = "detector"
    muted: bool = False
    held: bool = False
    """Open by push-to-talk."""
    cue: CueState | None = None
    """The cue that plays; None: none does."""
    marks: int = 0
    mark: Mark | None = None
    """The last one."""
    route: int | None = None
    """Place of the avatar that gets what is said, from 1; 0: all; None: there is but one."""
    routed: tuple[str, ...] = ()
    """Those that get it, as `--avatar` names them; empty where there is but one."""
    performer: str | None = None
    """Who has the voice; empty: whoever speaks first; None: there is but one performer."""
    performers: tuple[PerformerState, ...] = ()
    """In the order of their numbers; empty where there is but one."""
    connection: Literal["none", "connecting", "connected", "reconnecting", "lost"] = "none"
    attempt: int = 0
    told_ready: bool = False
    """An avatar listens, and has not gone since."""
    device: str | None = None
    microphone: Literal["none", "capturing", "lost", "zeros"] = "none"
    avatars: tuple[AvatarState, ...] = ()
    """In the order in which they came."""
    utterances: int = 0
    seconds: float = 0.0
    """Sound that was sent, in seconds."""
    dropped_s: float = 0.0
    delays_ms: tuple[int, ...] = ()
    """The newest ones, from the capture to the avatar's report that it plays."""
    interrupts: int = 0
    faults: int = 0
    warnings: int = 0
    warning: Trouble | None = None
    """The last one."""
    error: Trouble | None = None
    lost_events: int = 0
    """Events that a consumer did not take in time, and has not had."""
    since: float | None = None
    """Unix seconds of the first event."""
    t: float | None = None
    """Unix seconds of the newest event."""

    @property
    def several(self) -> bool:
        """Several avatars are spoken through."""
        return self.route is not None

    @property
    def ready(self) -> bool:
        """All is there: the next word is heard, if the gate lets it through."""
        return self.told_ready and self.microphone != "lost"

    @property
    def obstacle(self) -> Obstacle | None:
        """Why nobody would hear the next word, the first thing to mend; None: one is heard."""
        if self.microphone in ("lost", "zeros"):
            return "microphone"
        if self.connection not in ("none", "connected"):
            return "connection"
        if self.muted:
            return "muted"
        if self.gate == "closed":
            return "gate"
        return None if self.ready else "avatar"

    @property
    def heard(self) -> bool:
        """Whoever speaks now is heard: all is there, and the gate lets it through."""
        return self.obstacle is None

    @property
    def speaking(self) -> bool:
        """An utterance is being sent."""
        return any(avatar.utterance is not None for avatar in self.avatars)

    @property
    def backlog_s(self) -> float:
        """Estimated seconds sent and not yet played, where most of it is."""
        return max((avatar.backlog_s for avatar in self.avatars), default=0.0)

    @property
    def delay_median_ms(self) -> int | None:
        """Median of the delays."""
        return round(statistics.median(self.delays_ms)) if self.delays_ms else None

    @property
    def delay_p95_ms(self) -> int | None:
        """Delay that 95 % of them do not exceed."""
        return percentile(sorted(self.delays_ms), 0.95) if self.delays_ms else None

    @property
    def delay_max_ms(self) -> int | None:
        """The worst of the delays."""
        return max(self.delays_ms, default=None)

    def avatar(self, name: str) -> AvatarState | None:
        """State of the avatar of this identity; None where none such was seen."""
        return next((avatar for avatar in self.avatars if avatar.name == name), None)

    def summary(self) -> Bye:
        """The counts so far."""
        return Bye(
            utterances=self.utterances,
            seconds=self.seconds,
            dropped=self.dropped_s,
            delay_median_ms=self.delay_median_ms,
            delay_p95_ms=self.delay_p95_ms,
            faults=self.faults,
        )

    def as_dict(self) -> dict[str, Any]:
        """Snapshot in JSON's types, below 4 KiB: names are cut, the oldest avatars left out."""
        return {
            "gate": self.gate,
            "muted": self.muted,
            "held": self.held,
            "cue": self.cue and {**self.cue.as_dict(), "name": cut(self.cue.name)},
            "marks": self.marks,
            "mark": self.mark and self.mark.as_dict(),
            "route": self.route,
            "routed": [cut(name) for name in self.routed[:_SHOWN_AVATARS]],
            "performer": self.performer and cut(self.performer),
            "performers": [each.as_dict() for each in self.performers[:_SHOWN_PERFORMERS]],
            "connection": self.connection,
            "attempt": self.attempt,
            "ready": self.ready,
            "heard": self.heard,
            "device": self.device and cut(self.device),
            "microphone": self.microphone,
            "speaking": self.speaking,
            "backlog_s": self.backlog_s,
            "avatars": [avatar.as_dict() for avatar in self.avatars[-_SHOWN_AVATARS:]],
            "utterances": self.utterances,
            "seconds": self.seconds,
            "dropped_s": self.dropped_s,
            "delay_median_ms": self.delay_median_ms,
            "delay_p95_ms": self.delay_p95_ms,
            "delay_max_ms": self.delay_max_ms,
            "interrupts": self.interrupts,
            "faults": self.faults,
            "warnings": self.warnings,
            "warning": self.warning and self.warning.as_dict(),
            "error": self.error and self.error.as_dict(),
            "lost_events": self.lost_events,
            "since": self.since,
            "t": self.t,
        }


def fold(state: State, event: Event) -> State:
    """State after the event."""
    t = _ms(event.t)
    state = replace(state, since=t if state.since is None else state.since, t=t)
    match event:
        case events.AvatarLinkEvent() | events.AvatarEvent():
            return _with_cue(_of_avatar(state, event), event)
        case events.Connection():
            return _connection(state, event)
        case (
            events.Performer()
            | events.Capturing(performer=str())
            | events.Microphone(performer=str())
        ):
            return _of_performers(state, event)
        case events.Capturing():
            return replace(state, device=event.device, microphone="capturing")
        case events.Microphone():
            return _microphone(state, event)
        case events.Ready():
            return replace(state, told_ready=True)
        case events.Gate():
            return _gate(state, event)
        case events.CueStarted() | events.CueEnded():
            return _with_cue(state, event)
        case events.Marked():
            return replace(state, marks=state.marks + 1, mark=Mark(t, event.text))
        case events.Route():
            return replace(state, route=event.number, routed=event.avatars)
        case events.Interrupted():
            return replace(state, interrupts=state.interrupts + 1)
        case events.Dropped():
            return _dropped(state, event)
        case events.Warned():
            return _warned(state, event)
        case events.Failed():
            error = Trouble(t, event.code, event.message, event.hint)
            return replace(state, error=error, faults=state.faults + 1)
        case _:
            return state


def replay(record: Iterable[Event], state: State | None = None) -> State:
    """State after all of a record."""
    state = state or State()
    for event in record:
        state = fold(state, event)
    return state


def percentile(ranked: list[int], share: float) -> int:
    """The smallest of `ranked` (ascending, not empty) that `share` of them do not exceed."""
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)]


def _gate(state: State, event: events.Gate) -> State:
    warning = state.warning
    if warning is not None and warning.code == "unheard":
        warning = None  # whoever spoke to a closed gate has done something about it
    return replace(state, gate=event.state, muted=event.muted, held=event.held, warning=warning)


# ---- the avatars -------------------------------------------------------------------------------


def _of_avatar(state: State, event: events.AvatarLinkEvent | events.AvatarEvent) -> State:
    match event:
        case events.AvatarJoined(identity=name):
            return _with(state, _known(state, name), link="joined")
        case events.AvatarReady(identity=name):
            return _with(state, _known(state, name), link="listening")
        case events.AvatarSilent(identity=name):
            silent = _with(state, _known(state, name), link="silent", playing=False)
            return replace(silent, told_ready=False, faults=state.faults + 1)
        case events.AvatarLeft(identity=name):
            known = _known(state, name)
            # A namesake was never spoken through.
            told_ready = state.told_ready and known.link != "listening"
            left = _with(state, known, link="absent", playing=False, backlog_s=0.0)
            return replace(left, told_ready=told_ready, faults=state.faults + 1)
        case events.UtteranceStarted(avatar=name, id=id):
            return _with(state, _known(state, name), utterance=id)
        case events.UtteranceEnded(avatar=name, id=id):
            return _ended(state, _known(state, name), event)
        case events.PlaybackStarted(avatar=name, delay_ms=delay):
            heard = _with(state, _known(state, name), playing=True, delay_ms=delay)
            return replace(heard, delays_ms=(*state.delays_ms, delay)[-_DELAYS_KEPT:])
        case events.PlaybackFinished(avatar=name):
            return _with(state, _known(state, name), playing=False)
        case events.Backlog(avatar=name, seconds=seconds):
            return _with(state, _known(state, name), backlog_s=_ms(seconds))
        case _:
            return state


def _ended(state: State, avatar: AvatarState, ended: events.UtteranceEnded) -> State:
    seconds = _ms(ended.duration_s)
    state = _with(
        state,
        avatar,
        utterance=None if avatar.utterance == ended.id else avatar.utterance,
        utterances=avatar.utterances + 1,
        seconds=_ms(avatar.seconds + seconds),
    )
    return replace(state, utterances=state.utterances + 1, seconds=_ms(state.seconds + seconds))


def _known(state: State, name: str) -> AvatarState:
    return state.avatar(name) or AvatarState(name)


def _with(state: State, avatar: AvatarState, **changes: Any) -> State:
    """The state with this avatar changed; one that is new comes last."""
    changed = replace(avatar, **changes)
    names = [each.name for each in state.avatars]
    if avatar.name in names:
        avatars = tuple(changed if each.name == avatar.name else each for each in state.avatars)
    else:
        avatars = (*state.avatars, changed)
    absent = [each.name for each in avatars if each.link == "absent"]
    forgotten = set(absent[: max(0, len(absent) - _ABSENT_KEPT)])
    return replace(state, avatars=tuple(each for each in avatars if each.name not in forgotten))


# ---- the rest ----------------------------------------------------------------------------------


def _connection(state: State, event: events.Connection) -> State:
    state = replace(state, connection=event.state, attempt=event.attempt)
    if event.state not in ("lost", "reconnecting"):
        return state
    lost = event.state == "lost"
    avatars = tuple(
        replace(each, link="absent" if lost else "joined", playing=False)
        if each.link != "absent"
        else each
        for each in state.avatars
    )
    gone = replace(state, avatars=avatars, told_ready=False, faults=state.faults + lost)
    return _with_cue(gone, event)


def _with_cue(state: State, event: Event) -> State:
    reports = any(avatar.delay_ms is not None for avatar in state.avatars)
    return replace(state, cue=after(state.cue, event, reports=reports))


def _microphone(state: State, event: events.Microphone) -> State:
    match event.state:
        case "back":
            return replace(state, microphone="capturing")
        case "lost":
            return replace(state, microphone="lost", faults=state.faults + 1)
        case "zeros":
            return replace(state, microphone="zeros", faults=state.faults + 1)
        case _:  # told once, and not when it is over
            return replace(state, faults=state.faults + 1)


def _of_performers(
    state: State, event: events.Performer | events.Capturing | events.Microphone
) -> State:
    """Performers, and as the session's microphone the one of who has the voice."""
    performers = performers_after(state.performers, event)
    holder = event.name if isinstance(event, events.Performer) else state.performer
    # Where whoever speaks first has it, one that is there will do.
    fitting = [each for each in performers if each.name == holder] or [
        *(each for each in performers if each.microphone == "capturing"),
        *performers,
        PerformerState(""),
    ]
    shown = fitting[0]
    bad = isinstance(event, events.Microphone) and event.state != "back"
    return replace(
        state,
        performer=holder,
        performers=performers,
        microphone=shown.microphone,
        device=shown.device,
        faults=state.faults + bad,
    )


def _dropped(state: State, event: events.Dropped) -> State:
    seconds = _ms(event.seconds)
    if event.avatar is not None and (avatar := state.avatar(event.avatar)) is not None:
        state = _with(state, avatar, dropped_s=_ms(avatar.dropped_s + seconds))
    return replace(state, dropped_s=_ms(state.dropped_s + seconds))


def _warned(state: State, event: events.Warned) -> State:
    if event.code == "avatar_bound" and event.avatar is not None:
        state = _with(state, _known(state, event.avatar), link="bound")
    lost = event.count or 0 if event.code == events.EVENTS_LOST else 0
    return replace(
        state,
        warnings=state.warnings + 1,
        warning=Trouble(_ms(event.t), event.code, event.message, event.hint),
        lost_events=state.lost_events + lost,
    )


def _ms(seconds: float) -> float:
    """Seconds as a record has them: rounded to milliseconds."""
    return round(seconds, 3)
