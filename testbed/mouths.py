"""A mouth with errors put in, on a clock that is handed in. Pure: speech in, shapes and poses out.

Sign: positive, the sound comes before the picture (ITU-R BT.1359). What is drawn at a moment is
heard around that moment, half a frame to either side: so a mouth without an error is at 0 ms.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from micstream.demo.face.pose import Pose
from micstream.demo.lips import PIECE_S, SHUT, Lips, Shape
from micstream.demo.motion import Performer, mood_of

Mouths = Literal["follows", "random", "hangs", "other", "still"]
Pcm = npt.NDArray[np.int16]

SIZES: Final = {"180p": (320, 180), "360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}
SPEAKS: Final = 0.02
"""A mouth that is less open is shut."""
_REST_S: Final = 0.5
"""After so much silence an utterance begins."""
_SPEAKING_S: Final = 0.3
_LONGEST_MIN: Final = 10.0
"""So long a drift may go on: the sound is held back for it from the beginning."""
_HANGS: Final = Shape(0.35, 0.5)
_EASED_S: Final = 0.004
"""By so much the performer, which moves no mouth in no time, is later than what it is told."""


@dataclass(frozen=True, slots=True)
class Errors:
    """What is put in. Where nothing is said, it is a mouth that follows."""

    drawn_ms: float = 0.0
    """The mouth is drawn so much later than the sound that belongs to it; negative: earlier."""
    transport_ms: float = 0.0
    """The picture goes out so much later than it was made; negative: the sound does."""
    drift_ms_per_min: float = 0.0
    """By so much a minute it is drawn later and later; negative: earlier, for ten minutes."""
    early_start_ms: float = 0.0
    """Each utterance begins so much early,"""
    settles_s: float = 1.0
    """and is in step again after so long."""
    tail_ms: float = 0.0
    """The mouth goes on for so long after the sound has ended."""
    mouth: Mouths = "follows"
    """Follows what is said; opens at random; hangs open; moves with another sound; all is still."""
    fps: int = 25
    size: str = "720p"
    scale: float = 1.0
    """Size of the face, in shares of what fills the picture."""
    x: float = 0.0
    y: float = 0.0
    """Its place right and down of the middle, in shares of the picture."""
    moving: float = 0.0
    """It wanders so far to either side, in shares of the picture."""
    seed: str = "lipsynced"

    @property
    def held_s(self) -> float:
        """Seconds by which the sound is held back, so that a mouth can come before it."""
        backwards = max(0.0, -self.drift_ms_per_min) * _LONGEST_MIN
        return max(0.0, self.early_start_ms + backwards - self.drawn_ms) / 1000

    def late_s(self, since_start: float, since_begin: float) -> float:
        """How late the mouth is: so long after the first sound, and after the utterance's."""
        early = self.early_start_ms * max(0.0, 1 - since_begin / self.settles_s)
        return (self.drawn_ms + self.drift_ms_per_min * since_start / 60 - early) / 1000


@dataclass(frozen=True, slots=True)
class _Shown:
    begin: float
    end: float
    shape: Shape


class Mouth:
    """Hears speech at `rate`, piece by piece with its time, and tells the shape at a moment.

    `other`: what a mouth of "other" says instead.
    """

    def __init__(self, errors: Errors, rate: int, other: Pcm | None = None) -> None:
        self._errors, self._rate, self._other = errors, rate, other
        self._lips, self._others_lips = Lips(rate), Lips(rate)
        self._rng = np.random.default_rng(list(errors.seed.encode()))
        self._syllable: deque[Shape] = deque()
        self._at = int(self._rng.integers(0, other.size)) if other is not None else 0
        self._tail = deque([SHUT], maxlen=1 + round(errors.tail_ms / 1000 / PIECE_S))
        self._shown: deque[_Shown] = deque()
        self._first: float | None = None
        self._began = self._voiced = -math.inf

    def hear(self, pcm: Pcm, until: float) -> None:
        """Take the next piece, heard up to this moment."""
        begin = until - pcm.size / self._rate
        own = self._lips.hear(pcm)
        if own.openness > SPEAKS:
            if begin - self._voiced >= _REST_S:
                self._began = begin
            self._first = begin if self._first is None else self._first
            self._voiced = until
        self._draw(self._instead(own, begin, pcm.size), begin, until)

    def end(self, at: float) -> None:
        """Learn that the segment has ended there; a tail goes on."""
        for number in range(len(self._tail) - 1):
            begin = at + number * PIECE_S
            self._draw(SHUT, begin, begin + PIECE_S)
        self._tail.clear()
        self._tail.append(SHUT)

    def clear(self) -> None:
        """Be shut from now on, whatever was to come: it was interrupted."""
        self._shown.clear()

    def at(self, now: float) -> Shape:
        """The mouth that a frame of this moment shows; moments must not go back."""
        now += _EASED_S
        half = 0.5 / self._errors.fps
        while self._shown and self._shown[0].end <= now - half:
            self._shown.popleft()
        openness, width, seen = 0.0, 0.0, 1e-9
        for each in self._shown:
            share = min(each.end, now + half) - max(each.begin, now - half)
            if share > 0:
                openness += share * each.shape.openness
                width += share * each.shape.width
                seen += share
        return Shape(openness / max(seen, 2 * half), width / seen) if openness > 0 else SHUT

    def _draw(self, shape: Shape, begin: float, end: float) -> None:
        self._tail.append(shape)
        shape = shape if shape.openness > SPEAKS else self._tail[0]
        first = begin if self._first is None else self._first
        begin += self._errors.late_s(max(0.0, begin - first), begin - self._began)
        end += self._errors.late_s(max(0.0, end - first), end - self._began)
        while self._shown and self._shown[-1].begin >= begin:
            self._shown.pop()
        if self._shown and self._shown[-1].end > begin:
            self._shown[-1] = replace(self._shown[-1], end=begin)
        self._shown.append(_Shown(begin, end, shape))

    def _instead(self, own: Shape, begin: float, size: int) -> Shape:
        speaks = begin - self._voiced < _SPEAKING_S
        match self._errors.mouth:
            case "hangs":
                return _HANGS
            case "random":
                return self._random() if speaks else SHUT
            case "other" if self._other is not None:
                self._at = (self._at + size) % max(1, self._other.size - size)
                said = self._others_lips.hear(self._other[self._at : self._at + size])
                return said if speaks else SHUT
        return own

    def _random(self) -> Shape:
        """Syllables of random length and height, with breaks: as lively as speech."""
        if not self._syllable:
            pieces, high = int(self._rng.integers(5, 16)), float(self._rng.uniform(0.1, 0.9))
            high *= float(self._rng.random() > 0.15)
            wide = float(self._rng.uniform(0.2, 0.8))
            for number in range(pieces):
                share = math.sin(math.pi * (number + 0.5) / pieces) ** 2
                self._syllable.append(Shape(high * share, wide))
        return self._syllable.popleft()


class Acting:
    """A performer's poses from moment to moment, with the mouth's errors."""

    def __init__(self, mouth: Mouth, errors: Errors) -> None:
        self._mouth, self._performer = mouth, Performer(errors.seed)
        self._voiced = -math.inf

    def pose(self, now: float, age: float) -> Pose:
        """The pose at a moment of the mouth's clock; `age`: seconds since the first picture."""
        shape = self._mouth.at(now)
        if shape.openness > SPEAKS:
            self._voiced = now
        return self._performer.at(age, shape, mood_of(now - self._voiced))


def poses(pcm: Pcm, rate: int, errors: Errors, other: Pcm | None = None) -> Iterator[Pose]:
    """Poses of a film of this speech, one a frame; both begin at 0 s."""
    mouth, piece = Mouth(errors, rate, other), round(rate * PIECE_S)
    for at in range(0, pcm.size, piece):
        mouth.hear(pcm[at : at + piece], min(at + piece, pcm.size) / rate)
    mouth.end(pcm.size / rate)
    acting, still = Acting(mouth, errors), errors.mouth == "still"
    for number in range(round(pcm.size / rate * errors.fps)):
        now = number / errors.fps
        yield Pose() if still else acting.pose(now, now)
