"""Files of a record or a log while they are written: for their owner alone, without a buffer."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from micstream.record.format import wav_header

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)


class Appended:
    """A file that grows: what `write` has returned from outlives the program.

    Raises:
        OSError: it cannot be opened or written; of what is written then, the rest is missing.
    """

    def __init__(self, path: Path, *, fresh: bool = True) -> None:
        self._file = os.open(path, (_NEW if fresh else _APPEND) | _NO_LINK, 0o600)
        self._dirty = False

    @property
    def stat(self) -> os.stat_result:
        """What the system knows of it."""
        return os.fstat(self._file)

    def write(self, data: bytes) -> None:
        """Write all of it."""
        self._dirty = True
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def sync(self) -> None:
        """Have it on the disk, so that it outlives a loss of power too."""
        if self._dirty:
            os.fsync(self._file)
            self._dirty = False

    def close(self) -> None:
        """Close it; again does nothing."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def rewrite(self, data: bytes) -> None:
        """Write over its beginning."""
        os.lseek(self._file, 0, os.SEEK_SET)
        self.write(data)


class WavFile:
    """A WAV that grows: mono 16-bit PCM, with a header that is true once it is closed.

    Raises:
        OSError: as `Appended`.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self._file = Appended(path)
        self._rate = rate
        self._bytes = 0
        self._file.write(wav_header(rate))

    @property
    def samples(self) -> int:
        """Samples that it holds."""
        return self._bytes // 2

    def append(self, pcm: bytes) -> None:
        """Add sound."""
        self._file.write(pcm)
        self._bytes += len(pcm)

    def sync(self) -> None:
        """Have it on the disk."""
        self._file.sync()

    def close(self) -> None:
        """Complete its header; one that cannot be written any more is left as it is."""
        try:
            with contextlib.suppress(OSError):
                self._file.rewrite(wav_header(self._rate, self._bytes))
                self._file.sync()
        finally:
            self._file.close()
