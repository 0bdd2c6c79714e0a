"""What the segmenter says. All positions are sample indices from the start of the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class EndReason(StrEnum):
    """Why an utterance ended."""

    SILENCE = "silence"
    MAX_LENGTH = "max_length"
    MUTE = "mute"
    INTERRUPT = "interrupt"
    DEVICE = "device"
    AVATAR = "avatar"
    SOURCE_ENDED = "source_ended"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Onset:
    """Someone began to speak."""

    start: int
    """First sample of the utterance, pre-roll included."""
    onset: int
    """Where the sound of it began: traced back, else the first voiced frame that decided."""
    decided: int
    """Samples heard when it was decided."""
    source: str = field(default="", compare=False)
    """Name of the source, where it is known: a file, a device."""
    cue: str = field(default="", compare=False)
    """Name of the cue that it is, where it is one."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A run of the utterance's samples, ready to be sent."""

    start: int
    pcm: bytes
    """16-bit mono; begins at `start`, where the last one ended."""


@dataclass(frozen=True, slots=True)
class End:
    """The utterance is over."""

    end: int
    """One past the last sample that was handed out."""
    speech_end: int
    """One past the last voiced frame, the tail included: where a collected utterance is trimmed."""
    decided: int
    """Samples heard when it was decided."""
    voiced: int
    """Samples in voiced frames."""
    enough: bool
    """Whether that makes an utterance; the rest of one cut at the limit always does."""
    reason: EndReason


SegmentEvent = Onset | Speech | End

Timed = tuple[SegmentEvent, float]
"""An event, and for an onset the monotonic second at which its first sample was captured."""
