"""Sums of rate, channels, milliseconds and bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.audio.format import SPEECH, AudioFormat


def test_the_detectors_format() -> None:
    assert (SPEECH.rate, SPEECH.channels, SPEECH.frame_bytes) == (16_000, 1, 2)
    assert SPEECH.samples(20) == 320
    assert SPEECH.bytes(20) == 640
    assert SPEECH.seconds(32_000) == 1.0


def test_samples_are_counted_for_one_channel_and_bytes_for_all() -> None:
    stereo = AudioFormat(44_100, 2)
    assert stereo.samples(10) == 441
    assert stereo.bytes(10) == 441 * 4
    assert stereo.seconds(441 * 4) == pytest.approx(0.010)


@given(rate=st.integers(4_000, 192_000), channels=st.integers(1, 64), ms=st.integers(0, 60_000))
def test_bytes_last_as_long_as_was_asked(rate: int, channels: int, ms: int) -> None:
    format = AudioFormat(rate, channels)
    assert format.bytes(ms) % format.frame_bytes == 0
    assert abs(format.seconds(format.bytes(ms)) - ms / 1000) <= 0.5 / rate + 1e-9


@pytest.mark.parametrize(
    ("rate", "channels"),
    [(0, 1), (3_999, 1), (768_001, 1), (-16_000, 1), (16_000, 0), (16_000, 65)],
)
def test_absurd_formats_are_refused(rate: int, channels: int) -> None:
    with pytest.raises(ValueError, match=r"; expected (4000 to 768000|1 to 64)$"):
        AudioFormat(rate, channels)
