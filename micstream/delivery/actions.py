"""Actions: what the delivery core asks its shell to do, in order; and how a call was answered.

| action | the shell does | and says, once |
|---|---|---|
| `Open` | begins a byte stream to the avatar | `opened(stream, ok)` |
| `Write` | writes into it | `wrote(stream, ok)` |
| `Close` | ends it | `closed(stream, ok)` |
| `Abandon` | no longer waits for what is under way; closes the stream when it can | nothing |
| `Call` | calls the avatar, for `timeout_s` at most | `answered(call, answer)` |
| `Tell` | emits the event | |
| `Silent`, `Dead`, `Alive` | tells the link | |
| `Absent` | tells people | |
| `Listen` | subscribes to the avatar's sound, reads its meter | `heard(number, meter)` |
| `Unlisten` | unsubscribes | |
| `Granted` ... `Ended` | wakes the owner of a direct utterance | |
| `Taken`, `Idle`, `Cleared`, `Left` | wakes whoever waits for it | |

At most one of `Open`, `Write` and `Close` is under way at a time. Results of a stream that was
abandoned, and answers that come after `timeout_s`, may be said or not: they change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from micstream.events import Event
from micstream.speech.events import EndReason


class Answer(Enum):
    """Answer to a call; all but `NONE` prove that it arrived, and what was sent before it."""

    OK = auto()
    """The payload `ok`."""
    OTHER = auto()
    """Another payload."""
    UNSUPPORTED = auto()
    """The avatar has no such method."""
    FAILED = auto()
    """An error of the other side's own."""
    NONE = auto()
    """Nothing in time, or the avatar cannot be reached."""


@dataclass(frozen=True, slots=True)
class Open:
    """Begin one segment: a byte stream to the avatar, mono 16-bit PCM at `rate` Hz."""

    stream: int
    rate: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write sound into the open stream."""

    stream: int
    pcm: bytes
    utterance: str = field(default="", compare=False)
    """Id of the utterance it belongs to, for whoever taps the sound."""
    nudges: int = 0
    """Small packets to send after it, to ourselves: what was lost is found by what follows it."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the open stream: the avatar plays what it has of it, and reports."""

    stream: int
    nudges: int = 0
    """As after a write."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Wait no longer for the operation under way; close the stream as soon as that is possible.

    Also one that is opened only later: a receiver of an older make waits for ever for its end.
    """

    stream: int


@dataclass(frozen=True, slots=True)
class Call:
    """Call the avatar (RPC)."""

    call: int
    method: str
    payload: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Emit an event; the avatar's name stands in it."""

    event: Event


@dataclass(frozen=True, slots=True)
class Silent:
    """Proof that the avatar neither reports nor answers any more; it counts as lost from here."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Meter of the avatar's sound, as it was read."""

    track: str = ""
    """Sid of the track; empty: it publishes no sound."""
    energy: float | None = 0.0
    """Energy since the track began, in squares of the full scale times seconds; None: not known."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen to the avatar: subscribe to its sound, where we are not, and read its meter."""

    number: int


@dataclass(frozen=True, slots=True)
class Unlisten:
    """Listen no more: receiving its sound costs more than sending ours."""


@dataclass(frozen=True, slots=True)
class Dead:
    """Proof that the avatar plays nothing, whatever it answers; it is still sent what is said."""


@dataclass(frozen=True, slots=True)
class Alive:
    """Proof that one that was dead plays again."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Warning due: we are connected, and for `waited_s` seconds no avatar has listened.

    The shell words it: it knows the room, and whether an avatar is there that does not listen.
    """

    waited_s: float


@dataclass(frozen=True, slots=True)
class Granted:
    """Turn of a direct utterance: sound may be offered, `id` is its name in events."""

    claim: int
    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """No turn for a direct utterance: nobody listens, or we are leaving."""

    claim: int


@dataclass(frozen=True, slots=True)
class Sent:
    """All that was due of the sound offered last was written: more may be offered."""

    claim: int
    sent_s: float = 0.0
    """Seconds of the utterance written so far."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Capacity for more sound, as was asked for; or the utterance has ended meanwhile."""

    claim: int


@dataclass(frozen=True, slots=True)
class Ended:
    """End of a direct utterance: its stream is closed, and nothing more is taken."""

    claim: int
    reason: EndReason
    sent_s: float = 0.0
    """Seconds of it that were written."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Less waits than before, or nothing gets through: ask `accepts` again."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Everything that was pushed is sent or dropped, and its stream closed."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """End of an interrupt: the avatar has dropped all and reported it, or cannot be asked."""


@dataclass(frozen=True, slots=True)
class Left:
    """End of leaving: nothing is left for the avatar to report to us."""


Action = (
    Open
    | Write
    | Close
    | Abandon
    | Call
    | Tell
    | Silent
    | Listen
    | Unlisten
    | Dead
    | Alive
    | Absent
    | Granted
    | Refused
    | Sent
    | Capacity
    | Ended
    | Taken
    | Idle
    | Cleared
    | Left
)
