"""WAV headers as programs write them into pipes, and as nobody should."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.format import AudioFormat
from micstream.audio.wav import WavHeader, looks_like_wav, parse_header
from micstream.errors import InputError


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def fmt(tag: int, rate: int, channels: int, bits: int, more: bytes = b"") -> bytes:
    frame = channels * bits // 8
    numbers = (tag, channels, rate, rate * frame & 0xFFFFFFFF, frame & 0xFFFF, bits)
    return chunk(b"fmt ", struct.pack("<HHIIHH", *numbers) + more)


def extensible(tag: int, bits: int) -> bytes:
    """What follows the plain format: size, valid bits, channel mask, GUID."""
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    return struct.pack("<HHI", 22, bits, 0) + guid


def wav(*chunks: bytes, size: int = 0xFFFFFFFF, data: int = 0xFFFFFFFF) -> bytes:
    start = b"RIFF" + struct.pack("<I", size) + b"WAVE"
    return start + b"".join(chunks) + b"data" + struct.pack("<I", data)


PLAIN = fmt(1, 16_000, 1, 16)


def test_plain_pcm() -> None:
    data = wav(PLAIN, data=32_000)
    expected = WavHeader(AudioFormat(16_000, 1), is_float=False, data_bytes=32_000)
    assert parse_header(data + b"sound") == (expected, len(data))


@pytest.mark.parametrize("length", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_its_writer_did_not_know(length: int) -> None:
    parsed = parse_header(wav(PLAIN, size=length, data=length))
    assert parsed is not None
    assert parsed[0].data_bytes is None


@pytest.mark.parametrize("padded", [True, False])
def test_an_odd_chunk_with_and_without_its_pad_byte(padded: bool) -> None:
    odd = b"LIST\3\0\0\0abc" + b"\0" * padded
    data = wav(PLAIN, odd, data=32_000)
    parsed = parse_header(data)
    assert parsed == (
        WavHeader(AudioFormat(16_000, 1), is_float=False, data_bytes=32_000),
        len(data),
    )
    assert all(parse_header(data[:length]) is None for length in range(len(data)))


@pytest.mark.parametrize("length", [0x7FFF0000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB])
def test_other_spellings_of_a_length_that_is_not_known(length: int) -> None:
    """By sox, arecord, espeak, ffmpeg."""
    parsed = parse_header(wav(PLAIN, size=length, data=length))
    assert parsed is not None
    assert parsed[0].data_bytes is None


@pytest.mark.parametrize(("tag", "bits", "is_float"), [(1, 16, False), (3, 32, True)])
def test_extensible_formats_say_what_they_are_further_on(
    tag: int, bits: int, is_float: bool
) -> None:
    parsed = parse_header(wav(fmt(0xFFFE, 48_000, 2, bits, extensible(tag, bits))))
    assert parsed is not None
    assert parsed[0].format == AudioFormat(48_000, 2)
    assert parsed[0].is_float is is_float
    assert parsed[0].frame_bytes == 2 * bits // 8


@pytest.mark.parametrize(
    ("tag", "bits"), [(1, 8), (1, 24), (1, 32), (3, 64), (6, 8), (7, 8), (2, 4), (0x55, 0)]
)
def test_other_encodings_are_refused_with_a_way_out(tag: int, bits: int) -> None:
    with pytest.raises(InputError, match=f" with {bits} bits") as caught:
        parse_header(wav(fmt(tag, 16_000, 1, bits)))
    assert "ffmpeg" in caught.value.hint


@pytest.mark.parametrize(
    ("rate", "channels", "words"),
    [
        (0, 1, "a sample rate of 0 Hz"),
        (0xFFFFFFFF, 1, "a sample rate of 4294967295 Hz"),
        (16_000, 0, "0 channels"),
        (16_000, 65, "65 channels"),
    ],
)
def test_absurd_headers_are_refused(rate: int, channels: int, words: str) -> None:
    with pytest.raises(InputError, match=f"the WAV announces {words}"):
        parse_header(wav(fmt(1, rate, channels, 16)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"RIFF\0\0\0\0AVI LIST", "RIFF but not WAVE"),
        (wav(), "data before its format"),
        (wav(chunk(b"fmt ", bytes(14))), "14 bytes, not 16"),
        (wav(PLAIN)[:-8] + b"LIST" + struct.pack("<I", 1 << 30), "first megabyte"),
    ],
)
def test_what_is_no_wav_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse_header(data)
    assert caught.value.code == "bad_wav"


HEADERS = st.builds(
    lambda rate, channels, is_float, before, after, length: (
        wav(
            *(chunk(b"LIST", body) for body in before),
            fmt(3 if is_float else 1, rate, channels, 32 if is_float else 16),
            *(chunk(b"fact", body) for body in after),
            data=length,
        ),
        WavHeader(AudioFormat(rate, channels), is_float, length),
    ),
    st.integers(4_000, 768_000),
    st.integers(1, 64),
    st.booleans(),
    st.lists(st.binary(max_size=40), max_size=3),
    st.lists(st.binary(max_size=40), max_size=3),
    st.integers(1, 0x7FFEFFFF),
)


@given(HEADERS, st.binary(max_size=20))
def test_every_start_of_a_header_waits_for_the_rest(
    made: tuple[bytes, WavHeader], sound: bytes
) -> None:
    data, header = made
    for length in range(len(data)):
        assert parse_header(data[:length]) is None
    assert parse_header(data + sound) == (header, len(data))


@settings(max_examples=200)
@given(
    HEADERS.map(lambda made: made[0]),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), min_size=1, max_size=6),
    st.binary(max_size=60),
)
def test_spoilt_headers_raise_nothing_but_input_errors(
    data: bytes, spoilt: list[tuple[int, int]], more: bytes
) -> None:
    spoiled = bytearray(data + more)
    for at, value in spoilt:
        spoiled[at % len(spoiled)] = value
    try:
        parsed = parse_header(bytes(spoiled))
    except InputError as error:
        assert error.code == "bad_wav"
    else:
        assert parsed is None or parsed[1] <= len(spoiled)


@given(st.binary(max_size=200), st.booleans())
def test_noise_raises_nothing_but_input_errors(noise: bytes, announced: bool) -> None:
    data = b"RIFF\0\0\0\0WAVEfmt " + noise if announced else noise
    try:
        parse_header(data)
    except InputError as error:
        assert error.code == "bad_wav"


def test_its_first_four_bytes_announce_it() -> None:
    assert looks_like_wav(b"RIFF")
    assert not looks_like_wav(b"RIF")
    assert not looks_like_wav(b"fLaC")


def test_floats_become_sixteen_bits() -> None:
    header = WavHeader(AudioFormat(16_000), is_float=True, data_bytes=None)
    floats = np.array([0.5, -1.0, 2.0, np.nan, np.inf, 1e38], "<f4").tobytes()
    pcm = np.frombuffer(header.to_pcm(floats), "<i2")
    assert pcm.tolist() == [16_384, -32_768, 32_767, 0, 32_767, 32_767]


def test_pcm_stays_as_it_is() -> None:
    header = WavHeader(AudioFormat(16_000), is_float=False, data_bytes=None)
    assert header.to_pcm(b"\1\2\3\4") == b"\1\2\3\4"
