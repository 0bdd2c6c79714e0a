"""Story of a record: utterances, and what else happened when, as the report tells it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from micstream.audio.levels import FULL_SCALE
from micstream.record.format import Piece, seconds_of

Sort = Literal["fault", "cue", "mark", "change"]

_FAULTS: Final = frozenset(("warning", "error", "dropped", "avatar_left", "avatar_silent"))
_FAULTY: Final = {
    "microphone": ("lost", "zeros", "clipping", "quiet"),
    "connection": ("lost", "reconnecting"),
}
"""Of these events the states that are faults; others of `microphone` are changes."""
_UNTOLD: Final = frozenset(
    (
        *("connection", "avatar_joined", "avatar_ready", "avatar_starting", "ready", "capturing"),
        *("utterance_started", "utterance_ended", "playback_started", "playback_finished"),
        *("backlog", "bye", "voice", "recording", "control_open", "stage_open", "stage_page"),
    )
)
"""Told elsewhere on the page, or of no use to somebody who asks what happened."""
_NO_WORDS: Final = frozenset(
    ("t", "at", "event", "by", "number", "attempt", "count", "code", "hint", "run")
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, as it is drawn and listed."""

    at: float
    """Seconds since the record's beginning."""
    sort: Sort
    what: str
    """In few words."""
    more: str = ""
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance as one avatar got it."""

    at: float
    """Seconds since the record's beginning at which its first sound was written."""
    avatar: str
    utterance: str
    seconds: float
    """Sound that was sent."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Fields of its events: `delay_ms`, `reason`, `stutter_ms`, `interrupted`, `cue`, `source`."""


@dataclass(frozen=True, slots=True)
class Wave:
    """How loud a sound was: for each bin the highest sample, 0 to 1; NaN where there was none."""

    name: str
    peaks: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Story:
    """All that the report is about."""

    seconds: float
    manifest: Mapping[str, Any]
    said: tuple[Said, ...]
    moments: tuple[Moment, ...]
    summary: Mapping[str, Any]
    """Fields of `bye`; empty where the program was killed."""
    notes: tuple[str, ...]
    microphones: tuple[Wave, ...]
    avatars: tuple[Wave, ...]
    bin_s: float
    """Seconds of one bin of the waves."""

    @property
    def delays_ms(self) -> list[float]:
        """Delays of the utterances that were reported as heard."""
        return [d for each in self.said if (d := seconds_of(each.told.get("delay_ms"))) is not None]

    @property
    def median_ms(self) -> float | None:
        """Median of the delays."""
        return statistics.median(self.delays_ms) if self.delays_ms else None


def utterances(pieces: Iterable[Piece], events: Iterable[Mapping[str, Any]]) -> tuple[Said, ...]:
    """The utterances that were sent, by time, with what was told of each."""
    told: dict[str, dict[str, Any]] = {}
    for event in events:
        name = event.get("event")
        if name in _UNTOLD and isinstance(event.get("id"), str):
            own = told.setdefault(str(event["id"]), {})
            own.update({k: v for k, v in event.items() if k not in ("t", "at", "event", "id")})
    by_file: dict[str, list[Piece]] = {}
    for piece in pieces:
        if piece.kind == "sent":
            by_file.setdefault(piece.file, []).append(piece)
    said = [
        Said(
            at=min(piece.at for piece in own),
            avatar=own[0].name,
            utterance=own[0].utterance,
            seconds=sum(piece.count for piece in own) / own[0].rate,
            told=told.get(own[0].utterance, {}),
        )
        for own in by_file.values()
    ]
    return tuple(sorted(said, key=lambda each: each.at))


def moments(events: Iterable[Mapping[str, Any]]) -> tuple[Moment, ...]:
    """What is marked on the timeline. An event that is not known is a change of its name."""
    found = []
    for event in events:
        name, at = str(event["event"]), float(event["at"])
        if name in _FAULTS or event.get("state") in _FAULTY.get(name, ()):
            what = str(event.get("message") or f"{name.replace('_', ' ')}: {_words(event)}")
            found.append(Moment(at, "fault", what, str(event.get("hint", ""))))
        elif name in _UNTOLD:
            continue
        elif name in ("cue_started", "cue_ended"):
            how = f" ended ({event.get('reason')})" if name == "cue_ended" else ""
            found.append(Moment(at, "cue", f"cue {event.get('cue')}{how}"))
        elif name == "performer":
            found.append(Moment(at, "change", f"{event.get('name') or 'nobody'} has the voice"))
        elif name == "marked":
            found.append(Moment(at, "mark", str(event.get("text", ""))))
        else:
            found.append(Moment(at, "change", f"{name.replace('_', ' ')} {_words(event)}".strip()))
    return tuple(found)


def _words(event: Mapping[str, Any]) -> str:
    """Fields of an event in few words: what is text, and the switches that are on."""
    words = []
    if event["event"] == "dropped":
        return f"{seconds_of(event.get('seconds')) or 0.0:.1f} s, {event.get('why', '')}"
    for key, value in event.items():
        if key in _NO_WORDS or value in ("", None, False):
            continue
        if value is True:
            words.append(key)
        elif isinstance(value, list | tuple):
            words.append(", ".join(map(str, value)))
        elif isinstance(value, float | int):
            words.append(f"{key} {value:g}")
        else:
            words.append(str(value))
    return ", ".join(dict.fromkeys(words))


class Envelope:
    """Highest sample in each bin of `bin_s` seconds, of sound that comes piece by piece."""

    def __init__(self, seconds: float, bin_s: float) -> None:
        self._bin_s = bin_s
        self.peaks = np.full(max(1, int(seconds / bin_s) + 1), np.nan)

    def add(self, at: float, rate: int, pcm: bytes) -> None:
        """Take sound whose first sample was heard at `at`, in seconds."""
        samples = np.abs(np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float64))
        if not samples.size:
            return
        bins = ((at + np.arange(samples.size) / rate) / self._bin_s).astype(np.int64)
        starts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
        for bin_, peak in zip(bins[starts], np.maximum.reduceat(samples, starts), strict=True):
            if 0 <= bin_ < self.peaks.size:
                self.peaks[bin_] = np.fmax(self.peaks[bin_], peak / FULL_SCALE)


def counted(story: Story) -> Sequence[tuple[str, str]]:
    """Figures of the evening in words: (name, value)."""
    faults = sum(1 for each in story.moments if each.sort == "fault")
    sent = sum(each.seconds for each in story.said)
    delays = sorted(story.delays_ms)
    p95 = delays[min(len(delays) - 1, int(0.95 * len(delays)))] if delays else None
    return (
        ("Length", clock(story.seconds)),
        ("Utterances", f"{len(story.said)}"),
        ("Sound sent", f"{sent:.1f} s"),
        ("Delay, median", f"{story.median_ms:.0f} ms" if story.median_ms is not None else "-"),
        ("Delay, 95 %", f"{p95:.0f} ms" if p95 is not None else "-"),
        ("Not heard", f"{seconds_of(story.summary.get('dropped')) or 0.0:.1f} s"),
        ("Faults and warnings", f"{faults}"),
        ("Marks", f"{sum(1 for each in story.moments if each.sort == 'mark')}"),
    )


def clock(seconds: float) -> str:
    """Seconds as `1:02:03`, or `2:03`."""
    whole = int(max(0.0, seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class Clock:
    """Time of day at a second of the record, in the zone in which it was made."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        began = str(manifest.get("began", ""))
        self.known = len(began) >= 19 and began[13:14] == began[16:17] == ":"
        digits = began[11:13] + began[14:16] + began[17:19]
        self.known = self.known and digits.isascii() and digits.isdigit()
        self.day = began[:10] if self.known else ""
        self._from = 0
        if self.known:
            self._from = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])

    def __call__(self, at: float) -> str:
        """`21:14:03`; where that is not known, the time since the beginning."""
        if not self.known:
            return clock(at)
        of_day = int(self._from + at) % 86_400
        return f"{of_day // 3600:02}:{of_day // 60 % 60:02}:{of_day % 60:02}"
