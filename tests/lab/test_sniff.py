"""Sound that is not what it should be is told from sound that is."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile

from micstream.lab.sniff import HEAD_BYTES, file_header, wrong_samples
from testbed.speech import HELLO, MONOLOGUE, RATE, samples

PLACES = range(0, 10 * RATE, RATE // 2)


def heads() -> list[Any]:
    spoken = samples(MONOLOGUE)
    found = [spoken[at : at + HEAD_BYTES // 2] for at in PLACES]
    return [each for each in found if np.abs(each.astype(int)).max() > 500]


@pytest.mark.parametrize("level", [1.0, 0.1, 0.01])
def test_speech_is_what_it_should_be_wherever_one_looks(level: float) -> None:
    wrong = [wrong_samples((each * level).astype("<i2").tobytes()) for each in heads()]
    assert wrong == [None] * len(wrong)


def test_its_bytes_exchanged_are_told() -> None:
    told = [wrong_samples(each.astype(">i2").tobytes()) for each in heads()]
    assert told == ["byte_order"] * len(told)


def test_floats_are_told() -> None:
    told = [wrong_samples((each / 32_768).astype("<f4").tobytes()) for each in heads()]
    assert told == ["floats"] * len(told)


@pytest.mark.parametrize(
    "sound",
    [
        b"",
        bytes(HEAD_BYTES),
        b"\xff\x7f" * 4_000,
        np.random.default_rng(1).integers(-32_768, 32_767, 8_000).astype("<i2").tobytes(),
        np.random.default_rng(1).integers(-3, 3, 8_000).astype("<i2").tobytes(),
        (8_000 * np.sin(np.arange(8_000) * 0.05)).astype("<i2").tobytes(),
        (8_000 * np.sin(np.arange(8_000) * 2.9)).astype("<i2").tobytes(),
        b"\x00\x00\x80\x3f" * 2_000,
        b"\x7f" * HEAD_BYTES,
    ],
    ids=["none", "zeros", "full", "noise", "hiss", "low", "high", "step", "same"],
)
def test_what_is_odd_and_allowed_is_not_told(sound: bytes) -> None:
    assert wrong_samples(sound) is None


@pytest.mark.parametrize(
    ("form", "subtype", "kind"),
    [("WAV", "PCM_16", "WAV"), ("OGG", "VORBIS", "Ogg"), ("FLAC", "PCM_16", "FLAC")],
)
def test_a_files_header_is_told(form: str, subtype: str, kind: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, samples(HELLO), RATE, format=form, subtype=subtype)
    assert file_header(file.getvalue()) == kind
    assert file_header(samples(HELLO).tobytes()) is None
