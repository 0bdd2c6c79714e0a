"""What an inspection sees, as data: a line of `micstream inspect --json` each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from micstream.events import Event

End = Literal["closed", "left", "idle", "cleared", "overtaken", "unread"]
"""How a segment ended for a stock receiver: its stream was closed; its sender left; nothing came
for 10 s; it was told to drop it; another was opened; it could not read it, and is dead."""


@dataclass(frozen=True, kw_only=True)
class Inspecting(Event):
    """What is looked at, and from where."""

    EVENT: ClassVar[str] = "inspecting"
    room: str
    how: Literal["avatar", "beside"]
    """As the avatar, to which senders speak; or beside one, as far as the server shows it."""
    identity: str


@dataclass(frozen=True, kw_only=True)
class ParticipantSeen(Event):
    """Somebody came, went, or has other attributes."""

    EVENT: ClassVar[str] = "participant"
    identity: str
    kind: str
    state: Literal["joined", "left", "changed"]
    attributes: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Its attributes as a plain object."""
        own = super().as_dict()
        if self.attributes is not None:
            own["attributes"] = dict(self.attributes)
        return own


@dataclass(frozen=True, kw_only=True)
class TrackSeen(Event):
    """A track of somebody's, as the server shows it."""

    EVENT: ClassVar[str] = "track"
    identity: str
    track: Literal["sound", "picture"]
    state: Literal["published", "unpublished", "muted", "unmuted"]


@dataclass(frozen=True, kw_only=True)
class Heard(Event):
    """An avatar's sound as a viewer gets it: it began, or has fallen silent."""

    EVENT: ClassVar[str] = "heard"
    identity: str
    state: Literal["sound", "silence"]
    seconds: float | None = None
    """How long it was heard, once it is silent."""


@dataclass(frozen=True, kw_only=True)
class SegmentOpened(Event):
    """A stream on the avatar's topic."""

    EVENT: ClassVar[str] = "segment_opened"
    segment: str
    sender: str
    name: str
    rate: int | None
    channels: int | None


@dataclass(frozen=True, kw_only=True)
class SegmentChunk(Event):
    """One piece of it."""

    EVENT: ClassVar[str] = "segment_chunk"
    segment: str
    bytes: int
    seconds: float | None
    """Of sound in it."""
    since_ms: float
    """After the one before it; the first, after the stream was opened."""


@dataclass(frozen=True, kw_only=True)
class SegmentEnded(Event):
    """All of a stream, and how a stock receiver would have played it."""

    EVENT: ClassVar[str] = "segment_ended"
    segment: str
    end: End
    bytes: int
    seconds: float | None
    chunks: int
    first_ms: float | None
    """From its opening to its first sound."""
    prebuffer_ms: float | None
    """Sound that came with the first chunk."""
    longest_pause_ms: float | None
    """Between two chunks."""
    pace: float | None
    """Seconds of sound a second, after the first chunk; 1 is as it is spoken."""
    gaps: int | None
    """Gaps in what a receiver plays that plays it at once."""
    gap_ms: float | None


@dataclass(frozen=True, kw_only=True)
class CallSeen(Event):
    """A call to the avatar, and its answer."""

    EVENT: ClassVar[str] = "call"
    sender: str
    method: str
    payload: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class ReportSeen(Event):
    """A report to the sender, and how it answered."""

    EVENT: ClassVar[str] = "report"
    to: str
    report: Literal["started", "finished"]
    segment: str
    answer: str
    position_s: float | None = None
    interrupted: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Violation(Event):
    """What breaks the protocol, or is heard as a fault."""

    EVENT: ClassVar[str] = "violation"
    code: str
    breaks: bool
    """A stock avatar loses speech by it, or dies; otherwise it only sounds worse."""
    message: str
    hint: str
    sender: str
    segment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Inspected(Event):
    """The summary."""

    EVENT: ClassVar[str] = "inspected"
    segments: int
    seconds: float
    calls: int
    violations: Mapping[str, int]
    """How many of each code."""

    def as_dict(self) -> dict[str, Any]:
        """Its counts as a plain object."""
        return {**super().as_dict(), "violations": dict(self.violations)}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a violation means."""

    breaks: bool
    message: str
    hint: str


_ATTRIBUTES: Final = 'attributes={"sample_rate": "16000", "num_channels": "1"}, decimal strings'
_DEAD: Final = "a stock receiver raises, and plays nothing any more"

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "no_rate": Rule(True, f"the stream has no sample_rate: {_DEAD}", _ATTRIBUTES),
        "bad_rate": Rule(True, "sample_rate {found} is no rate: " + _DEAD, _ATTRIBUTES),
        "no_channels": Rule(True, f"the stream has no num_channels: {_DEAD}", _ATTRIBUTES),
        "bad_channels": Rule(
            True, "num_channels {found} is no number of channels: " + _DEAD, _ATTRIBUTES
        ),
        "header": Rule(
            True,
            "it begins with the header of a {found} file: that is played as noise",
            "raw PCM alone, 16-bit signed little endian",
        ),
        "byte_order": Rule(
            True,
            "its samples look like big endian: they are played as noise",
            "16-bit signed little endian; in numpy '<i2'",
        ),
        "floats": Rule(
            True,
            "its samples look like 32-bit floats: they are played as noise",
            "16-bit signed little endian: (samples * 32767).astype('<i2')",
        ),
        "odd_length": Rule(
            True,
            "{found} bytes are no whole number of samples: a byte is lost, and what follows in a "
            "receiver that keeps it is noise",
            "a sample is 2 bytes in each channel",
        ),
        "size": Rule(
            False,
            "{found} bytes came of the size that the stream was announced with",
            "leave total_size out where it is not known",
        ),
        "empty": Rule(
            False,
            "the segment is empty: a receiver plays nothing of it, and never reports it",
            "open the stream when there is sound to send",
        ),
        "two_open": Rule(
            True,
            "another stream of this sender was still open: a receiver ends it there, and one from "
            "before the middle of 2026 never reads the new one",
            "await writer.aclose() before the next stream_bytes()",
        ),
        "idle": Rule(
            True,
            "nothing came for 10 s in an open stream: a receiver ends the segment; what is written "
            "into it later succeeds, and is lost",
            "close the stream at the end of speech; after a stall begin a new one",
        ),
        "after_end": Rule(
            True,
            "{found} s were written into a segment that a receiver had ended: they are lost",
            "after an interrupt, or 10 s without data, open a new stream",
        ),
        "left_open": Rule(
            True,
            "the sender left in the middle of a segment: a stock avatar dies of that",
            "close the writer on every path, on signals too, before disconnecting",
        ),
        "left_early": Rule(
            True,
            "the sender left before it had the report of its last segment: the report finds "
            "nobody, and a stock avatar ends 15 to 24 s later",
            "wait for lk.playback_finished, or send lk.clear_buffer and wait for its report; bound "
            "the wait",
        ),
        "no_handler": Rule(
            True,
            "it has no method {found}: a stock avatar dies after the first segment",
            "register_rpc_method for lk.playback_started and lk.playback_finished, answering 'ok'",
        ),
        "bad_answer": Rule(
            False, "it answered {found} to a report", "answer 'ok' to the avatar's reports"
        ),
        "no_answer": Rule(
            True,
            "it did not answer a report: a stock avatar's worker ends when that times out",
            "answer 'ok' at once, whatever else is going on",
        ),
        "wrong_kind": Rule(
            True,
            "its token is of kind {found}: avatars hear only participants of kind agent",
            "with_kind('agent') when the token is made",
        ),
        "second_sender": Rule(
            True,
            "another sender spoke first: a stock avatar is bound to that one and ignores all "
            "others",
            "one sender of kind agent a room, or each avatar with its sender's identity",
        ),
        "too_early": Rule(
            True,
            "it was opened {found} s after both were in the room, unasked: a stock receiver "
            "listens only 0.3 to 0.6 s after it has seen the sender, and the first words vanish",
            "call lk.clear_buffer until it answers 'ok', then send",
        ),
        "gaps": Rule(
            False,
            "what is played runs dry {found}",
            "send more before the first frame is played (100 ms and some), and then as it is "
            "spoken",
        ),
    }
)


def violation(
    code: str, sender: str, segment: str | None = None, *, found: object = ""
) -> Violation:
    """The violation of a rule, with what was found in its words."""
    rule = RULES[code]
    return Violation(
        code=code,
        breaks=rule.breaks,
        message=rule.message.format(found=found),
        hint=rule.hint,
        sender=sender,
        segment=segment,
    )
