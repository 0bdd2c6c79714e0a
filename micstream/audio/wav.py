"""A RIFF/WAVE header read from a stream, byte by byte where it has to be.

Source: Microsoft's "Multiple Channel Audio Data and WAVE Files". Programs that write to a pipe
cannot know the length beforehand and put 0, 0xFFFFFFFF or something near 2 GiB there: all of these
mean "until the end".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from micstream.audio.format import AudioFormat
from micstream.audio.levels import to_int16
from micstream.errors import InputError

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_OPEN_ENDED: Final = 0x7FFF_0000
"""No program writes so much into a pipe: a length from here on stands for "not known"."""
TRIFLE_S: Final = 0.05
"""Bytes behind the sound that would last no longer are padding, or a tag."""
_CHUNK_LIMIT: Final = 1 << 24
"""A chunk behind the sound that is longer is none: a picture in it has a few MiB."""
_HEADER_LIMIT: Final = 1 << 20
"""A header longer than this is no header: what comes before `data` is bounded."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The format of what follows; `data_bytes` is None where the writer did not know it."""

    format: AudioFormat
    is_float: bool
    data_bytes: int | None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels, as they stand in the file."""
        return self.format.channels * (4 if self.is_float else 2)

    def to_pcm(self, data: bytes) -> bytes:
        """Whole samples as they stand in the file, to 16 bits."""
        if not self.is_float:
            return data
        return to_int16(np.frombuffer(data, dtype="<f4")).tobytes()


def is_open_ended(size: int) -> bool:
    """Whether a length in a header (bytes, 32 bits) means that its writer did not know it."""
    return size == 0 or size >= _OPEN_ENDED


def chunk_bytes(data: bytes, *, limit: int = _CHUNK_LIMIT) -> int | None:
    """Length of the RIFF chunk that begins here, header and pad byte included; None: none does.

    A chunk's name is four printable characters (Microsoft's "RIFF Tagged File Format"). `limit`:
    bytes that it may have.
    """
    if len(data) < 8 or not all(0x20 <= byte < 0x7F for byte in data[:4]):
        return None
    (size,) = struct.unpack_from("<I", data, 4)
    return None if size > limit else 8 + size + size % 2


def looks_like_wav(start: bytes) -> bool:
    """Whether the first bytes of a stream (four suffice) announce RIFF/WAVE."""
    return start[:4] == b"RIFF"


def parse_header(data: bytes) -> tuple[WavHeader, int] | None:
    """The header and where its samples begin; None while more bytes are needed.

    Raises:
        InputError: not WAVE, an encoding other than 16-bit PCM or 32-bit float, absurd values.
    """
    if len(data) < 12:
        return None
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise InputError("the header says RIFF but not WAVE", code="bad_wav")
    header: tuple[AudioFormat, bool] | None = None
    at = 12
    while len(data) >= at + 8:
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data":
            if header is None:
                raise InputError("the WAV has its data before its format", code="bad_wav")
            known = None if is_open_ended(size) else size
            return WavHeader(*header, data_bytes=known), at + 8
        if name == b"fmt ":
            if size < 16:
                raise InputError(f"the WAV's format chunk has {size} bytes, not 16", code="bad_wav")
            if len(data) < at + 8 + min(size, 40):
                return None
            header = _parse_format(data[at + 8 : at + 8 + size])
        at += 8 + size
        if size % 2 and not _begins_unpadded(data, at):
            at += 1
        if at > _HEADER_LIMIT:
            raise InputError("no samples within the WAV's first megabyte", code="bad_wav")
    return None


def _begins_unpadded(data: bytes, at: int) -> bool:
    """Whether the next chunk begins where an odd one ended: some programs leave the pad byte out.

    A pad byte is 0, and no chunk's name begins with that.
    """
    return data[at : at + 1] not in (b"", b"\0")


def _parse_format(chunk: bytes) -> tuple[AudioFormat, bool]:
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if (tag, bits) not in ((_PCM, 16), (_FLOAT, 32)):
        raise InputError(
            f"a WAV of encoding {tag} with {bits} bits; expected 16-bit PCM or 32-bit float",
            hint="convert it, for example: sox in.wav -b 16 -e signed-integer out.wav",
            code="bad_wav",
        )
    try:
        return AudioFormat(rate, channels), tag == _FLOAT
    except ValueError as error:
        raise InputError(f"the WAV announces {error}", code="bad_wav") from error
