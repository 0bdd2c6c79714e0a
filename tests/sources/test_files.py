"""Sound files as people have them: of every kind, damaged, and none at all."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.channels import ChannelBalance
from micstream.audio.format import AudioFormat
from micstream.audio.resample import mix_down
from micstream.errors import InputError
from micstream.sources.files import FileSource, Pace
from tests.support.tones import Samples, share_at, tone


def written(place: Path, samples: Samples, rate: int, subtype: str | None = None) -> Path:
    soundfile.write(place, samples, rate, subtype=subtype)
    return place


def played(source: FileSource) -> Samples:
    return np.frombuffer(b"".join(source.read()), dtype="<i2")


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        list(FileSource(path).read())
    error = caught.value
    assert error.message.startswith(str(path))
    assert error.hint
    assert error.exit_code == 3
    return error


class TestKinds:
    @pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
    @pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
    def test_what_is_stored_exactly_is_played_exactly(
        self, tmp_path: Path, name: str, rate: int
    ) -> None:
        samples = tone(440, rate)
        samples[:4] = [32_767, -32_768, 1, -1]
        source = FileSource(written(tmp_path / name, samples, rate))
        assert source.name == name
        assert source.format == AudioFormat(rate, 1)
        assert source.duration_s == pytest.approx(1.0)
        assert source.warning == ""
        assert played(source).tolist() == samples.tolist()

    def test_stereo_stays_stereo(self, tmp_path: Path) -> None:
        both = np.stack([tone(300, 16_000), tone(900, 16_000)], axis=1)
        source = FileSource(written(tmp_path / "both.wav", both, 16_000))
        assert source.format == AudioFormat(16_000, 2)
        assert played(source).tolist() == both.reshape(-1).tolist()

    @pytest.mark.parametrize(
        ("name", "subtype"),
        [
            ("a.ogg", "VORBIS"),
            ("a.opus", "OPUS"),
            ("a.mp3", "MPEG_LAYER_III"),
            ("a.wav", "FLOAT"),
            ("a.wav", "DOUBLE"),
            ("a.wav", "PCM_24"),
            ("a.wav", "PCM_32"),
            ("a.wav", "PCM_U8"),
            ("a.wav", "ULAW"),
        ],
    )
    def test_other_encodings_sound_the_same(self, tmp_path: Path, name: str, subtype: str) -> None:
        place = tmp_path / name
        format = "OGG" if name.endswith("opus") else None
        floats = tone(440, 48_000) / 32_768
        soundfile.write(place, floats, 48_000, subtype=subtype, format=format)
        source = FileSource(place)
        samples = played(source)
        assert abs(samples.size - 48_000) <= 4_800
        assert share_at(samples, 440, 48_000) > 0.999
        middle = samples[9_600:-9_600].astype(np.float64)
        assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(10_000, rel=0.05)

    @pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_an_mp3_is_heard_to_its_end(self, tmp_path: Path, rate: int, channels: int) -> None:
        samples = np.repeat(tone(440, rate, 3), channels).reshape(-1, channels)
        soundfile.write(tmp_path / "a.mp3", samples / 32_768, rate)
        out = played(FileSource(tmp_path / "a.mp3")).reshape(-1, channels)[:, 0]
        seconds = np.abs(out[: 3 * rate - rate // 5]).reshape(-1, rate // 5).max(axis=1)
        assert seconds == pytest.approx(10_000, rel=0.1)

    def test_floats_beyond_full_scale_are_clipped(self, tmp_path: Path) -> None:
        place = tmp_path / "loud.wav"
        floats = np.array([0.25, 2.0, -2.0, np.nan], np.float32)
        soundfile.write(place, floats, 16_000, subtype="FLOAT")
        assert played(FileSource(place)).tolist() == [8_192, 32_767, -32_768, 0]

    def test_blocks_are_short(self, tmp_path: Path) -> None:
        source = FileSource(written(tmp_path / "a.wav", tone(440, 16_000, 0.05), 16_000))
        assert [len(block) for block in source.read()] == [640, 640, 320]

    def test_it_can_be_read_again(self, tmp_path: Path) -> None:
        source = FileSource(written(tmp_path / "a.wav", tone(440, 16_000, 0.05), 16_000))
        assert list(source.read()) == list(source.read())


class TestRefused:
    def test_missing(self, tmp_path: Path) -> None:
        error = refused(tmp_path / "gone.wav")
        assert "no such file" in error.message
        assert error.code == "no_file"

    def test_a_directory(self, tmp_path: Path) -> None:
        assert refused(tmp_path).message == f"{tmp_path}: a directory"

    def test_an_empty_file(self, tmp_path: Path) -> None:
        place = tmp_path / "empty.wav"
        place.touch()
        assert refused(place).message == f"{place}: it is empty"

    def test_no_frames(self, tmp_path: Path) -> None:
        place = written(tmp_path / "none.wav", np.empty(0, np.int16), 16_000)
        error = refused(place)
        assert error.message == f"{place}: no sound in it"
        assert error.code == "empty_file"

    @pytest.mark.parametrize("name", ["notes.txt", "notes.wav", "notes.mp3"])
    def test_text(self, tmp_path: Path, name: str) -> None:
        place = tmp_path / name
        place.write_text("dear diary\n" * 50)
        error = refused(place)
        assert error.code == "bad_file"
        assert "WAV, FLAC, MP3 or OGG" in error.hint

    @pytest.mark.parametrize(
        ("rate", "channels"), [(0, 1), (1, 1), (3_000, 1), (2_000_000_000, 1), (16_000, 0)]
    )
    def test_absurd_headers(self, tmp_path: Path, rate: int, channels: int) -> None:
        place = written(tmp_path / "odd.wav", tone(440, 16_000), 16_000)
        data = bytearray(place.read_bytes())
        struct.pack_into("<HI", data, 22, channels, rate)
        place.write_bytes(data)
        assert refused(place).code == "bad_file"

    def test_a_header_and_nothing_else(self, tmp_path: Path) -> None:
        place = written(tmp_path / "short.wav", tone(440, 16_000), 16_000)
        place.write_bytes(place.read_bytes()[:44])
        assert refused(place).code in ("empty_file", "bad_file")

    @pytest.mark.parametrize("length", [3, 12, 20, 40])
    def test_a_truncated_header(self, tmp_path: Path, length: int) -> None:
        place = written(tmp_path / "short.wav", tone(440, 16_000), 16_000)
        place.write_bytes(place.read_bytes()[:length])
        refused(place)

    def test_a_file_that_goes_away_after_it_was_looked_at(self, tmp_path: Path) -> None:
        place = written(tmp_path / "a.wav", tone(440, 16_000), 16_000)
        source = FileSource(place)
        place.unlink()
        with pytest.raises(InputError, match="no such file"):
            list(source.read())

    @pytest.mark.parametrize("through", ["fifo", "descriptor"])
    def test_a_pipe_is_refused_before_anybody_waits(self, tmp_path: Path, through: str) -> None:
        reading, writing = os.pipe()
        place = Path(f"/dev/fd/{reading}")
        if through == "fifo":
            place = tmp_path / "a fifo"
            os.mkfifo(place)
        try:
            error = refused(place)
        finally:
            os.close(reading)
            os.close(writing)
        assert "a pipe" in error.message
        # Its own descriptors are of no use to whoever reads the hint.
        named = "... | micstream pipe" if through == "descriptor" else f"pipe < '{place}'"
        assert error.hint.endswith(named)
        assert error.code == "not_a_file"

    def test_a_device_is_no_file(self) -> None:
        error = refused(Path("/dev/zero"))
        assert "a device" in error.message
        assert "WAV, FLAC" in error.hint

    def test_standard_input_has_a_command_of_its_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert refused(Path("-")).hint.endswith("... | micstream pipe")

    def test_raw_sound_is_piped_by_its_own_name(self, tmp_path: Path) -> None:
        place = tmp_path / "my sound.raw"
        place.write_bytes(bytes(640))
        assert refused(place).hint == f"pipe it: micstream pipe --rate 16000 < '{place}'"


class TestChannels:
    @pytest.mark.parametrize("louder", [1, 2])
    @pytest.mark.parametrize("name", ["a.wav", "a.flac"])
    def test_those_that_cancel_each_other_are_not_mixed(
        self, tmp_path: Path, name: str, louder: int
    ) -> None:
        voice = tone(300, 16_000).astype(np.float64)
        both = np.stack([voice, -0.8 * voice] if louder == 1 else [0.8 * voice, -voice], axis=1)
        source = FileSource(written(tmp_path / name, both.astype(np.int16), 16_000))
        assert source.pick == louder
        assert f"channel {louder}, the loudest, is used" in source.warning

    @settings(max_examples=50)
    @given(phase=st.floats(0, 1.6), gain=st.floats(0.1, 1), noise=st.floats(0, 0.3))
    def test_others_are(self, phase: float, gain: float, noise: float) -> None:
        """Any two microphones in a room, one of them farther away."""
        turns = np.arange(16_000) * 2 * np.pi * 300 / 16_000
        chance = np.random.default_rng(1).normal(0, noise, (16_000, 2))
        table = np.stack([np.sin(turns), gain * np.sin(turns + phase)], axis=1) + chance
        balance = ChannelBalance(2)
        balance.push((table * 8_000).astype("<i2").tobytes())
        assert balance.channel_to_take() == 0

    def test_silence_is_mixed(self) -> None:
        balance = ChannelBalance(2)
        assert balance.channel_to_take() == 0
        balance.push(bytes(6_400))
        assert balance.channel_to_take() == 0

    def test_the_one_that_is_asked_for_is_taken(self, tmp_path: Path) -> None:
        both = np.stack([tone(300, 16_000), -tone(300, 16_000)], axis=1)
        place = written(tmp_path / "a.wav", both, 16_000)
        source = FileSource(place, channel=1)
        assert (source.pick, source.warning) == (1, "")
        with pytest.raises(InputError, match=r"2 channel\(s\), --channel says 3"):
            FileSource(place, channel=3)


class TestDamaged:
    def test_a_wav_that_ends_early_is_played_as_far_as_it_goes(self, tmp_path: Path) -> None:
        samples = tone(440, 16_000)
        place = written(tmp_path / "cut.wav", samples, 16_000)
        data = place.read_bytes()
        place.write_bytes(data[: 44 + 2 * 6_000])
        source = FileSource(place)
        assert source.warning == (
            "cut.wav: its header promises 32044 bytes and 12044 are there; played as far as it goes"
        )
        assert played(source).tolist() == samples[:6_000].tolist()
        assert source.duration_s == pytest.approx(6_000 / 16_000)

    @pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
    def test_a_wav_whose_writer_did_not_know_its_length(self, tmp_path: Path, length: int) -> None:
        samples = tone(440, 16_000)
        place = written(tmp_path / "piped.wav", samples, 16_000)
        data = bytearray(place.read_bytes())
        struct.pack_into("<I", data, 4, length)
        struct.pack_into("<I", data, 40, 0xFFFFFFFF)
        place.write_bytes(data)
        source = FileSource(place)
        assert source.warning == ""
        assert played(source).tolist() == samples.tolist()

    @pytest.mark.parametrize("length", [0, 0x7FFF0000, 0x7FFFF000, 0x80000000, 0xFFFFFFDB])
    def test_other_spellings_of_a_length_that_is_not_known(
        self, tmp_path: Path, length: int
    ) -> None:
        samples = tone(440, 16_000)
        data = bytearray(written(tmp_path / "a.wav", samples, 16_000).read_bytes())
        struct.pack_into("<I", data, 4, min(length + 36, 0xFFFFFFFF))
        struct.pack_into("<I", data, 40, length)
        (tmp_path / "a.wav").write_bytes(data)
        source = FileSource(tmp_path / "a.wav")
        assert source.warning == ""
        assert source.duration_s == pytest.approx(1.0)
        assert played(source).tolist() == samples.tolist()

    def test_an_odd_chunk_without_its_pad_byte(self, tmp_path: Path) -> None:
        samples = tone(440, 16_000)
        data = written(tmp_path / "a.wav", samples, 16_000).read_bytes()
        (tmp_path / "a.wav").write_bytes(data[:36] + b"LIST\3\0\0\0abc" + data[36:])
        source = FileSource(tmp_path / "a.wav")
        assert source.warning == ""
        assert played(source).tolist() == samples.tolist()

    def test_sound_behind_what_the_header_announces_is_told(self, tmp_path: Path) -> None:
        samples = tone(440, 16_000)
        data = bytearray(written(tmp_path / "a.wav", samples, 16_000).read_bytes())
        struct.pack_into("<I", data, 40, 16_000)
        (tmp_path / "a.wav").write_bytes(data)
        source = FileSource(tmp_path / "a.wav")
        assert "0.5 s as sound: not played" in source.warning
        assert played(source).tolist() == samples[:8_000].tolist()

    @pytest.mark.parametrize("length", [None, 0, 0xFFFFFFFF])
    def test_another_wav_behind_the_sound_is_told_and_is_no_noise(
        self, tmp_path: Path, length: int | None
    ) -> None:
        """What `cat a.wav b.wav > both.wav` makes."""
        samples = tone(440, 16_000)
        data = bytearray(written(tmp_path / "a.wav", samples, 16_000).read_bytes())
        if length is not None:
            struct.pack_into("<I", data, 40, length)
        place = tmp_path / "both.wav"
        place.write_bytes(data + data)
        source = FileSource(place)
        assert played(source).tolist() == samples.tolist()
        assert "another WAV begins" in source.warning
        assert f"micstream pipe < {place}" in source.warning

    def test_a_header_that_lies_across_two_readings_is_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        samples = tone(440, 16_000, 0.01)
        data = bytearray(written(tmp_path / "a.wav", samples, 16_000).read_bytes())
        struct.pack_into("<I", data, 40, 0)
        (tmp_path / "a.wav").write_bytes(data + data)
        for size in range(12, 40):
            monkeypatch.setattr("micstream.sources.files._SCAN_BYTES", size)
            assert played(FileSource(tmp_path / "a.wav")).tolist() == samples.tolist()

    def test_what_describes_an_empty_wav_is_no_sound(self, tmp_path: Path) -> None:
        place = written(tmp_path / "a.wav", np.empty(0, np.int16), 16_000)
        place.write_bytes(place.read_bytes() + b"LIST\4\0\0\0INFO")
        assert refused(place).code == "empty_file"

    def test_chunks_behind_the_sound_are_none(self, tmp_path: Path) -> None:
        place = written(tmp_path / "a.wav", tone(440, 16_000), 16_000)
        more = b"LIST\4\0\0\0INFO" + b"id3 \3\0\0\0abc\0"
        place.write_bytes(place.read_bytes() + more)
        assert FileSource(place).warning == ""

    @settings(max_examples=60)
    @given(
        name=st.sampled_from(["a.wav", "a.flac", "a.ogg", "a.mp3"]),
        keep=st.floats(0, 1),
        spoilt=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
        early=st.booleans(),
    )
    def test_damage_raises_nothing_but_input_errors(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        name: str,
        keep: float,
        spoilt: list[tuple[float, int]],
        early: bool,
    ) -> None:
        place = written(tmp_path_factory.getbasetemp() / name, tone(440, 16_000, 0.2), 16_000)
        data = bytearray(place.read_bytes())
        for at, value in spoilt:
            within = min(len(data), 100) if early else len(data)
            data[int(at * (within - 1))] = value
        place.write_bytes(data[: round(keep * len(data))])
        try:
            source = FileSource(place)
            # A spoilt header can announce days of sound.
            for _, block in zip(range(200), source.read(), strict=False):
                assert block
        except InputError as error:
            assert error.hint


class TestPace:
    @pytest.mark.parametrize("pace", ["fast", "realtime"])
    async def test_everything_is_handed_out(self, tmp_path: Path, pace: Pace) -> None:
        samples = tone(440, 16_000, 0.11)
        source = FileSource(written(tmp_path / "a.wav", samples, 16_000), pace=pace)
        blocks = [block async for block in source.blocks()]
        assert b"".join(block.pcm for block in blocks) == samples.tobytes()

    async def test_realtime_takes_as_long_as_it_is(self, tmp_path: Path) -> None:
        source = FileSource(written(tmp_path / "a.wav", tone(440, 16_000, 0.2), 16_000))
        begun = time.monotonic()
        late: list[float] = []
        ends: list[float] = []
        async for block in source.blocks():
            late.append(time.monotonic() - block.ends_at)
            ends.append(block.ends_at)
        assert time.monotonic() - begun >= 0.199
        assert min(late) >= -0.002, "no block comes before it would have been spoken"
        assert np.diff(ends) == pytest.approx([0.020] * 9)

    async def test_fast_does_not_wait(self, tmp_path: Path) -> None:
        source = FileSource(written(tmp_path / "a.wav", tone(440, 16_000, 60), 16_000), pace="fast")
        begun = time.monotonic()
        seconds = sum([len(block.pcm) / 32_000 async for block in source.blocks()])
        assert seconds == pytest.approx(60)
        assert time.monotonic() - begun < 10


def test_a_picked_channel_is_not_the_files_business(tmp_path: Path) -> None:
    both = np.stack([tone(300, 16_000, 0.1), tone(900, 16_000, 0.1)], axis=1)
    source = FileSource(written(tmp_path / "both.wav", both, 16_000))
    assert source.pick == 0
    mixed = mix_down(played(source), 2, source.pick)
    assert mixed.tolist() == both.mean(axis=1).round().astype(np.int16).tolist()
