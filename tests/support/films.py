"""Films of a face that says something, drawn here: with offsets, drifts and faults put in."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from micstream.demo.face import Face, character
from micstream.demo.lips import PIECE_S, SHUT, Lips
from micstream.demo.motion import Mood, Performer
from micstream.lab.lipsync import Seen
from micstream.lab.reading import CELLS
from testbed.speech import RATE, SENTENCES, samples

FPS = 25
LENGTH_S = 30.0
Frames = npt.NDArray[np.uint8]


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


def cells_of(frames: Frames) -> npt.NDArray[np.float32]:
    """Cells of the frames, as `reading` makes them of a film's."""
    count, height, width = frames.shape
    side = max(1, width // CELLS)
    rows, columns = height // side, width // side
    shaped = frames[:, : rows * side, : columns * side].reshape(count, rows, side, columns, side)
    return np.asarray(shaped.mean((2, 4)), dtype=np.float32)


def seen(frames: Frames, *, late_s: float = 0.0, fps: float = FPS) -> Seen:
    """What is seen of these frames, so much later than drawn."""
    return Seen(np.arange(len(frames)) / fps + late_s, cells_of(frames))


def write_film(
    file: Path,
    frames: Sequence[Frames] | Frames,
    pcm: npt.NDArray[np.int16] | None,
    *,
    late_s: float = 0.0,
    fps: float = FPS,
) -> Path:
    """A film of them, H.264 and AAC; `pcm` None: without sound."""
    clock = Fraction(1, 1000)
    with av.open(str(file), "w") as film:
        picture = film.add_stream("libx264", rate=round(fps))
        picture.height, picture.width = frames[0].shape
        picture.pix_fmt = "yuv420p"
        picture.codec_context.time_base = clock
        sound = film.add_stream("aac", rate=RATE) if pcm is not None else None
        for number, each in enumerate(frames):
            grey = av.VideoFrame.from_ndarray(np.ascontiguousarray(each), format="gray")
            frame = grey.reformat(format="yuv420p")
            frame.pts, frame.time_base = round(1000 * (1 + late_s + number / fps)), clock
            film.mux(picture.encode(frame))
        film.mux(picture.encode())
        if sound is not None and pcm is not None:
            for at in range(0, pcm.size, 1024):
                piece = np.ascontiguousarray(pcm[None, at : at + 1024])
                block = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
                block.rate, block.pts, block.time_base = RATE, at + RATE, Fraction(1, RATE)
                film.mux(sound.encode(block))
            film.mux(sound.encode())
    return file
