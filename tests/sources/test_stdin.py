"""What other programs pipe in: raw PCM, and WAV as it is written into pipes."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.containers import needs_more, recognise
from micstream.audio.format import AudioFormat
from micstream.errors import InputError
from micstream.sources.stdin import StdinSource
from testbed.waiting import wait_until
from tests.support.chunks import chunked
from tests.support.tones import tone

PCM = tone(440, 16_000).tobytes()


def wav(pcm: bytes, *, rate: int = 16_000, channels: int = 1, length: int | None = None) -> bytes:
    """A WAV of 16 bits; `length` is what its header says of it."""
    said = len(pcm) if length is None else length
    numbers = (1, channels, rate, rate * channels * 2, channels * 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", min(said + 36, 0xFFFFFFFF))
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, *numbers)
        + b"data"
        + struct.pack("<I", said)
        + pcm
    )


@asynccontextmanager
async def pipe(pieces: Iterable[bytes]) -> AsyncIterator[int]:
    """The reading end of a pipe into which another thread writes, and which it then closes."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as out:
            for piece in pieces:
                out.write(piece)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield reading
    finally:
        # The source's own thread reads to the end and no further.
        await asyncio.to_thread(writer.join)
        await wait_until(lambda: not any(t.name == "stdin" for t in threading.enumerate()))
        os.close(reading)


async def taken(
    data: bytes | Iterable[bytes], *, rate: int | None = None, channels: int | None = None
) -> tuple[StdinSource, bytes]:
    """The source, and all that came out of it."""
    pieces = [data] if isinstance(data, bytes) else data
    async with pipe(pieces) as descriptor:
        source = await StdinSource.open(rate=rate, channels=channels, descriptor=descriptor)
        return source, b"".join([block.pcm async for block in source.blocks()])


async def refused(
    data: bytes, *, rate: int | None = None, channels: int | None = None
) -> InputError:
    with pytest.raises(InputError) as caught:
        await taken(data, rate=rate, channels=channels)
    assert caught.value.exit_code == 3
    return caught.value


class TestRaw:
    async def test_sixteen_kilohertz_mono_where_nothing_is_said(self) -> None:
        source, pcm = await taken(PCM)
        assert source.format == AudioFormat(16_000, 1)
        assert source.warnings == []
        assert pcm == PCM

    async def test_what_is_said_counts(self) -> None:
        source, pcm = await taken(PCM, rate=24_000, channels=2)
        assert source.format == AudioFormat(24_000, 2)
        assert pcm == PCM

    async def test_whatever_the_writes(self) -> None:
        pieces = list(chunked(PCM[:3_000], [1, 2, 3, 4, 5, 1_001, 1_002, 2_999]))
        _, pcm = await taken(pieces, channels=2)
        assert pcm == PCM[:3_000]

    async def test_blocks_hold_whole_samples_of_all_channels(self) -> None:
        async with pipe([PCM[:1_001], PCM[1_001:1_500]]) as descriptor:
            source = await StdinSource.open(rate=None, channels=3, descriptor=descriptor)
            sizes = [len(block.pcm) async for block in source.blocks()]
        assert all(size % 6 == 0 for size in sizes)
        assert sum(sizes) == 1_500

    async def test_an_odd_byte_is_dropped_and_said(self) -> None:
        source, pcm = await taken(PCM + b"?")
        assert pcm == PCM
        assert source.warnings == ["1 bytes at the end are no whole sample: dropped"]

    async def test_more_than_a_pipe_holds(self) -> None:
        long = PCM * 60
        _, pcm = await taken(chunked(long, range(0, len(long), 100_000)))
        assert pcm == long

    @pytest.mark.parametrize("start", [b"RIF", b"RI\0\0", b"Ogg", b"ID", b"\xff\xfb", b'{"a'])
    async def test_what_does_not_begin_like_a_wav_is_raw(self, start: bytes) -> None:
        _, pcm = await taken(start + b"\0" * (8 - len(start)))
        assert pcm == start + b"\0" * (8 - len(start))

    async def test_a_single_sample(self) -> None:
        _, pcm = await taken(b"\1\2")
        assert pcm == b"\1\2"


class TestOtherFormats:
    @pytest.mark.parametrize(
        ("format", "subtype", "name"),
        [
            ("MP3", "MPEG_LAYER_III", "MP3"),
            ("OGG", "VORBIS", "Ogg"),
            ("OGG", "OPUS", "Ogg"),
            ("FLAC", "PCM_16", "FLAC"),
            ("RF64", "PCM_16", "RF64"),
            ("AIFF", "PCM_16", "AIFF"),
            ("CAF", "PCM_16", "CAF"),
            ("AU", "PCM_16", "AU"),
            ("W64", "PCM_16", "Wave64"),
        ],
    )
    @pytest.mark.parametrize("bitwise", [False, True])
    async def test_what_libsndfile_writes(
        self, format: str, subtype: str, name: str, bitwise: bool
    ) -> None:
        out = io.BytesIO()
        soundfile.write(out, tone(440, 24_000), 24_000, format=format, subtype=subtype)
        data = out.getvalue()
        pieces = [data[at : at + 1] for at in range(2_000)] if bitwise else [data]
        with pytest.raises(InputError, match=f"standard input is {name}") as caught:
            await taken(pieces)
        assert "ffmpeg" in caught.value.hint
        assert caught.value.exit_code == 3

    @pytest.mark.parametrize(
        "text",
        [
            b'{"error": {"message": "no such voice", "code": 404}}',
            b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
            b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n\r\nRIFF",
            b'data: {"audio": "//NExAA0000"}\n\n',
        ],
    )
    async def test_what_a_server_says_in_place_of_sound(self, text: bytes) -> None:
        error = await refused(text)
        assert "text" in error.message
        assert "voice" not in error.message + error.hint, "nothing of it is repeated"

    @settings(max_examples=300)
    @given(
        start=st.sampled_from(
            [
                b"",
                b'{"error": "no such voice", "code": 404}',
                b"\0\0\0\x20ftypM4A ",
                b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(10) + b"\xff\xf1\x50\x80\x02\x1f\xfc",
                b"OggS",
                b"ID3",
            ]
        ),
        rest=st.binary(max_size=80),
        sizes=st.lists(st.integers(1, 9), max_size=30),
    )
    def test_how_the_beginning_is_divided_decides_nothing(
        self, start: bytes, rest: bytes, sizes: list[int]
    ) -> None:
        """A server's error that comes letter by letter is no sound either."""
        whole, begun = start + rest, b""
        for size in sizes:
            if not begun or needs_more(begun):
                begun += whole[len(begun) :][:size]
        while needs_more(begun) and len(begun) < len(whole):
            begun += whole[len(begun) :][:100]
        assert recognise(begun) == recognise(whole)

    @settings(max_examples=200)
    @given(st.binary(max_size=300))
    def test_whatever_begins_a_stream_it_is_decided_in_the_end(self, start: bytes) -> None:
        recognise(start)
        assert not needs_more(start + bytes(5_000))


class TestSeveral:
    async def all_taken(
        self, data: bytes | Iterable[bytes]
    ) -> tuple[list[StdinSource], list[bytes]]:
        sources, heard = [], []
        async with pipe([data] if isinstance(data, bytes) else data) as descriptor:
            source: StdinSource | None = await StdinSource.open(
                rate=None, channels=None, descriptor=descriptor
            )
            while source is not None:
                sources.append(source)
                heard.append(b"".join([block.pcm async for block in source.blocks()]))
                source = await source.following()
        return sources, heard

    async def test_wavs_one_after_the_other_are_all_played(self) -> None:
        first, second, third = PCM[:3_200], PCM[3_200:9_600], PCM[:641]
        data = wav(first) + wav(second, rate=24_000) + b"LIST\4\0\0\0INFO" + wav(third)
        sources, heard = await self.all_taken(data)
        assert heard == [first, second, third[:640]]
        assert [source.format.rate for source in sources] == [16_000, 24_000, 16_000]

    async def test_other_bytes_behind_the_sound_are_told_in_seconds(self) -> None:
        """A header with the first sentence's length, as one speech program writes it."""
        data = wav(PCM, length=16_000)
        (source,), heard = await self.all_taken(data)
        assert heard == [PCM[:16_000]]
        assert "0.5 s as sound" in source.warnings[0]

    async def test_chunks_behind_the_sound_are_no_sound(self) -> None:
        odd = b"id3 \3\0\0\0abc\0"
        (source,), _ = await self.all_taken(wav(PCM) + b"LIST\4\0\0\0INFO" + odd)
        assert source.warnings == []

    @pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000, 900_000])
    @pytest.mark.parametrize("pieces", [1, 11, 8_191, 10**6])
    async def test_a_wav_begins_wherever_its_header_stands(self, length: int, pieces: int) -> None:
        """Whatever the one before it says of its length: unknown, or far too much."""
        first, second, third = PCM[:3_201], PCM[3_200:9_600], PCM[:640]
        data = (
            wav(first, length=length)
            + wav(second, rate=24_000, channels=2, length=length)
            + wav(third, length=length)
        )
        sources, heard = await self.all_taken(chunked(data, range(0, len(data), pieces)))
        assert heard == [first[:3_200], second, third]
        assert [s.format.rate for s in sources] == [16_000, 24_000, 16_000]
        assert "1 bytes at the end are no whole sample: dropped" in sources[0].warnings

    async def test_a_wav_behind_raw_sound_is_no_noise(self) -> None:
        sources, heard = await self.all_taken(PCM + wav(PCM[:640], rate=48_000))
        assert heard == [PCM, PCM[:640]]
        assert sources[1].format.rate == 48_000

    @settings(max_examples=60, deadline=None)
    @given(
        wavs=st.lists(
            st.tuples(
                st.binary(max_size=40).map(lambda some: some[: len(some) // 2 * 2]),
                st.sampled_from([None, 0, 0xFFFFFFFF, 0x7FFFF000]),
                st.booleans(),
            ),
            min_size=1,
            max_size=4,
        ),
        cuts=st.lists(st.integers(0, 400), max_size=12),
    )
    def test_however_many_come_and_however_they_are_divided(
        self, wavs: list[tuple[bytes, int | None, bool]], cuts: list[int]
    ) -> None:
        """Empty ones among them say nothing, as long as one has sound."""
        described = b"LIST\4\0\0\0INFO"
        data = b""
        for pcm, length, more in wavs:
            known = length is None
            data += wav(pcm, length=length) + (described if more and known else b"")
        spoken = [pcm for pcm, _, _ in wavs]

        async def scene() -> list[bytes]:
            pieces = list(chunked(data, sorted({cut for cut in cuts if cut < len(data)})))
            return (await self.all_taken(pieces))[1]

        if any(spoken):
            assert asyncio.run(scene()) == spoken
        else:
            with pytest.raises(InputError, match="no sound on standard input"):
                asyncio.run(scene())

    async def test_an_empty_one_followed_by_another_says_nothing(self) -> None:
        for empty in (wav(b""), wav(b"", length=0xFFFFFFFF), wav(b"") + b"LIST\4\0\0\0INFO"):
            _, heard = await self.all_taken(empty + wav(PCM) + empty)
            assert heard == [b"", PCM, b""]

    async def test_what_describes_an_empty_one_is_no_sound(self) -> None:
        error = await refused(wav(b"") + b"LIST\4\0\0\0INFO")
        assert error.code == "empty_stdin"

    async def test_the_end_of_the_sound_is_not_waited_for(self) -> None:
        """Its last byte may look like the next one's first."""
        spoken = PCM[:640] + b"RI"
        arrived = threading.Event()

        def write() -> Iterator[bytes]:
            yield wav(spoken)
            assert arrived.wait(5)
            yield wav(PCM)

        async with pipe(write()) as descriptor:
            first = await StdinSource.open(rate=None, channels=None, descriptor=descriptor)
            assert b"".join([block.pcm async for block in first.blocks()]) == spoken
            arrived.set()
            second = await first.following()
            assert second is not None
            assert b"".join([block.pcm async for block in second.blocks()]) == PCM


class TestWav:
    async def test_its_header_says_what_it_is(self) -> None:
        source, pcm = await taken(wav(PCM, rate=44_100, channels=2))
        assert source.format == AudioFormat(44_100, 2)
        assert pcm == PCM
        assert source.warnings == []

    async def test_byte_by_byte(self) -> None:
        data = wav(PCM[:40])
        _, pcm = await taken(data[at : at + 1] for at in range(len(data)))
        assert pcm == PCM[:40]

    @pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
    async def test_a_length_that_its_writer_did_not_know(self, length: int) -> None:
        source, pcm = await taken(wav(PCM, length=length))
        assert pcm == PCM
        assert source.warnings == []

    async def test_floats(self) -> None:
        floats = np.array([0.5, -0.5, 1.5, 0.0] * 500, np.float32)
        out = io.BytesIO()
        soundfile.write(out, floats, 24_000, subtype="FLOAT", format="WAV")
        source, pcm = await taken(chunked(out.getvalue(), range(0, 8_100, 101)))
        assert source.format == AudioFormat(24_000, 1)
        samples = np.frombuffer(pcm, "<i2")
        assert samples.tolist() == [16_384, -16_384, 32_767, 0] * 500

    async def test_what_follows_the_sound_is_not_played(self) -> None:
        _, pcm = await taken(wav(PCM) + b"LIST\4\0\0\0INFO")
        assert pcm == PCM

    async def test_sound_that_ends_early_is_played_as_far_as_it_goes(self) -> None:
        source, pcm = await taken(wav(PCM[:1_001], length=32_000))
        assert pcm == PCM[:1_000]
        assert source.warnings == [
            "the WAV's header promises 32000 bytes and 1001 came; played as far as it goes",
            "1 bytes at the end are no whole sample: dropped",
        ]

    async def test_options_that_say_the_same_are_right(self) -> None:
        _, pcm = await taken(wav(PCM, rate=24_000), rate=24_000, channels=1)
        assert pcm == PCM

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"rate": 48_000}, "has 16000, --rate says 48000"),
            ({"channels": 2}, "has 1, --channels says 2"),
        ],
    )
    async def test_options_that_contradict_it(self, given: dict[str, int], words: str) -> None:
        error = await refused(wav(PCM), **given)
        assert words in error.message
        assert error.code == "wav_contradicts"
        assert "leave" in error.hint

    @pytest.mark.parametrize("length", [4, 11, 12, 30, 43])
    async def test_a_truncated_header(self, length: int) -> None:
        error = await refused(wav(PCM)[:length])
        assert error.message == (
            f"the WAV on standard input ends within its header, after {length} bytes"
        )
        assert error.code == "bad_wav"

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (wav(PCM, rate=0), "a sample rate of 0 Hz"),
            (wav(PCM, channels=0), "0 channels"),
            (b"RIFF\0\0\0\0AVI " + PCM, "RIFF but not WAVE"),
        ],
    )
    async def test_absurd_headers(self, data: bytes, words: str) -> None:
        assert words in (await refused(data)).message


class TestEmpty:
    @pytest.mark.parametrize(
        "data",
        [b"", b"?", wav(b""), wav(b"", length=0xFFFFFFFF), wav(b"", length=32_000), wav(b"?")],
    )
    async def test_no_sound(self, data: bytes) -> None:
        error = await refused(data)
        assert "standard input" in error.message
        assert error.code == "empty_stdin"
        assert "micstream pipe" in error.hint


async def test_sound_is_handed_on_as_it_comes() -> None:
    """The writer waits for what it wrote to have arrived before it writes on."""
    arrived = threading.Event()

    def spoken() -> Iterator[bytes]:
        for number in range(5):
            yield bytes([number]) * 640
            assert arrived.wait(5)
            arrived.clear()

    async with pipe(spoken()) as descriptor:
        source = await StdinSource.open(rate=None, channels=None, descriptor=descriptor)
        heard = []
        async for block in source.blocks():
            heard.append(block.pcm)
            arrived.set()
    assert heard == [bytes([number]) * 640 for number in range(5)]


async def test_a_pipe_that_another_program_made_non_blocking_is_read_to_its_end() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    source = asyncio.create_task(StdinSource.open(rate=None, channels=None, descriptor=read))
    heard = 0
    os.write(write, PCM[:640])
    blocks = (await source).blocks()
    for part in chunked(PCM[640:], [6_400]):
        heard += len((await anext(blocks)).pcm)
        os.write(write, part)
    os.close(write)
    async for block in blocks:
        heard += len(block.pcm)
    os.close(read)
    assert heard == len(PCM)


async def test_what_cannot_be_read_is_told() -> None:
    descriptor = os.open("/dev/null", os.O_WRONLY)
    with pytest.raises(InputError, match="cannot be read: it is closed") as raised:
        await StdinSource.open(rate=None, channels=None, descriptor=descriptor)
    assert raised.value.code == "stdin_unreadable"
    os.close(descriptor)


async def test_what_cannot_be_read_any_further_is_played_so_far_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A terminal that was closed, a job that is in the background."""
    reads: list[bytes | OSError] = [PCM[:640], OSError(errno.EIO, os.strerror(errno.EIO))]

    def read(_: int, __: int) -> bytes:
        answer = reads.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr("micstream.sources.stdin.os.read", read)
    source = await StdinSource.open(rate=None, channels=None, descriptor=0)
    assert [block.pcm async for block in source.blocks()] == [PCM[:640]]
    assert source.warnings == [
        "standard input cannot be read: input/output error; it is played as far as it came"
    ]


async def test_a_writer_that_is_faster_waits() -> None:
    written: list[int] = []

    def endless() -> Iterator[bytes]:
        for _ in range(400):
            yield bytes(8_192)
            written.append(1)

    async with pipe(endless()) as descriptor:
        source = await StdinSource.open(rate=None, channels=None, descriptor=descriptor)
        blocks = source.blocks()
        await anext(blocks)
        await _settled(lambda: len(written))
        assert len(written) < 100, "it reads on although nobody takes it"
        rest = [block async for block in blocks]
    assert len(written) == 400
    assert rest


async def _settled(count: Callable[[], int]) -> None:
    """Until a count has stayed the same for a while."""
    last, same = count(), 0

    def unchanged() -> bool:
        nonlocal last, same
        now = count()
        last, same = now, same + 1 if now == last else 0
        return same >= 20

    await wait_until(unchanged, 5.0, "a count that stays")
