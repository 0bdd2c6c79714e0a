"""Formats that a stream of bytes announces by its first bytes ("magic numbers"): is it PCM at all?

Text-to-speech services answer with MP3, Ogg or an error page as readily as with PCM, and as PCM
these are loud noise. Sources: RFC 3533 (Ogg), RFC 9639 (FLAC), ISO 11172-3 (MPEG audio's frame
header), ISO 13818-7 (ADTS), ISO 14496-12 (`ftyp`), EBU Tech 3306 (RF64), RFC 8794 (EBML).
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Final

_MAGIC: Final = (
    (0, b"ID3", "MP3"),
    (0, b"OggS", "Ogg (Vorbis or Opus)"),
    (0, b"fLaC", "FLAC"),
    (0, b"RF64", "RF64, a WAV for more than 4 GiB"),
    (0, b"BW64", "BW64, a WAV for more than 4 GiB"),
    (0, b"RIFX", "RIFX, a WAV in big endian"),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64"),
    (4, b"ftyp", "M4A or MP4"),
    (0, b"FORM", "AIFF"),
    (0, b"caff", "CAF"),
    (0, b".snd", "AU"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (0, b"#!AMR", "AMR"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "WMA"),
    (0, b"wvpk", "WavPack"),
    (0, b"MThd", "MIDI"),
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"PK\x03\x04", "ZIP"),
)
_MAGIC_BYTES: Final = 8
_HEADER_BYTES: Final = 7
"""Of an MPEG or ADTS frame, at the most."""
_TEXT_BYTES: Final = 32
"""So many bytes without one that is no letter are a text: JSON, an error message, base64. As PCM
they would be 16 samples far above zero, which no sound has."""
_TEXT_SIGNS: Final = 5
"""And no test signal: so many different ones."""

_BITRATES: Final = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG 1, layer III
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG 2 and 2.5
)
_RATES: Final = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}


def recognise(start: bytes) -> str | None:
    """The name of the format that `start` announces; None for what may be raw PCM, and for RIFF.

    MPEG audio and ADTS begin with no more than a dozen bits that PCM may begin with too: they are
    believed where a second frame follows the first.
    """
    for at, magic, name in _MAGIC:
        if start[at : at + len(magic)] == magic:
            return name
    if _frames_follow(start, _mpeg_frame_bytes):
        return "MP3"
    if _frames_follow(start, _adts_frame_bytes):
        return "AAC"
    return "text" if _is_text(start) else None


def needs_more(start: bytes) -> bool:
    """Whether more bytes may turn what `recognise` says of `start` from None to a name."""
    if recognise(start) is not None:
        return False
    if len(start) < _MAGIC_BYTES and any(
        len(start) <= at or magic.startswith(start[at:]) for at, magic, _ in _MAGIC
    ):
        return True
    if start[:1] == b"\xff" and len(start) < _HEADER_BYTES:
        return True
    frame = max(_mpeg_frame_bytes(start), _adts_frame_bytes(start))
    if frame:
        return len(start) < frame + _HEADER_BYTES
    return len(start) < _TEXT_BYTES and _may_be_text(start)


def _frames_follow(start: bytes, size_of: Callable[[bytes], int]) -> bool:
    size = size_of(start)
    return size > 0 and size_of(start[size:]) > 0


def _mpeg_frame_bytes(data: bytes) -> int:
    """Length of the layer III frame that begins here; 0 where none does."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return 0
    version, bitrate, rate = data[1] >> 3 & 3, data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return 0
    first = version == 3
    kbps = _BITRATES[0 if first else 1][bitrate]
    padding = data[2] >> 1 & 1
    return (144_000 if first else 72_000) * kbps // _RATES[version][rate] + padding


def _adts_frame_bytes(data: bytes) -> int:
    """Length of the ADTS frame that begins here; 0 where none does."""
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return 0
    if data[2] >> 2 & 0xF > 12:  # no such sampling frequency
        return 0
    size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    return size if size > 7 else 0


def _is_text(start: bytes) -> bool:
    return (
        len(start) >= _TEXT_BYTES
        and _may_be_text(start)
        and len(set(start[:_TEXT_BYTES])) >= _TEXT_SIGNS
    )


def _may_be_text(start: bytes) -> bool:
    begun = start[:_TEXT_BYTES].removeprefix(codecs.BOM_UTF8)
    return bool(begun) and all(byte in b"\t\r\n" or 0x20 <= byte < 0x7F for byte in begun)
