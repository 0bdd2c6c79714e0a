"""Cues: what can be played at a press, ready in memory. Pure.

A cue is a sound, or messages to the avatars (a gesture, an expression, another avatar), or both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from micstream.audio.format import SAMPLE_WIDTH, SPEECH
from micstream.messages import Message

Meanwhile = Literal["hold", "duck", "takeover"]
"""The microphone while a cue plays: held, mixed in at a lower level, or heard in its place."""
Then = Literal["", "unmute", "mute", "auto"]
"""What is done when it has ended by itself."""

DUCK_DB: Final = -12.0
"""Level of the microphone under a cue that ducks it."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue, its sound decoded and resampled: 16 kHz mono 16-bit PCM, with its gain."""

    name: str
    pcm: bytes = field(default=b"", repr=False)
    messages: tuple[Message, ...] = ()
    fade_s: float = 0.2
    """Fade when it is stopped."""
    colour: str = ""
    """Of its button, #rrggbb; empty: the page's own."""
    key: str = ""
    """That plays it in the terminal and on the page; empty: by its number alone."""
    then: Then = ""
    meanwhile: Meanwhile = "hold"
    problem: str = ""
    """Why it cannot be played; empty: it can."""

    @property
    def duration_s(self) -> float:
        """Seconds of sound."""
        return SPEECH.seconds(len(self.pcm))


@dataclass(frozen=True, slots=True)
class Show:
    """What the show's file says."""

    cues: tuple[Cue, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    """Key of each verb that has another than usual, by the verb."""


class Playout:
    """Sound of a cue, piece by piece; once stopped it fades, and ends."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._at = 0  # bytes
        self._fade: tuple[int, int] | None = None  # first byte of the fade, and its length

    @property
    def is_over(self) -> bool:
        """All of it was taken, the fade included."""
        return self._at >= self._end

    @property
    def taken_s(self) -> float:
        """Seconds taken so far."""
        return SPEECH.seconds(self._at)

    @property
    def _end(self) -> int:
        end = len(self._pcm)
        return end if self._fade is None else min(end, sum(self._fade))

    def stop(self, fade_s: float) -> None:
        """Fade out over so many seconds from here; called again it ends at the earlier one."""
        length = SPEECH.samples(fade_s * 1000) * SAMPLE_WIDTH
        if self._fade is None or self._at + length < sum(self._fade):
            self._fade = self._at, length

    def take(self, seconds: float) -> bytes:
        """Take the next piece, or what is left of it; empty once it is over."""
        start = self._at
        end = min(self._end, start + SPEECH.samples(seconds * 1000) * SAMPLE_WIDTH)
        self._at = max(start, end)
        piece = self._pcm[start:end]
        return piece if self._fade is None or not piece else self._faded(piece, start)

    def _faded(self, piece: bytes, at: int) -> bytes:
        assert self._fade is not None
        first, length = self._fade
        samples = np.frombuffer(piece, dtype="<i2").astype(np.float32)
        place = (np.arange(samples.size, dtype=np.float32) * SAMPLE_WIDTH + at - first) / length
        return _pcm(samples * np.clip(1 - place, 0, 1))


def with_gain(pcm: bytes, db: float) -> bytes:
    """16-bit PCM so much louder or quieter; what does not fit is limited to full scale."""
    if db == 0:
        return pcm
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    return _pcm(samples * np.float32(10 ** (db / 20)))


def mixed(pcm: bytes, other: bytes) -> bytes:
    """Sum of two pieces of 16-bit PCM, as long as the first."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    under = np.frombuffer(other[: len(pcm)], dtype="<i2")
    sound[: under.size] += under
    return _pcm(sound)


def _pcm(samples: npt.NDArray[np.float32]) -> bytes:
    return np.clip(samples.round(), -32768, 32767).astype("<i2").tobytes()
