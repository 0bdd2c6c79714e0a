"""Speech presence: what is judged, and when its spectra are made tells nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micstream.speech.presence import BANDS, FEATURES, NETWORK, SpeechPresence
from micstream.speech.presence_weights import WEIGHTS
from micstream.speech.silero import FRAME_SAMPLES
from tests.support.noises import noise, pcm

FRAMES = 160
SIZE = FRAME_SAMPLES * 2


def frames_of(samples: np.ndarray) -> list[bytes]:
    whole = pcm(samples)
    return [whole[at : at + SIZE] for at in range(0, len(whole) - SIZE + 1, SIZE)]


def hissing(loud: float) -> np.ndarray:
    """A room's noise, and from the 120th frame on a hiss over it."""
    sound = noise(20, FRAMES * FRAME_SAMPLES / 16_000 + 1)[: FRAMES * FRAME_SAMPLES].copy()
    sound[120 * FRAME_SAMPLES :] *= loud
    return sound


def test_there_is_a_weight_for_each_feature() -> None:
    assert len(WEIGHTS) == FEATURES
    assert FEATURES == NETWORK + 2 * BANDS + 4


@settings(max_examples=30, deadline=None)
@given(asked=st.sets(st.integers(0, FRAMES - 2), max_size=20))
def test_whoever_asked_before_the_answer_is_the_same(asked: set[int]) -> None:
    frames = frames_of(hissing(20))
    curious, patient = SpeechPresence(), SpeechPresence()
    for number, frame in enumerate(frames):
        curious.push(frame, 0.1)
        patient.push(frame, 0.1)
        if number in asked:
            assert 0 <= curious.probability(0.5) <= 1
    # The windows behind the two begin within the ring, so what lies three seconds back may differ.
    assert curious.probability(0.5) == pytest.approx(patient.probability(0.5), abs=0.02)


def test_what_stands_out_is_likelier_than_the_room() -> None:
    frames = frames_of(hissing(20))
    presence = SpeechPresence()
    for frame in frames[:115]:
        presence.push(frame, 0.1)
    room = presence.probability(0.0)
    for frame in frames[115:130]:
        presence.push(frame, 0.1)
    assert presence.probability(0.0) > room + 0.1


def test_it_does_not_depend_on_level() -> None:
    chances = []
    for gain in (1.0, 0.5):
        presence = SpeechPresence()
        for frame in frames_of(hissing(20) * 10 * gain)[:130]:
            presence.push(frame, 0.2)
        chances.append(presence.probability(0.3))
    assert chances[0] == pytest.approx(chances[1], abs=0.02)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_surer_the_network_the_likelier(one: float, other: float) -> None:
    chances = []
    for said in sorted((one, other)):
        presence = SpeechPresence()
        for frame in frames_of(hissing(20))[:3]:
            presence.push(frame, 0.0)
        presence.push(bytes(SIZE), said)
        chances.append(presence.probability(0.5))
    assert chances == sorted(chances)


def test_digital_silence_and_a_first_frame_are_judged_too() -> None:
    presence = SpeechPresence()
    presence.push(bytes(SIZE), 0.0)
    assert 0 <= presence.probability(0.0) < 0.1


def test_after_a_reset_it_is_as_new() -> None:
    used, fresh = SpeechPresence(), SpeechPresence()
    for frame in frames_of(hissing(20))[:40]:
        used.push(frame, 0.9)
    used.reset()
    for each in (used, fresh):
        each.push(pcm(noise(300, 1))[:SIZE], 0.3)
    assert used.probability(0.2) == fresh.probability(0.2)
