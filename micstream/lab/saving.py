"""Keep an avatar's tracks as a viewer got them: an MKV that `lipsync measure` measures again.

Pictures are encoded as they come, in a thread: one that is too slow loses pictures, which is
counted, and holds up nothing. The sound is put in at the end, when it is known on the pictures'
clock.
"""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from micstream.errors import UsageError
from micstream.lab.run_file import unwritable
from micstream.lab.take import RATE, Take
from micstream.viewer.picture import PictureFrame

_WAITING: Final = 24
"""Pictures that wait to be encoded: a second, 33 MB at 1280 by 720."""
_AHEAD_S: Final = 3.0
"""The sound may begin so much before the first picture."""
_TICKS: Final = 1_000
_BLOCK: Final = 1_024
_ENDS_S: Final = 30.0


class Film:
    """Film of a run; a sink of pictures until it is `finish`ed.

    Raises:
        UsageError: PyAV is missing.
        InputError: the file cannot be written.
    """

    def __init__(self, file: Path) -> None:
        try:
            import av
        except ImportError:
            raise UsageError(
                "keeping a film needs PyAV, which is not installed",
                hint="pip install 'micstream[lab]'",
                code="no_pyav",
            ) from None
        self._file = file
        try:
            self._container: Any = av.open(str(file), "w", format="matroska")
        except OSError as error:
            raise unwritable(file, error) from None
        self.lost = 0
        """Pictures that came too fast to be encoded."""
        self._first_due: float | None = None
        self._size = (0, 0)
        self._stream: Any = None
        self._sound: Any = None
        self._failed: Exception | None = None
        self._queue: queue.Queue[PictureFrame | None] = queue.Queue(_WAITING)
        self._worker = threading.Thread(target=self._work, name="film", daemon=True)
        self._worker.start()

    def push(self, frame: PictureFrame) -> None:
        """Take the next picture."""
        try:
            self._queue.put_nowait(frame)
        except queue.Full:
            self.lost += 1

    def end(self, error: Exception | None) -> None:
        """Nothing comes any more."""

    def finish(self, take: Take) -> None:
        """Put the sound in, and close the file.

        Raises:
            InputError: it could not be written.
        """
        self._queue.put(None)
        self._worker.join(_ENDS_S)
        try:
            if self._failed is None and self._stream is not None:
                self._container.mux(self._stream.encode())
                self._write_sound(take)
            self._container.close()
        except OSError as error:
            raise unwritable(self._file, error) from None
        if self._failed is not None:
            raise unwritable(self._file, self._failed)

    # ---- its thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        while (frame := self._queue.get()) is not None:
            if self._failed is None:
                try:
                    self._encode(frame)
                except Exception as error:
                    self._failed = error

    def _encode(self, frame: PictureFrame) -> None:
        import av

        picture = av.VideoFrame.from_ndarray(_even(frame), format="yuv420p")
        size = (picture.width, picture.height)
        if self._stream is None:
            self._first_due, self._size = frame.timestamp_us / 1e6, size
            self._stream = self._container.add_stream("libx264", rate=30)
            self._stream.width, self._stream.height = size
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"preset": "ultrafast", "crf": "20"}
            self._stream.codec_context.time_base = Fraction(1, _TICKS)
            # Both streams have to be known before anything is written.
            self._sound = self._container.add_stream("flac", rate=RATE)
            self._sound.layout = "mono"
        if size != self._size:  # simulcast: another layer of it
            picture = picture.reformat(*self._size)
        assert self._first_due is not None
        at = frame.timestamp_us / 1e6 - self._first_due + _AHEAD_S
        picture.pts, picture.time_base = round(at * _TICKS), Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(picture))

    def _write_sound(self, take: Take) -> None:
        import av

        number = int(np.searchsorted(take.pictures.due, (self._first_due or 0.0) - 1e-4))
        if number >= take.pictures.due.size:
            return
        # The film's first picture on the run's clock; the first sample is at 0 there.
        begin = round((_AHEAD_S - float(take.seen().times[number])) * RATE)
        pcm = take.heard[max(0, -begin) :]
        begin = max(0, begin)
        for at in range(0, pcm.size, _BLOCK):
            piece = np.ascontiguousarray(pcm[None, at : at + _BLOCK])
            block = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            block.rate, block.pts, block.time_base = RATE, begin + at, Fraction(1, RATE)
            self._container.mux(self._sound.encode(block))
        self._container.mux(self._sound.encode())


def _even(frame: PictureFrame) -> npt.NDArray[np.uint8]:
    """The picture's planes one under the other, as PyAV takes I420; no odd row, no odd column."""
    wide, high = frame.width // 2, frame.height // 2
    luma = frame.width * frame.height
    odd_wide, odd_high = -(-frame.width // 2), -(-frame.height // 2)
    whole = np.frombuffer(frame.i420, np.uint8)
    halves = whole[luma : luma + 2 * odd_wide * odd_high].reshape(2, odd_high, odd_wide)
    parts = (
        whole[:luma].reshape(frame.height, frame.width)[: 2 * high, : 2 * wide],
        halves[:, :high, :wide],
    )
    flat = np.concatenate([part.reshape(-1) for part in parts])
    return flat.reshape(3 * high, 2 * wide)
