"""What happened, as data: one frozen dataclass for every line of `--json`.

`EVENT` names the kind; fields whose value is None are left out of the line. The one table of them,
so longer than other files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, Literal, Protocol

from micstream.plain_text import as_json
from micstream.speech.events import EndReason

DropCode = Literal[
    "no_avatar",
    "avatar_lost",
    "late",
    "overflow",
    "backlog",
    "interrupted",
    "ended",
    "device",
    "slow",
    "other",
]
"""Why sound was dropped: nobody listened, or no more; it waited too long; more waited than may; the
avatar was too far behind; by hand; after the end; the device lost it; this machine was too slow."""

CueEnd = Literal["end", "stop", "replaced", "performer", "interrupt", "panic", "shutdown"]
"""Why a cue ended."""

EVENTS_LOST: Final = "events_lost"
"""Code of the warning that tells how many events a consumer did not take in time."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something a person or a program may want to know."""

    EVENT: ClassVar[str] = ""
    t: float = field(default_factory=time.time)
    """Unix seconds."""

    def as_dict(self) -> dict[str, Any]:
        """The event as JSON's types: `t`, `event`, then its own fields."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "t"}
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in own.items()}
        known = {k: v for k, v in rounded.items() if v is not None}
        return {"t": round(self.t, 3), "event": self.EVENT, **known}

    def as_json(self) -> str:
        """One line, no line break at its end."""
        return as_json(self.as_dict())


class Emitter(Protocol):
    """Emitter of events: the bus, for whoever has something to tell."""

    def emit(self, event: Event) -> None:
        """Tell everybody of it; never waits."""
        ...


@dataclass(frozen=True, kw_only=True)
class AvatarEvent(Event):
    """One that concerns an avatar, by its name; also where there is but one."""

    avatar: str
    """Its identity; before one was found, the pattern it is looked for by."""


@dataclass(frozen=True, kw_only=True)
class AvatarLinkEvent(Event):
    """One about an avatar's being there; `avatar` in its line is the same as `identity`."""

    identity: str

    def as_dict(self) -> dict[str, Any]:
        """JSON's types, as `Event.as_dict`; `avatar` too, by which all events tell their avatar."""
        return {**super().as_dict(), "avatar": self.identity}


@dataclass(frozen=True, kw_only=True)
class Capturing(Event):
    """The first block of sound has come."""

    EVENT = "capturing"
    device: str
    rate: int
    channels: int
    preset: str | None = None
    """The one calibrated for this device, used because none was given."""
    performer: str | None = None
    """Whose it is; None where there is but one."""


@dataclass(frozen=True, kw_only=True)
class Connection(Event):
    """The way to the room changed."""

    EVENT = "connection"
    state: Literal["connecting", "connected", "reconnecting", "lost"]
    attempt: int


@dataclass(frozen=True, kw_only=True)
class AvatarStarting(AvatarLinkEvent):
    """A step on the avatar's way into the room is done.

    `asked` its server, which `accepted` it; or `present`: it was there. It `joined`, is `active`
    (data reaches it), and shows its `picture`. `ready`: nothing is missing.
    """

    EVENT = "avatar_starting"
    step: Literal["asked", "accepted", "present", "joined", "active", "picture", "ready"]
    seconds: float
    """What this step took."""
    total_s: float
    """Since the beginning."""


@dataclass(frozen=True, kw_only=True)
class AvatarStopped(AvatarLinkEvent):
    """The avatar was taken out of the room; `found`: unless it was not there."""

    EVENT = "avatar_stopped"
    found: bool


@dataclass(frozen=True, kw_only=True)
class AvatarJoined(AvatarLinkEvent):
    """The avatar is in the room; it may not listen yet."""

    EVENT = "avatar_joined"


@dataclass(frozen=True, kw_only=True)
class AvatarReady(AvatarLinkEvent):
    """The avatar listens; `how` that is known: it answered, it shows itself, or it is there.

    `heard`: it was told to be silent, and plays again.
    """

    EVENT = "avatar_ready"
    how: Literal["probe", "video", "active", "heard"]


@dataclass(frozen=True, kw_only=True)
class AvatarLeft(AvatarLinkEvent):
    """The avatar is no longer in the room."""

    EVENT = "avatar_left"


@dataclass(frozen=True, kw_only=True)
class AvatarSilent(AvatarLinkEvent):
    """The avatar is in the room, has reported before, and neither reports nor answers any more."""

    EVENT = "avatar_silent"


@dataclass(frozen=True, kw_only=True)
class Playing(Event):
    """A file begins; what is told of utterances from here on is about it, until the next one."""

    EVENT = "playing"
    file: str
    """As it was named."""
    round: int
    """How often it has been played, this time included."""


@dataclass(frozen=True, kw_only=True)
class Ready(Event):
    """All is there: the next word is heard."""

    EVENT = "ready"


@dataclass(frozen=True, kw_only=True)
class UtteranceStarted(AvatarEvent):
    """The stream of an utterance was opened and its lead written."""

    EVENT = "utterance_started"
    id: str
    onset_s: float
    """Seconds of captured sound at which the speech began."""
    decided_s: float
    """Seconds of captured sound at which that was decided."""
    lead_ms: int
    """Sound in the first write."""
    source: str | None = None
    """What is spoken: a file's name, a device's, `stdin`; None where a program speaks."""
    cue: str | None = None
    """The cue that it is; None where it is none."""


@dataclass(frozen=True, kw_only=True)
class UtteranceEnded(AvatarEvent):
    """The stream of an utterance was closed: the avatar plays it to its end."""

    EVENT = "utterance_ended"
    id: str
    duration_s: float
    """Sound that was sent."""
    bytes: int
    reason: EndReason


@dataclass(frozen=True, kw_only=True)
class PlaybackStarted(AvatarEvent):
    """The avatar reports that the utterance is heard."""

    EVENT = "playback_started"
    id: str
    delay_ms: int
    """This report, less the moment at which the utterance's first sample was captured."""


@dataclass(frozen=True, kw_only=True)
class PlaybackFinished(AvatarEvent):
    """The avatar reports that the utterance is over, or was cut off."""

    EVENT = "playback_finished"
    id: str
    position_s: float
    interrupted: bool
    stutter_ms: int | None = None
    """Time in which nothing played between start and end; None where no start was reported."""


@dataclass(frozen=True, kw_only=True)
class Dropped(Event):
    """Sound that nobody will hear."""

    EVENT = "dropped"
    avatar: str | None = None
    """Through whom; None where it was lost before it could go to any."""
    seconds: float
    code: DropCode = "other"
    why: str
    """The same in words."""


@dataclass(frozen=True, kw_only=True)
class Microphone(Event):
    """Something about the device.

    `zeros` is told of after 5 s of them; `back` follows it when there is sound again, as it follows
    `lost` when the device was opened anew. `clipping` and `quiet` are told once, until it is over.
    """

    EVENT = "microphone"
    state: Literal["lost", "back", "zeros", "clipping", "quiet"]
    device: str
    level_db: float | None = None
    """`quiet`: the level of the speech in the last utterances, in dBFS."""
    performer: str | None = None
    """Whose it is; None where there is but one."""


@dataclass(frozen=True, kw_only=True)
class Backlog(AvatarEvent):
    """Estimated sound that was sent and has not been played."""

    EVENT = "backlog"
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Gate(Event):
    """The gate of what is sent has changed; told at the start of listening too."""

    EVENT = "gate"
    state: Literal["open", "closed", "detector"]
    muted: bool = False
    """Closed by `mute`; else `closed` is by hand, until it is opened or left to the detector."""
    held: bool = False
    """Open by push-to-talk, for as long as it is held."""
    by: str = ""
    """Who changed it: `key`, `program`, `page`, `ctl`, `http`, `osc`; empty: nobody."""


@dataclass(frozen=True, kw_only=True)
class Interrupted(Event):
    """An interrupt by hand: what is being said is cut off, the avatars drop what they hold."""

    EVENT = "interrupted"
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Route(Event):
    """Which avatars get what is said, from now on; told where there are several."""

    EVENT = "route"
    avatars: tuple[str, ...]
    """As `--avatar` names them."""
    number: int = 0
    """The place of the one, from 1; 0: all."""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Voice(Event):
    """The same as `route`, by its old name: it comes with each, for one version."""

    EVENT = "voice"
    avatars: tuple[str, ...]
    """As `--avatar` names them."""


@dataclass(frozen=True, kw_only=True)
class Performer(Event):
    """Which performer has the voice, from now on; told where there are several."""

    EVENT = "performer"
    name: str
    """Empty: nobody; whoever speaks first takes it."""
    performers: tuple[str, ...]
    """All of them, in the order of their numbers."""
    by: str = ""
    """Who gave it to him; empty: nobody, he spoke first."""


@dataclass(frozen=True, kw_only=True)
class CueStarted(Event):
    """A cue has begun: its sound is being sent."""

    EVENT = "cue_started"
    cue: str
    number: int
    """Its place in the list, from 1."""
    duration_s: float
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class CueEnded(Event):
    """No more of a cue is sent; the avatar may still play what it has of it.

    `end`: all of it was; `stop`: by hand, with its fade; `replaced`: another cue was pressed;
    `performer`: somebody spoke, and took over; `interrupt`, `panic`: cut off; `shutdown`.
    """

    EVENT = "cue_ended"
    cue: str
    number: int
    reason: CueEnd
    sent_s: float
    """Seconds of its sound that were sent."""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Marked(Event):
    """A marker that somebody put into the record."""

    EVENT = "marked"
    text: str
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Recording(Event):
    """The session is recorded into `folder`, its own."""

    EVENT = "recording"
    folder: str


@dataclass(frozen=True, kw_only=True)
class ControlOpen(Event):
    """The show's control can be had under `link`, the operator's page, which holds its key."""

    EVENT = "control_open"
    link: str


@dataclass(frozen=True, kw_only=True)
class StageOpen(Event):
    """The stage's page can be had under `link`, which holds its key where it has one."""

    EVENT = "stage_open"
    link: str
    room: str
    others: tuple[str, ...] = ()
    """Further links, where the machine is on several networks: `link` is the most likely one."""


@dataclass(frozen=True, kw_only=True)
class PerformerOpen(Event):
    """A performer's page can be had under `link`, which holds his key."""

    EVENT = "performer_open"
    link: str
    name: str
    """His name, and who he is in the room."""
    room: str
    others: tuple[str, ...] = ()
    """Further links, where the machine is on several networks: `link` is the most likely one."""


@dataclass(frozen=True, kw_only=True)
class RehearsalOpen(Event):
    """A rehearsal room is there: every command works against it by the settings in `file`."""

    EVENT = "rehearsal_open"
    url: str
    room: str
    avatars: tuple[str, ...]
    file: str
    """Private; read without being told where it is the `.env.local` of the folder one is in."""


@dataclass(frozen=True, kw_only=True)
class StagePage(Event):
    """A page asked for a token to join, or to join again, with."""

    EVENT = "stage_page"
    address: str
    """Of the machine that shows it."""


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """Something is not as it should be, and it goes on."""

    EVENT = "warning"
    avatar: str | None = None
    """The one it concerns, if it concerns one."""
    code: str
    message: str
    hint: str = ""
    count: int | None = None
    """How many, where it is about several: of events that were lost."""


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """Something ended the program, or a part of it."""

    EVENT = "error"
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Bye(Event):
    """The summary, last of all."""

    EVENT = "bye"
    utterances: int
    seconds: float
    """Sound that was sent."""
    dropped: float
    """Seconds of sound that nobody heard."""
    delay_median_ms: int | None = None
    delay_p95_ms: int | None = None
    faults: int
    """Connections, avatars and devices that were lost on the way, silent avatars, microphones that
    delivered zeros, clipped or were too quiet, and errors."""


def kinds(root: type[Event] = Event) -> Iterator[type[Event]]:
    """Classes of events of a session that have a name, below `root`: those of this table."""
    for kind in root.__subclasses__():
        if kind.EVENT and kind.__module__ == __name__:
            yield kind
        yield from kinds(kind)


def from_dict(told: Mapping[str, Any]) -> Event:
    """Read an event from a line of a record, as `Event.as_dict` made it; skip unknown fields.

    Raises:
        ValueError: there is no such event, or a field is missing.
    """
    kind = next((kind for kind in kinds() if told.get("event") == kind.EVENT), None)
    if kind is None:
        raise ValueError(f"there is no event {told.get('event')!r}")
    given = {f.name: told[f.name] for f in fields(kind) if f.name in told}
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
    if "reason" in given and kind is UtteranceEnded:
        given["reason"] = EndReason(given["reason"])
    try:
        return kind(**given)
    except TypeError as error:
        raise ValueError(f"{kind.EVENT}: {error}") from None
