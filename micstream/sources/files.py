"""Sound files: WAV, FLAC, MP3, OGG and whatever else libsndfile reads."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from micstream.audio.format import AudioFormat
from micstream.audio.levels import to_int16
from micstream.errors import InputError, reason_of
from micstream.sources.source import Block

Pace = Literal["realtime", "fast"]

_BLOCK_MS = 20
_HINT = "expected a sound file: WAV, FLAC, MP3 or OGG"


class FileSource:
    """Source of one file, block by block, as fast as it would be spoken or as fast as it is taken.

    Raises:
        InputError: at once, where the file is missing, holds no sound or is not understood.
    """

    pick = 0

    def __init__(self, path: Path, *, pace: Pace = "realtime") -> None:
        self.name = path.name
        self.warning = ""
        """Warning about the file, which is played all the same; empty: none."""
        self._path = path
        self._pace = pace
        with _opened(path) as file:
            if file.frames == 0:
                raise InputError(f"{path}: no sound in it", hint=_HINT, code="empty_file")
            try:
                self.format = AudioFormat(file.samplerate, file.channels)
            except ValueError as error:
                raise InputError(f"{path}: it has {error}", hint=_HINT, code="bad_file") from None
            self.duration_s = file.frames / file.samplerate
            self._promised = _promised_bytes(path) if file.format == "WAV" else None
            held = path.stat().st_size
            if self._promised is not None and self._promised > held:
                self.warning = (
                    f"{path.name}: its header promises {self._promised} bytes and {held} are "
                    f"there; played as far as it goes"
                )

    def read(self) -> Iterator[bytes]:
        """The whole file, in blocks of 20 ms."""
        with _opened(self._path) as file:
            size = self.format.samples(_BLOCK_MS)
            while True:
                try:
                    # As floats: libsndfile reads those of a float file unscaled into integers.
                    block: npt.NDArray[np.float32] = file.read(size, dtype="float32")
                except soundfile.LibsndfileError as error:
                    raise InputError(
                        f"{self._path}: {error.error_string}", hint=_HINT, code="bad_file"
                    ) from None
                if len(block) == 0:
                    return
                yield to_int16(block).tobytes()

    async def blocks(self) -> AsyncIterator[Block]:
        """The blocks, each at the time at which it would have been spoken."""
        begun, played = time.monotonic(), 0.0
        for pcm in self.read():
            played += self.format.seconds(len(pcm))
            if self._pace == "realtime":
                await asyncio.sleep(max(0.0, begun + played - time.monotonic()))
                yield Block(pcm, begun + played)
            else:
                yield Block(pcm, time.monotonic())
                await asyncio.sleep(0)


class _Stream(soundfile.SoundFile):  # type: ignore[misc] # it is untyped
    """Read from its beginning to its end, and never sought in.

    soundfile seeks after each read, and in an MP3 that is silence from there on: a frame of it
    lives on what was left over from those before.
    """

    def seekable(self) -> bool:
        return False


def _opened(path: Path) -> _Stream:
    if path.is_dir():
        raise InputError(f"{path}: a directory", hint=_HINT, code="bad_file")
    if path.suffix.lower() == ".raw":  # soundfile goes by the ending here, and asks for its format
        raise InputError(
            f"{path}: raw PCM does not tell its own rate",
            hint="pipe it: micstream pipe --rate 16000 < FILE",
            code="bad_file",
        )
    try:
        with path.open("rb"):
            pass
        return _Stream(file_name(path))
    except OSError as error:
        raise InputError(
            f"{path}: {reason_of(error)}",
            hint="check the name and its permissions",
            code="no_file",
        ) from None
    except soundfile.LibsndfileError as error:
        size = path.stat().st_size
        what = "it is empty" if size == 0 else error.error_string.strip().rstrip(".").lower()
        raise InputError(f"{path}: {what}", hint=_HINT, code="bad_file") from None


def file_name(path: Path) -> Path | bytes:
    """The name as soundfile takes every name: as a text it must be UTF-8, and not all are."""
    return path if os.name == "nt" else os.fsencode(path)


def _promised_bytes(path: Path) -> int | None:
    """The file size that a WAV's header announces, None where it does not know."""
    with path.open("rb") as file:
        head = file.read(8)
    size = int.from_bytes(head[4:8], "little")
    return None if size in (0, 0xFFFFFFFF) or head[:4] != b"RIFF" else size + 8
