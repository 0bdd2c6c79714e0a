"""Devices of every kind, with a double in PortAudio's place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.format import SPEECH, AudioFormat
from micstream.audio.resample import Resampler
from micstream.errors import AudioDeviceError
from micstream.sources import microphone, portaudio, windows
from micstream.sources.microphone import Microphone
from micstream.sources.source import Block
from tests.support.chunks import chunked
from tests.support.portaudio import CallbackAbort, FakeDevice, FakePortAudio
from tests.support.tones import Samples, share_at, tone


def installed(monkeypatch: pytest.MonkeyPatch, *devices: FakeDevice) -> FakePortAudio:
    fake = FakePortAudio(list(devices))
    monkeypatch.setattr(portaudio, "load", lambda: fake)
    return fake


def in_blocks(data: bytes, rate: int, frame_bytes: int) -> list[bytes]:
    """20 ms each."""
    return list(chunked(data, range(0, len(data), rate // 50 * frame_bytes)))[1:]


async def heard(mic: Microphone) -> tuple[bytes, AudioDeviceError]:
    """All that comes until the device is lost, and the error that says so."""
    pcm = bytearray()
    with pytest.raises(AudioDeviceError) as caught:
        async for block in mic.blocks():
            pcm += block.pcm
    return bytes(pcm), caught.value


def at_16k(pcm: bytes, mic: Microphone) -> Samples:
    resampler = Resampler(mic.format, SPEECH.rate, pick=mic.pick)
    return np.frombuffer(resampler.push(pcm) + resampler.finish(), dtype="<i2")


class TestFormat:
    """Opened at 16 kHz where it can be, else at what it has."""

    @pytest.mark.parametrize(
        ("device", "format", "dtype"),
        [
            (FakeDevice("all", 2, rates=(16_000, 48_000), counts=(1, 2)), (16_000, 2), "int16"),
            (FakeDevice("mono", 2, rates=(16_000, 48_000)), (16_000, 1), "int16"),
            (FakeDevice("48 kHz only"), (48_000, 1), "int16"),
            (FakeDevice("44.1 kHz only", rate=44_100, rates=(44_100,)), (44_100, 1), "int16"),
            (FakeDevice("96 kHz only", rate=96_000, rates=(96_000,)), (96_000, 1), "int16"),
            (FakeDevice("stereo only", 2, counts=(2,)), (48_000, 2), "int16"),
            (FakeDevice("floats only", dtypes=("float32",)), (48_000, 1), "float32"),
            (FakeDevice("six only", 6, counts=(6,)), (48_000, 6), "int16"),
            (
                FakeDevice("studio", 8, 44_100, (44_100,), ("float32",), (8,)),
                (44_100, 8),
                "float32",
            ),
            # Its own rate cannot be opened, another can.
            (FakeDevice("odd", rate=22_050, rates=(44_100,)), (44_100, 1), "int16"),
            # macOS accepts any rate, and has ended processes over one that is not the device's own.
            (
                FakeDevice("mac", rates=(16_000, 48_000), host_api="Core Audio"),
                (48_000, 1),
                "int16",
            ),
            (FakeDevice("odd mac", rates=(16_000,), host_api="Core Audio"), (16_000, 1), "int16"),
            # 16 kHz in floats goes before 48 kHz in integers: nothing is to be resampled.
            (FakeDevice("f", rates=(16_000,), dtypes=("float32",)), (16_000, 1), "float32"),
        ],
        ids=lambda value: value.name if isinstance(value, FakeDevice) else None,
    )
    async def test_what_is_chosen(
        self,
        monkeypatch: pytest.MonkeyPatch,
        device: FakeDevice,
        format: tuple[int, int],
        dtype: str,
    ) -> None:
        fake = installed(monkeypatch, replace(device, unplugged=True))
        mic = Microphone()
        assert mic.format == AudioFormat(*format)
        assert mic.pick == 0

        with pytest.raises(AudioDeviceError, match="is gone"):
            await anext(mic.blocks())
        (stream,) = fake.streams
        assert (stream.samplerate, stream.channels, stream.dtype) == (*format, dtype)
        assert stream.blocksize == AudioFormat(*format).samples(16)
        assert stream.closed

    @pytest.mark.parametrize("fails", ["refused", "not_started"])
    @pytest.mark.parametrize(
        ("rates", "failing", "format", "dtype"),
        [
            ((16_000, 48_000), (16_000,), (48_000, 1), "int16"),
            ((16_000, 24_000, 48_000), (16_000,), (24_000, 1), "int16"),
            ((16_000, 24_000, 44_100, 48_000), (16_000, 24_000, 48_000), (44_100, 1), "int16"),
        ],
    )
    async def test_a_rate_that_is_accepted_and_fails_gives_way_to_the_next(
        self,
        monkeypatch: pytest.MonkeyPatch,
        fails: str,
        rates: tuple[int, ...],
        failing: tuple[int, ...],
        format: tuple[int, int],
        dtype: str,
    ) -> None:
        """AirPods on macOS: the check knows nothing of what the opening then meets."""
        device = FakeDevice(
            "AirPods", rate=24_000, rates=rates, blocks=[b"\1\0" * 480], unplugged=True
        )
        setattr(device, fails, failing)
        fake = installed(monkeypatch, device)
        mic = Microphone()
        pcm, _ = await heard(mic)
        assert (mic.format, pcm) == (AudioFormat(*format), b"\1\0" * 480)
        assert fake.streams[-1].dtype == dtype
        assert all(stream.closed for stream in fake.streams)

    @pytest.mark.parametrize("fails", ["refused", "not_started"])
    async def test_where_all_fail_the_first_reason_is_told_and_nothing_is_left_open(
        self, monkeypatch: pytest.MonkeyPatch, fails: str
    ) -> None:
        rates = (16_000, 44_100, 48_000)
        device = FakeDevice("ill", 2, rates=rates, counts=(1, 2), dtypes=("int16", "float32"))
        setattr(device, fails, rates)
        fake = installed(monkeypatch, device)
        _, error = await heard(Microphone())
        assert "Internal PortAudio error" in error.message
        assert all(stream.closed for stream in fake.streams)
        assert portaudio.look_again()

    async def test_where_integers_fail_at_its_own_rate_floats_are_tried(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Picky(FakePortAudio):
            def RawInputStream(self, **given: Any) -> Any:  # noqa: N802
                if given["dtype"] == "int16":
                    raise ValueError("no such sample format")
                return super().RawInputStream(**given)

        device = FakeDevice("m", dtypes=("int16", "float32"), blocks=[bytes(1_920)], unplugged=True)
        monkeypatch.setattr(portaudio, "load", lambda: Picky([device]))
        mic = Microphone()
        pcm, _ = await heard(mic)
        assert pcm == bytes(960)

    def test_a_device_that_opens_at_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, FakeDevice("busy", rates=()))
        with pytest.raises(AudioDeviceError, match="'busy' opens at no rate") as caught:
            Microphone()
        assert caught.value.code == "device_format"
        assert caught.value.hint

    def test_a_device_that_claims_hundreds_of_channels(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        installed(monkeypatch, FakeDevice("null", 10_000, counts=(10_000,)))
        with pytest.raises(AudioDeviceError, match="opens at no rate"):
            Microphone()


class TestChannel:
    @pytest.mark.parametrize(
        ("channel", "counts", "opened"),
        [
            # Opened with one, many a driver would make that of all it has.
            (1, (1, 2, 4), 2),
            (0, (1, 2, 4), 2),
            (1, (1, 4), 1),
            (2, (1, 2, 4), 2),
            (3, (1, 2, 3, 4), 3),
            # It opens with all it has, or not at all.
            (1, (4,), 4),
            (2, (4,), 4),
            (4, (4,), 4),
        ],
    )
    def test_as_few_as_hold_the_one_wanted(
        self,
        monkeypatch: pytest.MonkeyPatch,
        channel: int,
        counts: tuple[int, ...],
        opened: int,
    ) -> None:
        installed(monkeypatch, FakeDevice("desk", 4, counts=counts))
        mic = Microphone(channel=channel)
        assert mic.format.channels == opened
        assert mic.pick == channel

    async def test_two_that_cancel_each_other_are_heard_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        voice = tone(400, 48_000)
        both = np.stack([voice // 2, -voice // 2], axis=1).tobytes()
        device = FakeDevice(
            "line", 2, counts=(1, 2), blocks=in_blocks(both, 48_000, 4), unplugged=True
        )
        installed(monkeypatch, device)
        mic = Microphone()
        pcm, _ = await heard(mic)
        samples = at_16k(pcm, mic)[800:-800]
        assert share_at(samples, 400, 16_000) > 0.9999
        assert np.abs(samples).max() > 4_000

    def test_one_that_it_does_not_have(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, FakeDevice("desk", 2, counts=(1, 2)))
        with pytest.raises(AudioDeviceError, match="has 2 channels, --channel says 3") as caught:
            Microphone(channel=3)
        assert caught.value.code == "no_channel"

    async def test_the_one_wanted_is_heard(self, monkeypatch: pytest.MonkeyPatch) -> None:
        both = np.stack([tone(400, 48_000), tone(2_000, 48_000)], axis=1).tobytes()
        device = FakeDevice(
            "desk", 2, counts=(2,), blocks=in_blocks(both, 48_000, 4), unplugged=True
        )
        installed(monkeypatch, device)
        mic = Microphone(channel=2)
        pcm, _ = await heard(mic)
        assert share_at(at_16k(pcm, mic), 2_000, 16_000) > 0.9999


class TestSound:
    @pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize("dtype", ["int16", "float32"])
    async def test_a_tone_is_heard_whatever_the_device(
        self, monkeypatch: pytest.MonkeyPatch, rate: int, channels: int, dtype: str
    ) -> None:
        samples = np.repeat(tone(440, rate), channels)
        raw = samples if dtype == "int16" else samples.astype(np.float32) / np.float32(32_768)
        blocks = in_blocks(raw.tobytes(), rate, raw.itemsize * channels)
        device = FakeDevice(
            "any", channels, rate, (rate,), (dtype,), (channels,), blocks=blocks, unplugged=True
        )
        installed(monkeypatch, device)
        mic = Microphone()
        pcm, _ = await heard(mic)
        assert pcm == samples.tobytes()
        out = at_16k(pcm, mic)
        assert abs(out.size - 16_000) <= 1
        assert share_at(out, 440, 16_000) > 0.9999
        assert np.abs(out).max() == pytest.approx(10_000, rel=0.06)

    async def test_floats_beyond_full_scale_are_clipped(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raw = np.array([0.5, 1.5, -1.5, np.nan], np.float32).tobytes()
        installed(monkeypatch, FakeDevice("f", dtypes=("float32",), blocks=[raw], unplugged=True))
        pcm, _ = await heard(Microphone())
        assert np.frombuffer(pcm, "<i2").tolist() == [16_384, 32_767, -32_768, 0]

    async def test_blocks_are_dated_when_they_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, FakeDevice("m", blocks=[bytes(1_920)] * 5, unplugged=True))
        times: list[float] = []
        before = time.monotonic()
        with pytest.raises(AudioDeviceError):
            async for block in Microphone().blocks():
                times.append(block.ends_at)
        assert len(times) == 5
        assert times == sorted(times)
        assert before <= times[0] <= times[-1] <= time.monotonic()


class TestLoss:
    async def test_a_device_that_is_unplugged(self, monkeypatch: pytest.MonkeyPatch) -> None:
        device = FakeDevice("USB", blocks=[b"\1\0" * 960] * 3, unplugged=True)
        fake = installed(monkeypatch, device)
        pcm, error = await heard(Microphone())
        assert pcm == b"\1\0" * 960 * 3, "what it delivered before is heard"
        assert error.message == "the microphone 'USB' is gone"
        assert error.code == "device_lost"
        assert error.hint
        assert fake.streams[0].closed

    async def test_a_device_that_delivers_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = installed(monkeypatch, FakeDevice("dead"))
        monkeypatch.setattr(microphone, "_FIRST_BLOCK_S", 0.05)
        pcm, error = await heard(Microphone())
        assert pcm == b""
        assert "the microphone 'dead' delivers nothing" in error.message
        assert fake.streams[0].closed

    async def test_a_device_that_falls_silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, FakeDevice("tired", blocks=[bytes(1_920)] * 2))
        monkeypatch.setattr(microphone, "_SILENT_S", 0.5)
        pcm, error = await heard(Microphone())
        assert len(pcm) == 2 * 1_920
        assert "delivers nothing" in error.message

    async def test_a_device_that_another_program_holds(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        installed(monkeypatch, FakeDevice("held", cannot_open="Device unavailable"))
        _, error = await heard(Microphone())
        assert error.message == "'held' cannot be opened: Device unavailable"
        assert error.code == "device_busy"

    @pytest.mark.parametrize(
        ("system", "said"),
        [("darwin", "System Settings > Privacy"), ("win32", "Let desktop apps access")],
    )
    @pytest.mark.parametrize(
        "device",
        [
            FakeDevice("m", cannot_open="Unanticipated host error"),
            FakeDevice("m", cannot_start="Unanticipated host error"),
            FakeDevice("m", blocks=[bytes(1_920)], unplugged=True),
        ],
        ids=["not opened", "not started", "gone"],
    )
    async def test_what_the_system_forbids_by_a_switch_is_named(
        self, monkeypatch: pytest.MonkeyPatch, system: str, said: str, device: FakeDevice
    ) -> None:
        monkeypatch.setattr("sys.platform", system)
        monkeypatch.setattr(windows, "_initializer", lambda: None)
        installed(monkeypatch, device)
        _, error = await heard(Microphone())
        assert error.hint.count(said) == 1

    async def test_a_device_that_does_not_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = installed(monkeypatch, FakeDevice("ill", cannot_start="Unanticipated host error"))
        _, error = await heard(Microphone())
        assert error.message == "the microphone 'ill' fails: Unanticipated host error"
        assert fake.streams[0].closed

    async def test_who_stops_listening_closes_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = installed(monkeypatch, FakeDevice("m", blocks=[bytes(1_920)] * 5))
        blocks = Microphone().blocks()
        assert (await anext(blocks)).pcm == bytes(1_920)
        await blocks.aclose()
        assert fake.streams[0].closed

    def test_a_callback_that_outlives_the_loop_ends_its_stream(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = installed(monkeypatch, FakeDevice("m", blocks=[bytes(1_920)]))

        async def first() -> None:
            async for _ in Microphone().blocks():
                return

        asyncio.run(first())
        with pytest.raises(CallbackAbort):
            fake.streams[0].hand_over(bytes(1_920))
        fake.streams[0].finished_callback()  # which has nothing to abort, and shows nobody a word


async def taken(mic: Microphone) -> list[Block]:
    """Every block that comes until the device is lost."""
    blocks: list[Block] = []
    with pytest.raises(AudioDeviceError):
        async for block in mic.blocks():
            blocks.append(block)
    return blocks


class TestOverflow:
    async def test_what_is_not_taken_within_ten_seconds_is_dropped_and_counted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        numbered = [np.full(960, number, "<i2").tobytes() for number in range(1240)]
        installed(monkeypatch, FakeDevice("m", blocks=numbered, all_at_once=True, unplugged=True))
        *blocks, last = await taken(Microphone())
        assert [block.pcm for block in blocks] == numbered[:625]
        assert {block.lost_s for block in blocks} == {0.0}
        assert last.pcm == b""
        assert last.lost_s == pytest.approx(615 * 0.020)
        assert last.lost_code == "slow"

    async def test_what_portaudio_lost_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        device = FakeDevice("m", blocks=[bytes(1_920)] * 5, overflowed=2, unplugged=True)
        installed(monkeypatch, device)
        blocks = await taken(Microphone())
        assert [block.lost_code for block in blocks] == ["overflow"] * 2 + [""] * 3

    async def test_nothing_is_counted_by_two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever the pace of both threads: what is delivered comes, or is told as lost."""
        monkeypatch.setattr(microphone, "_QUEUED_BLOCKS", 2)
        fast = [bytes(2 * 960)] * 4_000
        installed(monkeypatch, FakeDevice("m", blocks=fast, unplugged=True))
        seconds, lost = 0.0, 0
        with pytest.raises(AudioDeviceError):
            async for number, block in aenumerate(Microphone().blocks()):
                seconds += len(block.pcm) / 96_000 + block.lost_s
                lost += block.lost_code == "slow"
                if number % 7 == 0:
                    await asyncio.sleep(0.001)
        assert seconds == pytest.approx(4_000 * 0.020)
        assert lost


async def aenumerate(blocks: AsyncIterator[Block]) -> AsyncIterator[tuple[int, Block]]:
    number = 0
    async for block in blocks:
        yield number, block
        number += 1


@dataclass(frozen=True)
class Call:
    """One callback: what PortAudio lost before it, and how late it comes."""

    lost_ms: int
    late_ms: int


CALLS = st.lists(
    st.one_of(
        st.builds(Call, st.just(0), st.integers(0, 900)),
        st.builds(Call, st.integers(1, 5_000), st.just(0)),
    ),
    max_size=30,
)


class TestClock:
    @settings(max_examples=300)
    @given(CALLS, st.lists(st.booleans(), min_size=31, max_size=31))
    def test_what_is_told_as_lost_is_what_is_missing(
        self, calls: list[Call], taken: list[bool]
    ) -> None:
        """How much PortAudio lost is estimated by the clock, what we did not take is counted."""
        at_ms = 0
        losses = microphone._Losses(SPEECH)
        not_taken, overflowed = 0, False
        position_s = 0.0
        for call, takes in zip([Call(0, 0), *calls], taken, strict=False):
            at_ms += call.lost_ms + 32
            overflowed |= bool(call.lost_ms)
            if not takes and position_s:
                not_taken += 512
                continue
            # An overflow that is told later than at its own callback comes with a late one.
            late_ms = 0 if overflowed else call.late_ms
            now = (at_ms + late_ms) / 1_000
            part = microphone._Part(bytes(1_024), now, not_taken, overflowed)
            block = losses.told(part, bytes(1_024))
            position_s += block.lost_s + 0.032
            assert position_s == pytest.approx(at_ms / 1_000)
            assert (block.lost_code == "") == (not overflowed and not not_taken)
            not_taken, overflowed = 0, False

    @settings(max_examples=100)
    @given(st.integers(110, 5_000), st.lists(st.integers(0, 60), min_size=80, max_size=80))
    def test_a_gap_that_nobody_told_of_is_found_within_a_second(
        self, missing_ms: int, late_ms: list[int]
    ) -> None:
        losses = microphone._Losses(SPEECH)
        position_s = 0.0
        found: list[int] = []
        for number, late in enumerate([0] * 20 + late_ms):
            at_ms = 32 * (number + 1) + (missing_ms if number >= 30 else 0)
            now = (at_ms + late) / 1_000
            block = losses.told(microphone._Part(bytes(1_024), now, 0, False), bytes(1_024))
            position_s += block.lost_s + 0.032
            if block.lost_code:
                assert block.lost_code == "gap"
                found.append(number)
        assert found == [30 + 1_000 // 32 - 1]
        assert 0 <= position_s - at_ms / 1_000 <= 0.060

    def test_callbacks_that_are_late_now_and_then_are_no_loss(self) -> None:
        losses = microphone._Losses(SPEECH)
        for number in range(400):
            late = 0.9 if number % 29 else 0.0
            now = 0.032 * (number + 1) + late
            block = losses.told(microphone._Part(bytes(1_024), now, 0, False), bytes(1_024))
            assert block.lost_s == 0.0


class TestHurry:
    """At rest two blocks come as one; while somebody speaks each by itself."""

    BLOCKS = tuple(bytes([number]) * 512 for number in range(1, 9))

    async def test_at_rest_two_come_together_and_nothing_is_missing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = FakeDevice("m", blocks=list(self.BLOCKS), all_at_once=True, unplugged=True)
        installed(monkeypatch, device)
        source = Microphone()
        source.hurry(False)
        blocks = await taken(source)
        assert b"".join(block.pcm for block in blocks) == b"".join(self.BLOCKS)
        assert {len(block.pcm) for block in blocks} == {1_024}

    async def test_hurried_each_comes_by_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        device = FakeDevice("m", blocks=list(self.BLOCKS), all_at_once=True, unplugged=True)
        installed(monkeypatch, device)
        blocks = await taken(Microphone())
        assert [block.pcm for block in blocks] == list(self.BLOCKS)

    async def test_what_was_lost_before_a_block_is_told_before_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = FakeDevice(
            "m", blocks=list(self.BLOCKS), overflowed=3, all_at_once=True, unplugged=True
        )
        installed(monkeypatch, device)
        source = Microphone()
        source.hurry(False)
        blocks = await taken(source)
        assert b"".join(block.pcm for block in blocks) == b"".join(self.BLOCKS)
        assert sum(block.lost_code == "overflow" for block in blocks) == 3
