"""Films of a face that says something, drawn here: with offsets, drifts and faults put in."""

from __future__ import annotations

from collections import deque
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from micstream.demo.face import Face, character
from micstream.demo.lips import PIECE_S, SHUT, Lips
from micstream.demo.motion import Mood, Performer
from micstream.lab.mouth import Seen
from testbed.films import Frames, cells_of, drawn, said, seen_of, squeezed, write_film
from testbed.mouths import Errors
from testbed.speech import RATE, SENTENCES, samples

__all__ = ["FPS", "Frames", "cells_of", "face", "seen", "seen_of", "speech", "talk", "write_film"]

FPS = 25
LENGTH_S = 30.0
PLAIN = Errors()


@cache
def speech() -> npt.NDArray[np.int16]:
    """What is said."""
    return samples(SENTENCES)[: round(LENGTH_S * RATE)]


@cache
def face(*, speaks: bool = True, seed: str = "film", tail_s: float = 0.0) -> Frames:
    """The demo's face saying it, 320 by 180; or silent, and as lively.

    `tail_s`: where it should be silent it goes on as it did so long before.
    """
    pcm, lips, performer = speech(), Lips(RATE), Performer(seed)
    piece = round(PIECE_S * RATE)
    drawn, frames = Face(character("avatar-demo")), []
    pose = performer.at(0.0, SHUT, Mood.SPEAKING)
    steps, held = 0, deque([SHUT], maxlen=1 + round(tail_s / PIECE_S))
    for number in range(round(pcm.size / RATE * FPS)):
        while steps * PIECE_S <= number / FPS:
            held.append(lips.hear(pcm[steps * piece : (steps + 1) * piece]))
            shape = held[-1] if held[-1].openness > 0.02 else held[0]
            shape = shape if speaks else SHUT
            pose = performer.at(steps * PIECE_S, shape, Mood.SPEAKING)
            steps += 1
        frames.append(drawn.draw(pose).planes[0][::4, ::4].copy())
    return np.array(frames)


def seen(frames: Frames, *, late_s: float = 0.0, fps: float = FPS) -> Seen:
    """What is seen of these frames, so much later than drawn."""
    return Seen(np.arange(len(frames)) / fps + late_s, cells_of(frames))


@lru_cache(maxsize=8)
def talk(
    kind: str, errors: Errors = PLAIN, *, seconds: float = LENGTH_S, kbit: int | None = None
) -> Seen:
    """What is seen of a picture of `testbed.films.KINDS` that speaks; `kbit`: after H.264."""
    frames = drawn(kind, said(seconds), errors)
    if kbit is not None:
        frames = squeezed(frames, fps=errors.fps, kbit=kbit)
    return seen_of(frames, fps=errors.fps)


def shifted(seen: Seen, seconds: float) -> Seen:
    """The same mouth at another time of what is said: it begins there, and goes on from its start.

    A mouth that does not belong to the sound stays one.
    """
    return Seen(seen.times, np.roll(seen.cells, round(seconds * FPS), axis=0))
