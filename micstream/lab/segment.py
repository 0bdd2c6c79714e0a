"""One segment, as it comes and as a stock receiver takes it. Pure: time handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from micstream.delivery import wire
from micstream.lab.playing import Playing
from micstream.lab.seen import End, SegmentEnded
from micstream.lab.sniff import HEAD_BYTES, file_header, wrong_samples

RATES: Final = range(8_000, 48_001)
CHANNELS: Final = range(1, 3)
_GAPS_S: Final = 0.02
"""Gaps of less than this in all are not worth a word."""


@dataclass(slots=True)
class Segment:
    """A stream on the avatar's topic; times are monotonic seconds."""

    id: str
    sender: str
    announced: int | None
    """Bytes that it was announced with."""
    opened_at: float
    playing: Playing | None
    """None: it cannot be read."""
    width: int
    """Bytes of a sample in all channels."""
    got: int = 0
    """Bytes that came before its end."""
    chunks: int = 0
    first_at: float | None = None
    first_s: float = 0.0
    """Sound in the first chunk."""
    last_at: float = 0.0
    longest_pause_s: float = 0.0
    head: bytes = b""
    end: End | None = None
    lost: int = 0
    """Bytes that came after the end."""
    told_started: bool = False
    reported: bool = False
    """Its end was reported, or is not to be."""
    over: bool = False
    """Its stream has ended, whatever a receiver made of it before."""

    @property
    def plays_out(self) -> bool:
        """Whether what came of it is played to its end."""
        has_sound = self.playing is not None and self.playing.started_at is not None
        return has_sound and self.end in ("closed", "idle", "overtaken")

    @property
    def is_done(self) -> bool:
        """Whether nothing more comes of it."""
        return self.over and (self.reported or not self.plays_out)

    @property
    def idle_at(self) -> float:
        """When a receiver gives it up."""
        return max(self.opened_at, self.last_at) + wire.RECEIVER_IDLE_S

    def seconds_of(self, size: int) -> float | None:
        """Seconds of sound in so many bytes."""
        return None if self.playing is None else size / self.playing.bytes_s

    def push(self, chunk: bytes, now: float) -> None:
        """Take the next chunk; after its end it is lost."""
        if self.end is not None and self.end != "unread":
            self.lost += len(chunk)
            return
        if self.first_at is None:
            self.first_at, self.first_s = now, self.seconds_of(len(chunk)) or 0.0
        else:
            self.longest_pause_s = max(self.longest_pause_s, now - self.last_at)
        self.last_at = now
        self.got += len(chunk)
        self.chunks += 1
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        if self.playing is not None:
            self.playing.push(len(chunk), now)

    def summary(self) -> SegmentEnded:
        """All of it, in numbers."""
        playing, first_at, pace = self.playing, self.first_at, None
        if playing is not None and first_at is not None and self.last_at > first_at:
            pace = (playing.seconds - self.first_s) / (self.last_at - first_at)
        return SegmentEnded(
            segment=self.id,
            end=self.end or "closed",
            bytes=self.got,
            seconds=playing.seconds if playing is not None else None,
            chunks=self.chunks,
            first_ms=_ms(first_at - self.opened_at if first_at is not None else None),
            prebuffer_ms=_ms(self.first_s if first_at is not None else None),
            longest_pause_ms=_ms(self.longest_pause_s if self.chunks > 1 else None),
            pace=pace,
            gaps=playing.gaps if playing is not None else None,
            gap_ms=_ms(playing.gap_s) if playing is not None else None,
        )

    def faults(self) -> list[tuple[str, str]]:
        """What is wrong with its sound, once it has ended: rules, and what was found."""
        whole = self.end == "closed"
        if not self.got:
            return [("empty", "")] if whole else []
        found: list[tuple[str, str]] = []
        if kind := file_header(self.head):
            found.append(("header", kind))
        elif wrong := wrong_samples(self.head):
            found.append((wrong, ""))
        if whole and self.got % self.width:
            found.append(("odd_length", str(self.got)))
        if whole and self.announced not in (None, self.got):
            found.append(("size", f"{self.got} of {self.announced}"))
        if self.playing is not None and self.playing.gap_s >= _GAPS_S:
            times = "once" if self.playing.gaps == 1 else f"{self.playing.gaps} times"
            found.append(("gaps", f"{times}, {1000 * self.playing.gap_s:.0f} ms in all"))
        return found


def wrong_attributes(attributes: dict[str, str]) -> list[tuple[str, str]]:
    """What keeps a receiver from reading the stream: rules, and what was found."""
    return [
        *_number(attributes.get("sample_rate"), RATES, "rate"),
        *_number(attributes.get("num_channels"), CHANNELS, "channels"),
    ]


def _number(said: str | None, allowed: range, what: str) -> list[tuple[str, str]]:
    if said is None:
        return [(f"no_{what}", "")]
    fine = said.isascii() and said.isdecimal() and len(said) < 9 and int(said) in allowed
    return [] if fine else [(f"bad_{what}", repr(said[:40]))]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)
