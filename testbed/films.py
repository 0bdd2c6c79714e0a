"""Films of pictures that talk, with lip-sync errors put in: as frames, as cells, as files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

from micstream.lab.cells import cells_of_luma
from micstream.lab.mouth import Seen
from testbed.mouths import Errors, Pcm, poses
from testbed.speech import MONOLOGUE, RATE, SENTENCES, samples
from testbed.talking_pictures import Bars, Drawn, Photo, Picture, placed

Frames = npt.NDArray[np.uint8]
Cells = npt.NDArray[np.float32]

_FACE: Final[Callable[[int], Picture]] = lambda width: Drawn(max(1, 1280 // width))  # noqa: E731
KINDS: Final[dict[str, tuple[Callable[[int], Picture], dict[str, float]]]] = {
    "face": (_FACE, {}),
    "small": (_FACE, {"scale": 0.5}),
    "off centre": (_FACE, {"scale": 0.7, "x": -0.2, "y": 0.1}),
    "moving": (_FACE, {"scale": 0.7, "moving": 0.1}),
    "bars": (Bars, {}),
    "photo": (Photo, {}),
    "photo, small": (Photo, {"scale": 0.5, "x": 0.15}),
}
"""Each by how it is made for a width, and what is put in for it."""


def said(seconds: float = 30.0, file: Path = SENTENCES) -> Pcm:
    """Speech of this length; it is said again where it is too short."""
    whole = samples(file)
    return np.resize(whole, round(seconds * RATE))


def other() -> Pcm:
    """What somebody else says."""
    return samples(MONOLOGUE)


def drawn(
    kind: str,
    pcm: Pcm,
    errors: Errors = Errors(),  # noqa: B008 - frozen
    *,
    width: int = 320,
    size: tuple[int, int] | None = None,
) -> Iterator[Frames]:
    """Frames of a film in which this is said, `errors.fps` a second: rows by columns.

    Args:
        kind: one of `KINDS`.
        width: at which it is drawn: 320, 640, 1280.
        size: to which it is brought; None: as drawn.
    """
    make, more = KINDS[kind]
    put_in = replace(errors, **more)  # type: ignore[arg-type] # numbers all of them
    picture, size = make(width), size or (width, width * 9 // 16)
    first: Frames | None = None
    for number, pose in enumerate(poses(pcm, RATE, put_in, other())):
        now = number / put_in.fps
        if first is None or put_in.mouth != "still":
            first = placed(picture.draw(pose, now), size, put_in, now)
        yield first


def cells_of(frames: Frames) -> Cells:
    """Cells of the frames, as `reading` makes them of a film's."""
    return np.stack([cells_of_luma(each) for each in frames])


def seen_of(frames: Iterable[Frames], *, fps: float, late_s: float = 0.0) -> Seen:
    """What is seen of these frames, so much later than drawn; they are not kept."""
    cells = np.concatenate([cells_of(each[None]) for each in frames])
    return Seen(np.arange(len(cells)) / fps + late_s, cells)


def later(seen: Seen, late_ms: float) -> Seen:
    """The same so much later: as if it were late on its way."""
    return Seen(seen.times + late_ms / 1000, seen.cells)


def dropped(seen: Seen, share: float, seed: int = 1) -> Seen:
    """The same without this share of its frames."""
    left = np.random.default_rng(seed).random(seen.times.size) >= share
    return Seen(seen.times[left], seen.cells[left])


def squeezed(frames: Iterable[Frames], *, fps: int, kbit: int) -> Iterator[Frames]:
    """The same after H.264 at this bit rate, as a call has it."""
    stored = io.BytesIO()
    with av.open(stored, "w", format="matroska") as film:
        stream: Any = None
        for each in frames:
            if stream is None:
                stream = film.add_stream("libx264", rate=fps, bit_rate=1000 * kbit)
                stream.height, stream.width = each.shape
                stream.pix_fmt = "yuv420p"
                stream.options = {"preset": "veryfast", "tune": "zerolatency"}
            film.mux(stream.encode(_frame(each)))
        film.mux(stream.encode())
    stored.seek(0)
    with av.open(stored, "r") as film:
        for frame in film.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8)


def write_film(
    file: Path,
    frames: Sequence[Frames] | Frames | Iterator[Frames],
    pcm: Pcm | None,
    *,
    late_s: float = 0.0,
    fps: float = 25,
) -> Path:
    """A film of them, H.264 and AAC; `pcm` None: without sound."""
    clock = Fraction(1, 1000)
    with av.open(str(file), "w") as film:
        picture: Any = film.add_stream("libx264", rate=round(fps))
        picture.pix_fmt = "yuv420p"
        picture.codec_context.time_base = clock
        sound = film.add_stream("aac", rate=RATE) if pcm is not None else None
        for number, each in enumerate(frames):
            if not number:
                picture.height, picture.width = each.shape
            frame = _frame(each)
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


def _frame(luma: Frames) -> av.VideoFrame:
    grey = av.VideoFrame.from_ndarray(np.ascontiguousarray(luma), format="gray")
    return grey.reformat(format="yuv420p")
