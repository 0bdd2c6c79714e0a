"""Read a video file with sound for the lab: small pictures with their times, and the sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from micstream.errors import InputError, UsageError, reason_of
from micstream.lab.cells import CELLS, PIXELS
from micstream.lab.mouth import Seen

RATE: Final = 16_000
_LONGEST_S: Final = 1_800.0
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Film:
    """A file's picture and sound, both on the clock of its sound."""

    seen: Seen
    pcm: npt.NDArray[np.int16]
    """16 kHz, mono; its first sample is at 0 s."""


def read(file: Path, progress: Progress = lambda _: None) -> Film:
    """Read all of a film, half an hour at most; `progress` gets shares of it.

    Raises:
        InputError: it cannot be read, or has no picture or no sound.
        UsageError: PyAV is missing.
    """
    try:
        import av
    except ImportError:
        raise UsageError(
            "reading films needs PyAV, which is not installed",
            hint="pip install 'micstream[lab]'",
            code="no_pyav",
        ) from None
    try:
        with av.open(str(file)) as container:
            return _read(container, file, progress)
    except (av.FFmpegError, OSError) as error:
        raise InputError(
            f"{file} cannot be read: {_why(error)}",
            hint="expected a video file with sound: MP4, WebM, MKV, MOV",
            code="unreadable",
        ) from None


def _read(container: Any, file: Path, progress: Progress) -> Film:
    import av

    for kind, streams in (("picture", container.streams.video), ("sound", container.streams.audio)):
        if not streams:
            raise InputError(
                f"{file} has no {kind}",
                hint="expected a video file with sound, such as an avatar's recording",
                code=f"no_{kind}",
            )
    picture, sound = container.streams.video[0], container.streams.audio[0]
    picture.thread_type = "AUTO"
    whole_s = float(container.duration or 0) / av.time_base
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    times: list[float] = []
    cells: list[npt.NDArray[np.float32]] = []
    pieces: list[npt.NDArray[np.int16]] = []
    began: float | None = None
    for frame in container.decode(picture, sound):
        at = frame.time
        if at is None:
            continue
        if at > _LONGEST_S:
            raise InputError(
                f"{file} is longer than {_LONGEST_S / 60:.0f} minutes",
                hint="cut it: half an hour tells all that a day does",
                code="too_long",
            )
        if isinstance(frame, av.AudioFrame):
            began = at if began is None else began
            pieces += _samples(resampler.resample(frame))
        else:
            times.append(at)
            cells.append(cells_of(frame))
            if whole_s > 0:
                progress(min(1.0, at / whole_s))
    pieces += _samples(resampler.resample(None))
    shown = np.array(times) - (began or 0.0)
    order = np.argsort(shown, kind="stable")
    there = np.array(cells, dtype=np.float32) if cells else np.zeros((0, 1, 1), np.float32)
    pcm = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    if not np.array_equal(order, np.arange(order.size)):  # else it would be a copy for nothing
        shown, there = shown[order], there[order]
    return Film(Seen(shown, there), pcm)


def _samples(frames: list[Any]) -> list[npt.NDArray[np.int16]]:
    return [np.asarray(each.to_ndarray().reshape(-1), dtype=np.int16) for each in frames]


def cells_of(frame: Any) -> npt.NDArray[np.float32]:
    """Mean brightness of each cell of a frame of PyAV's."""
    longer = max(frame.width, frame.height)
    columns = max(1, round(CELLS * frame.width / longer))
    rows = max(1, round(CELLS * frame.height / longer))
    grey = frame.reformat(
        width=columns * PIXELS, height=rows * PIXELS, format="gray", interpolation="AREA"
    ).to_ndarray()
    shaped = grey.reshape(rows, PIXELS, columns, PIXELS)
    return np.asarray(shaped.mean((1, 3)), dtype=np.float32)


def _why(error: Exception) -> str:
    said = str(getattr(error, "strerror", "") or error)
    return reason_of(error) if isinstance(error, OSError) and error.errno else said
