"""Sound files: WAV, FLAC, MP3, OGG and whatever else libsndfile reads."""

from __future__ import annotations

import asyncio
import itertools
import os
import shlex
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import soundfile

from micstream.audio.channels import ChannelBalance
from micstream.audio.format import AudioFormat
from micstream.audio.levels import to_int16
from micstream.audio.wav import (
    TRIFLE_S,
    WavHeader,
    chunk_bytes,
    describes,
    looks_like_wav,
    parse_header,
    wav_within,
)
from micstream.errors import InputError, reason_of
from micstream.sources.source import Block

Pace = Literal["realtime", "fast"]

_BLOCK_MS: Final = 20
_JUDGED_S: Final = 600
"""So much of a file of several channels is looked at before it is mixed: a voice may come late."""
_HEAD_BYTES: Final = 1 << 16
"""In so many bytes of a WAV its sound begins; with a longer header libsndfile reads it."""
_CHUNK_HEAD_BYTES: Final = 8
_SCAN_BYTES: Final = 1 << 20
_HINT = "expected a sound file: WAV, FLAC, MP3 or OGG"


class FileSource:
    """Source of one file, block by block, as fast as it would be spoken or as fast as it is taken.

    `channel`: the one to use, from 1; 0 mixes them, unless they would cancel each other.

    Raises:
        InputError: at once, where the file is missing, holds no sound or is not understood.
    """

    def __init__(self, path: Path, *, pace: Pace = "realtime", channel: int = 0) -> None:
        self.name = path.name
        self.warning = ""
        """What is wrong with the file and does not keep it from being played."""
        self._path = path
        self._pace = pace
        _refuse_unseekable(path)
        self._reader: _PlainWav | _Decoded = _PlainWav.of(path) or _Decoded(path)
        if self._reader.frames == 0:
            raise InputError(f"{path}: no sound in it", hint=_HINT, code="empty_file")
        self.format = self._reader.format
        self.duration_s = self._reader.frames / self.format.rate
        if channel > self.format.channels:
            raise InputError(
                f"{path}: it has {self.format.channels} channel(s), --channel says {channel}",
                hint="0 mixes them all",
                code="no_channel",
            )
        self.pick = channel or self._uncancelled()
        warnings = [self._reader.warning]
        if self.pick != channel:
            warnings.append(
                f"its channels cancel each other when mixed (one is another upside down): "
                f"channel {self.pick}, the loudest, is used; --channel chooses"
            )
        self.warning = "; ".join(f"{self.name}: {words}" for words in warnings if words)

    def read(self) -> Iterator[bytes]:
        """The whole file as 16-bit PCM, in blocks of 20 ms."""
        return self._reader.read(self.format.samples(_BLOCK_MS))

    def _uncancelled(self) -> int:
        if self.format.channels == 1:
            return 0
        balance = ChannelBalance(self.format.channels)
        size = self.format.rate  # blocks of a second
        for block in itertools.islice(self._reader.read(size), _JUDGED_S):
            balance.push(block)
        return balance.channel_to_take()

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


def _refuse_unseekable(path: Path) -> None:
    """Raises InputError for pipes and devices: whoever opens a FIFO may wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # told where it is opened
    if path.is_dir():
        raise InputError(f"{path}: a directory", hint=_HINT, code="bad_file")
    if not stat.S_ISREG(mode):
        pipe = stat.S_ISFIFO(mode)
        raise InputError(
            f"{path}: {'a pipe' if pipe else 'a device, not a file'}; "
            "a file can be read from its beginning, and more than once",
            hint=_through_pipe(path) if pipe else _HINT,
            code="not_a_file",
        )


def _through_pipe(path: Path, options: str = "") -> str:
    """How `micstream pipe` would read it: a name that only this process knows is of no use."""
    command = f"micstream pipe{options}"
    if path.absolute().parts[1:2] in (("dev",), ("proc",)):
        return f"put what writes it before micstream: ... | {command}"
    name = shlex.quote(str(path))
    return f"pipe it: {command} < {name}"


class _PlainWav:
    """A WAV of 16-bit PCM or 32-bit floats, read as standard input's are.

    libsndfile takes a length of 0 at its word, and gives up where a pad byte is missing.
    """

    def __init__(self, path: Path, header: WavHeader, start: int, size: int) -> None:
        self.format = header.format
        self.warning = ""
        self._path, self._header, self._start = path, header, start
        behind = size - start
        promised = self._counted(behind) if header.data_bytes is None else header.data_bytes
        self.frames = min(behind, promised) // header.frame_bytes
        if promised > behind:
            self.warning = (
                f"its header promises {start + promised} bytes and {size} are there; "
                "played as far as it goes"
            )
        elif promised < behind:
            self.warning = self._told_behind(start + promised, size)

    @classmethod
    def of(cls, path: Path) -> _PlainWav | None:
        """Where it is such a file; None leaves it, or what is wrong with it, to libsndfile."""
        try:
            with path.open("rb") as file:
                start = file.read(_HEAD_BYTES)
            size = path.stat().st_size
            parsed = parse_header(start) if looks_like_wav(start) else None
            return None if parsed is None else cls(path, parsed[0], parsed[1], size)
        except (OSError, InputError):
            return None

    def read(self, frames: int) -> Iterator[bytes]:
        """16-bit PCM, so many frames a block."""
        left = self.frames
        try:
            with self._path.open("rb") as file:
                file.seek(self._start)
                while left:
                    data = file.read(min(frames, left) * self._header.frame_bytes)
                    whole = len(data) // self._header.frame_bytes
                    if whole == 0:
                        return
                    left -= whole
                    yield self._header.to_pcm(data[: whole * self._header.frame_bytes])
        except OSError as error:
            raise _unreadable(self._path, error) from None

    def _counted(self, behind: int) -> int:
        """Bytes of sound where the header does not know: until the end, or until another WAV."""
        with self._path.open("rb") as file:
            file.seek(self._start)
            data = file.read(_SCAN_BYTES)
            if self._header.says_none and describes(data):
                return 0
            count = 0
            while data:
                at, begins = wav_within(data)
                if begins:
                    return count + at
                more = file.read(_SCAN_BYTES)
                if not more:
                    break
                count += at
                data = data[at:] + more
        return behind

    def _told_behind(self, at: int, size: int) -> str:
        """What stands behind the announced sound, where it is no chunk of RIFF's own."""
        another = False
        with self._path.open("rb") as file:
            while size - at >= _CHUNK_HEAD_BYTES and not another:
                file.seek(at)
                head = file.read(_CHUNK_HEAD_BYTES + 1)
                if looks_like_wav(head):
                    another = True
                elif head[:1] == b"\0" and at % 2:  # the pad byte of an odd chunk
                    at += 1
                elif (length := chunk_bytes(head, limit=size - at)) is not None:
                    at += length
                else:
                    break
        bytes_s = self._header.frame_bytes * self.format.rate
        if size - at < TRIFLE_S * bytes_s:
            return ""
        what = f"{size - at} more bytes, {(size - at) / bytes_s:.1f} s as sound: not played"
        if another:
            pipe = _through_pipe(self._path)
            return f"behind its sound another WAV begins, {what}; to play both, {pipe}"
        return f"behind the sound that its header announces stand {what}"


class _Decoded:
    """Whatever else libsndfile reads."""

    warning = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _opened(path) as file:
            self.frames = file.frames
            try:
                self.format = AudioFormat(file.samplerate, file.channels)
            except ValueError as error:
                raise InputError(f"{path}: it has {error}", hint=_HINT, code="bad_file") from None

    def read(self, frames: int) -> Iterator[bytes]:
        """16-bit PCM, so many frames a block."""
        with _opened(self._path) as file:
            while True:
                try:
                    # As floats: libsndfile reads those of a float file unscaled into integers.
                    block: npt.NDArray[np.float32] = file.read(frames, dtype="float32")
                except soundfile.LibsndfileError as error:
                    raise InputError(
                        f"{self._path}: {error.error_string}", hint=_HINT, code="bad_file"
                    ) from None
                if len(block) == 0:
                    return
                yield to_int16(block).tobytes()


class _Stream(soundfile.SoundFile):  # type: ignore[misc] # it is untyped
    """Read from its beginning to its end, and never sought in.

    soundfile seeks after each read, and in an MP3 that is silence from there on: a frame of it
    lives on what was left over from those before.
    """

    def seekable(self) -> bool:
        return False


def _opened(path: Path) -> _Stream:
    if path.suffix.lower() == ".raw":  # soundfile goes by the ending here, and asks for its format
        raise InputError(
            f"{path}: raw PCM does not tell its own rate",
            hint=_through_pipe(path, " --rate 16000"),
            code="raw_file",
        )
    try:
        with path.open("rb"):
            pass
        return _Stream(file_name(path))
    except OSError as error:
        raise _unreadable(path, error) from None
    except soundfile.LibsndfileError as error:
        size = path.stat().st_size
        what = "it is empty" if size == 0 else error.error_string.strip().rstrip(".").lower()
        raise InputError(f"{path}: {what}", hint=_HINT, code="bad_file") from None


def file_name(path: Path) -> Path | bytes:
    """The name as soundfile takes every name: as a text it must be UTF-8, and not all are."""
    return path if os.name == "nt" else os.fsencode(path)


def _unreadable(path: Path, error: OSError) -> InputError:
    hint = "check the name and its permissions"
    if str(path) == "-":
        hint = "for what comes on standard input: ... | micstream pipe"
    return InputError(f"{path}: {reason_of(error)}", hint=hint, code="no_file")
