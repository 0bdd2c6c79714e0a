"""Any rate and channel count to mono at the rate wanted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.audio.format import AudioFormat
from micstream.audio.resample import Resampler, mix_down
from tests.support.chunks import chunked, cuts
from tests.support.tones import Samples, share_at, tone

FORMATS = st.sampled_from(
    [(16_000, 1), (16_000, 2), (48_000, 1), (48_000, 2), (44_100, 2), (8_000, 1), (24_000, 6)]
)


def resampled(pcm: bytes, source: AudioFormat, rate: int, *, pick: int = 0) -> Samples:
    resampler = Resampler(source, rate, pick=pick)
    return np.frombuffer(resampler.push(pcm) + resampler.finish(), dtype="<i2")


@settings(max_examples=60)
@given(
    form=FORMATS,
    rate=st.sampled_from([16_000, 24_000]),
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(0, 6_000),
    where=cuts(24_000),
)
def test_any_division_gives_the_same_sound(
    form: tuple[int, int], rate: int, seed: int, length: int, where: list[int]
) -> None:
    source = AudioFormat(*form)
    pcm = np.random.default_rng(seed).bytes(length * source.frame_bytes)
    resampler = Resampler(source, rate)
    pieces = [resampler.push(block) for block in chunked(pcm, where)]
    got = b"".join([*pieces, resampler.finish()])
    assert got == resampled(pcm, source, rate).tobytes()
    assert abs(len(got) // 2 - length * rate / source.rate) <= 1
    # and it has begun anew:
    assert resampler.push(pcm) + resampler.finish() == got


@pytest.mark.parametrize(
    ("source", "rate"),
    [
        (AudioFormat(48_000, 2), 16_000),
        (AudioFormat(44_100, 1), 16_000),
        (AudioFormat(8_000, 1), 16_000),
        (AudioFormat(16_000, 1), 24_000),
        (AudioFormat(96_000, 1), 16_000),
    ],
)
@pytest.mark.parametrize("hertz", [200, 1_000, 3_000])
def test_a_tone_stays_a_tone(source: AudioFormat, rate: int, hertz: int) -> None:
    pcm = np.repeat(tone(hertz, source.rate), source.channels).tobytes()
    samples = resampled(pcm, source, rate)
    assert share_at(samples, hertz, rate) > 0.9999
    assert np.abs(samples).max() == pytest.approx(10_000, rel=0.06)


def test_speech_comes_through_up_to_seven_kilohertz() -> None:
    samples = resampled(tone(7_000, 48_000).tobytes(), AudioFormat(48_000), 16_000)
    middle = samples[2_000:-2_000].astype(np.float64)
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(10_000, rel=0.02)


def test_what_the_new_rate_cannot_hold_is_gone() -> None:
    samples = resampled(tone(11_000, 48_000).tobytes(), AudioFormat(48_000), 16_000)
    assert np.abs(samples[2_000:-2_000]).max() < 30


def test_it_holds_back_little() -> None:
    resampler = Resampler(AudioFormat(48_000), 16_000)
    out = sum(len(resampler.push(bytes(960 * 2))) // 2 for _ in range(50))
    assert 16_000 - out <= 16_000 * 0.020


def test_where_nothing_is_to_be_done_the_bytes_are_handed_through() -> None:
    block = tone(440, 16_000).tobytes()
    resampler = Resampler(AudioFormat(16_000), 16_000)
    assert resampler.push(block) is block
    assert resampler.finish() == b""


def test_channels_are_mixed_or_one_is_picked() -> None:
    samples = np.array([100, 300, -500, 32_767, 32_767, 32_767], dtype=np.int16)
    assert mix_down(samples, 1) is samples
    assert mix_down(samples, 3).tolist() == [-33, 32_767]
    assert mix_down(samples, 3, pick=1).tolist() == [100, 32_767]
    assert mix_down(samples, 3, pick=3).tolist() == [-500, 32_767]


def test_the_channel_picked_is_the_one_heard() -> None:
    both = np.stack([tone(400, 48_000), tone(2_000, 48_000)], axis=1).tobytes()
    source = AudioFormat(48_000, 2)
    for pick, hertz in ((1, 400), (2, 2_000)):
        assert share_at(resampled(both, source, 16_000, pick=pick), hertz, 16_000) > 0.9999
    assert 0.4 < share_at(resampled(both, source, 16_000), 400, 16_000) < 0.6


def test_silence_stays_silent() -> None:
    assert not resampled(bytes(96_000), AudioFormat(48_000), 16_000).any()


class TestCancelling:
    """A voice on one channel, and upside down on the other: mixed it would be silence."""

    @settings(max_examples=60, deadline=None)
    @given(
        left=st.floats(0.3, 1),
        right=st.floats(0.3, 1),
        offset=st.integers(-2_000, 2_000),
        rate=st.sampled_from([16_000, 44_100, 48_000]),
        where=cuts(200_000),
    )
    def test_the_voice_is_heard_from_its_first_moments_on(
        self, left: float, right: float, offset: int, rate: int, where: list[int]
    ) -> None:
        voice = tone(300, rate).astype(np.float64)
        quieter = right / max(left, right)
        both = np.stack([voice * left / max(left, right), -voice * quieter], axis=1) + offset
        pcm = both.astype("<i2").tobytes()
        resampler = Resampler(AudioFormat(rate, 2), 16_000)
        got = b"".join(resampler.push(block) for block in chunked(pcm, where))
        samples = np.frombuffer(got + resampler.finish(), "<i2").astype(np.float64)
        heard = samples[1_600:-800]
        assert heard.std() > 0.6 * voice.std() * abs(left - right) / 2
        if abs(left - right) < 0.25 * max(left, right):
            assert heard.std() > 0.9 * voice.std(), "the louder one, not what is left of both"
            equal = abs(left - right) < 0.001
            assert equal or resampler.took == 1 + (right > left)

    def test_another_stream_is_judged_anew(self) -> None:
        voice = tone(300, 16_000)
        resampler = Resampler(AudioFormat(16_000, 2), 16_000)
        resampler.push(np.stack([voice, -voice], axis=1).tobytes())
        resampler.finish()
        mixed = resampler.push(np.stack([voice, voice // 2], axis=1).tobytes())
        assert np.frombuffer(mixed, "<i2") == pytest.approx(0.75 * voice, abs=1)

    def test_what_is_mended_is_mixed_again(self) -> None:
        voice = tone(300, 16_000, 4)
        resampler = Resampler(AudioFormat(16_000, 2), 16_000)
        resampler.push(np.stack([voice, -voice], axis=1).tobytes())
        mixed = resampler.push(np.stack([voice, voice // 2], axis=1).tobytes())
        assert np.frombuffer(mixed, "<i2")[-16_000:] == pytest.approx(0.75 * voice[:16_000], abs=1)

    @pytest.mark.parametrize("wire", [1, 2])
    def test_a_cable_that_is_changed_after_minutes_is_found_within_seconds(self, wire: int) -> None:
        voice = tone(300, 16_000, 60)
        resampler = Resampler(AudioFormat(16_000, 2), 16_000)
        resampler.push(np.stack([voice, voice], axis=1).tobytes())
        turned = np.stack([voice, voice], axis=1)
        turned[:, wire - 1] *= -1
        got = np.frombuffer(resampler.push(turned.tobytes()), "<i2").astype(np.float64)
        assert got[-32_000:].std() > 0.9 * voice.std()
        assert got[: 6 * 16_000].std() > 0.3 * voice.std(), "a few seconds at most were lost"

    @pytest.mark.parametrize("chance", range(5))
    def test_two_voices_are_mixed_and_so_is_a_single_one(self, chance: int) -> None:
        generator = np.random.default_rng(chance)
        voices = generator.normal(0, 3_000, (32_000, 2))
        for table in (voices, voices * [1, 0], voices * [0.01, 1], voices[:, :1] * [1, 0.3]):
            samples = table.astype("<i2")
            resampler = Resampler(AudioFormat(16_000, 2), 16_000)
            got = np.frombuffer(resampler.push(samples.tobytes()), "<i2")
            assert got.tolist() == mix_down(samples.reshape(-1), 2).tolist()
            assert resampler.took == 0

    def test_a_channel_that_is_asked_for_is_taken_in_any_case(self) -> None:
        voice = tone(300, 16_000)
        resampler = Resampler(AudioFormat(16_000, 2), 16_000, pick=2)
        got = resampler.push(np.stack([voice, -voice], axis=1).tobytes())
        assert np.frombuffer(got, "<i2").tolist() == (-voice).tolist()
        assert resampler.took == 0
