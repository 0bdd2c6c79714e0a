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
_BEGINS_BYTES: Final = 12
"""`RIFF`, a length, `WAVE`."""
_DESCRIPTIONS: Final = tuple(
    b"LIST id3 ID3 fact bext cue JUNK junk PEAK smpl inst afsp iXML axml cart PAD FLLR".split()
)
"""Chunks that describe a sound, before or behind it."""
_ENCODINGS: Final = {_PCM: "PCM", 2: "ADPCM", _FLOAT: "floats", 6: "A-law", 7: "mu-law", 85: "MP3"}
_CONVERT: Final = "convert it: ... | ffmpeg -i - -f s16le -ar 16000 -ac 1 - | micstream pipe"


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The format of what follows; `data_bytes` is None where the writer did not know it."""

    format: AudioFormat
    is_float: bool
    data_bytes: int | None
    says_none: bool = False
    """Its length is given as 0: it has no sound, or its writer did not know how much."""

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


def describes(start: bytes) -> bool:
    """Whether a chunk that describes the sound begins here, and not the sound."""
    return start[:4].rstrip(b" ") in _DESCRIPTIONS


def wav_within(data: bytes, *, complete: bool = False) -> tuple[int, bool]:
    """How many bytes come before the next WAV's beginning, and whether one begins there.

    Unless `data` is `complete`, its last bytes may be such a beginning, and do not count. Sound
    has these eight bytes in these places once in 10^19 samples.
    """
    at = data.find(b"R")
    while at >= 0:
        start = data[at : at + _BEGINS_BYTES]
        if b"RIFF".startswith(start[:4]) and b"WAVE".startswith(start[8:]):
            if len(start) == _BEGINS_BYTES:
                return at, True
            if not complete:
                return at, False
        at = data.find(b"R", at + 1)
    return len(data), False


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
        raise _bad("the header says RIFF but not WAVE")
    header: tuple[AudioFormat, bool] | None = None
    at = 12
    while len(data) >= at + 8:
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data":
            if header is None:
                raise _bad("the WAV has its data before its format")
            known = None if is_open_ended(size) else size
            return WavHeader(*header, data_bytes=known, says_none=size == 0), at + 8
        if name == b"fmt ":
            if size < 16:
                raise _bad(f"the WAV's format chunk has {size} bytes, not 16")
            if len(data) < at + 8 + min(size, 40):
                return None
            header = _parse_format(data[at + 8 : at + 8 + size])
        at += 8 + size
        if size % 2 and not _begins_unpadded(data, at):
            at += 1
        if at > _HEADER_LIMIT:
            raise _bad("no samples within the WAV's first megabyte")
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
        raise _bad(
            f"a WAV of {_ENCODINGS.get(tag, f'encoding {tag}')} with {bits} bits; "
            "expected 16-bit PCM or 32-bit float"
        )
    try:
        return AudioFormat(rate, channels), tag == _FLOAT
    except ValueError as error:
        raise _bad(f"the WAV announces {error}") from error


def _bad(message: str) -> InputError:
    return InputError(message, hint=_CONVERT, code="bad_wav")
