"""The mouth opens with the level, is shut in silence, and follows the vowel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from micstream.demo.assets import bundled
from micstream.demo.lips import PIECE_S, SHUT, Lips, Shape

RATE = 16_000
PIECE = round(RATE * PIECE_S)
Samples = npt.NDArray[np.int16]


def vowel(first: float, second: float, seconds: float = 0.5, level: float = 0.15) -> Samples:
    """A voice at 120 Hz, 4 dB less with each octave, through a throat with these two formants."""
    hertz = np.arange(120.0, 7_000.0, 120.0)
    gain = hertz**-0.65
    for middle, band in ((first, 60.0), (second, 80.0), (2_600.0, 120.0), (3_500.0, 180.0)):
        gain *= middle**2 / np.hypot(middle**2 - hertz**2, hertz * band)
    at = np.arange(round(RATE * seconds)) / RATE
    spoken = gain @ np.sin(2 * np.pi * hertz[:, np.newaxis] * at + hertz[:, np.newaxis])
    spoken *= level / np.sqrt(np.mean(spoken**2))
    return np.asarray(np.clip(spoken * 32767, -32768, 32767), dtype=np.int16)


def follow(sound: Samples) -> list[Shape]:
    lips = Lips(RATE)
    return [lips.hear(sound[at : at + PIECE]) for at in range(0, sound.size, PIECE)]


def settled(sound: Samples) -> Shape:
    return Shape(*np.median(follow(sound), axis=0).tolist())


OO, OH, AH, EE = ((310, 870), (500, 900), (730, 1150), (290, 2250))


def test_silence_shuts_it_at_once() -> None:
    lips = Lips(RATE)
    assert lips.hear(vowel(*AH)[:PIECE]).openness > 0.3
    assert lips.hear(np.zeros(PIECE, dtype=np.int16)) == SHUT
    noise = np.random.default_rng(1).normal(0, 40, RATE).astype(np.int16)  # -58 dBFS
    assert all(shape == SHUT for shape in follow(noise))


def test_louder_is_wider_open() -> None:
    speech = [vowel(*AH, level=level) for level in (0.003, 0.01, 0.03, 0.1, 0.3)]
    opened = []
    for each in speech:
        lips = Lips(RATE)
        lips.hear(vowel(*AH, level=0.3)[:PIECE])  # who has just been loud
        opened.append(lips.hear(each[:PIECE]).openness)
    assert opened == sorted(opened)
    assert opened[0] == 0.0
    assert opened[-1] > 0.9


def test_a_soft_speaker_does_not_mumble() -> None:
    assert settled(vowel(*AH, level=0.03)).openness > 0.6


def test_rounded_vowels_round_the_mouth_and_spread_ones_spread_it() -> None:
    oo, oh, ah, ee = (settled(vowel(*formants)).width for formants in (OO, OH, AH, EE))
    assert max(oo, oh) < ah < ee
    assert ee - max(oo, oh) > 0.4


def test_ah_drops_the_jaw_more_than_ee_and_oo() -> None:
    oo, ah, ee = (settled(vowel(*formants)).openness for formants in (OO, AH, EE))
    assert ah > 1.1 * max(oo, ee)


def test_a_hiss_shows_teeth() -> None:
    rng = np.random.default_rng(2)
    noise = np.diff(rng.normal(0, 1, RATE + 2), n=2)
    hiss = settled((noise / np.abs(noise).max() * 12_000).astype(np.int16))
    assert hiss.width > 0.8
    assert 0.0 < hiss.openness < 0.6


@pytest.mark.parametrize("name", ["hello_world_16kHz.wav", "sentences.flac"])
def test_in_speech_it_opens_with_the_level(name: str) -> None:
    sound, rate = soundfile.read(bundled(name), dtype="int16", frames=RATE * 20)
    assert rate == RATE
    sound = sound[: sound.size // PIECE * PIECE]
    levels = 20 * np.log10(np.sqrt((sound.reshape(-1, PIECE) / 32768.0) ** 2).mean(axis=1) + 1e-6)
    opened = np.array([shape.openness for shape in follow(sound)])
    assert np.corrcoef(opened, np.maximum(levels, -50))[0, 1] > 0.75
    assert (opened[levels < -55] == 0).all()
    assert np.percentile(opened, 97) > 0.7
    widths = [shape.width for shape in follow(sound) if shape.openness > 0.2]
    assert np.percentile(widths, 90) - np.percentile(widths, 10) > 0.3


@given(
    sounds=st.lists(arrays.arrays(np.int16, st.integers(0, 700)), max_size=6),
    rate=st.sampled_from([8_000, 16_000, 48_000]),
)
def test_any_sound_is_a_mouth(sounds: list[Samples], rate: int) -> None:
    lips, again = Lips(rate), Lips(rate)
    for sound in sounds:
        shape = lips.hear(sound)
        assert 0.0 <= shape.openness <= 1.0
        assert 0.0 <= shape.width <= 1.0
        assert again.hear(sound) == shape
