"""What is warned of while a microphone is heard: once, and again only after it was over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from micstream.audio.health import MicrophoneHealth, Trouble
from testbed.speech import RATE, SENTENCES, samples
from tests.audio.test_meter import noise, pcm, sine
from tests.support.chunks import chunked, cuts

ROOM = noise(-62, 10)
SPEECH = samples(SENTENCES)[: 10 * RATE] / 32768
"""At -19 dBFS."""
BLOCK = 640
FLOOR_DB = -62.0
"""Of ROOM, as calibrate would keep it."""


def told(health: MicrophoneHealth, sound: bytes, *, speaking: bool = False) -> list[Trouble]:
    """What is said of it, pushed in blocks of 20 ms."""
    blocks = (sound[at : at + BLOCK] for at in range(0, len(sound), BLOCK))
    return [trouble for block in blocks for trouble in health.push(block, speaking=speaking)]


def at(level_db: float) -> bytes:
    """Ten seconds of speech at that level."""
    return pcm(SPEECH * 10 ** ((level_db + 19) / 20) + noise(level_db - 40, 10))


@settings(max_examples=8)
@given(cuts(20 * RATE))
def test_the_same_however_it_is_divided(where: list[int]) -> None:
    sound = at(-50) + pcm(SPEECH * 8) + bytes(6 * RATE * 2) + pcm(ROOM + sine(60, -45, 10))
    sound += pcm(noise(-78, 12))
    health = MicrophoneHealth(FLOOR_DB)
    divided = [
        trouble for chunk in chunked(sound, where) for trouble in health.push(chunk, speaking=True)
    ]
    assert divided == told(MicrophoneHealth(FLOOR_DB), sound, speaking=True)
    assert {*divided} == {*Trouble}


def test_a_good_microphone_is_no_trouble() -> None:
    health = MicrophoneHealth()
    assert told(health, pcm(ROOM)) == []
    assert told(health, at(-20), speaking=True) == []
    assert health.speech_db == pytest.approx(-20, abs=2)
    assert told(health, pcm(ROOM)) == []


def test_zeros_are_told_after_five_seconds_and_so_is_their_end() -> None:
    health = MicrophoneHealth()
    assert told(health, pcm(ROOM)) == []
    assert told(health, bytes(int(4.9 * RATE) * 2)) == []
    assert told(health, bytes(RATE * 2)) == [Trouble.ZEROS]
    assert told(health, bytes(60 * RATE * 2)) == []
    assert told(health, pcm(ROOM)) == [Trouble.BACK]
    assert told(health, bytes(6 * RATE * 2)) == [Trouble.ZEROS]


def test_one_knock_is_no_clipping() -> None:
    health = MicrophoneHealth()
    knock = ROOM.copy()
    knock[RATE : RATE + 800] = 1.0
    assert told(health, pcm(knock)) == []


def test_clipping_is_told_once_until_it_was_over_for_ten_seconds() -> None:
    health, loud = MicrophoneHealth(), pcm(SPEECH * 8)
    assert told(health, loud, speaking=True) == [Trouble.CLIPPING]
    assert told(health, loud, speaking=True) == []
    assert told(health, pcm(ROOM)[: 8 * RATE * 2]) == []
    assert told(health, loud, speaking=True) == []
    assert told(health, pcm(ROOM) + pcm(ROOM)) == []
    assert told(health, loud, speaking=True) == [Trouble.CLIPPING]


def test_quiet_speech_is_told_once_until_it_was_louder() -> None:
    health = MicrophoneHealth()
    assert told(health, at(-50), speaking=True) == [Trouble.QUIET]
    assert health.speech_db == pytest.approx(-50, abs=2)
    assert told(health, at(-43), speaking=True) == []
    assert told(health, at(-50), speaking=True) == [], "a little louder is not over"
    assert told(health, at(-30) * 2, speaking=True) == []
    assert told(health, at(-50) * 2, speaking=True) == [Trouble.QUIET]


def test_what_is_not_in_an_utterance_is_no_speech() -> None:
    health = MicrophoneHealth()
    assert told(health, at(-50)) == []
    assert health.speech_db is None


@pytest.mark.parametrize("hertz", [50, 60])
def test_hum_is_told_once_and_after_it_was_gone_again(hertz: int) -> None:
    health = MicrophoneHealth()
    humming = pcm(ROOM + sine(hertz, -45, 10))
    assert told(health, humming) == [Trouble.HUM]
    assert health.hum is not None
    assert health.hum.hertz == hertz
    assert told(health, humming) == []
    assert told(health, pcm(ROOM) * 2) == []
    assert told(health, humming) == [Trouble.HUM]


def test_hum_that_nobody_hears_is_not_told() -> None:
    health = MicrophoneHealth()
    assert told(health, pcm(noise(-85, 10) + sine(50, -75, 10))) == []
    hum = health.meter.hum()
    assert hum is not None, "it is there"


def test_a_held_note_is_no_hum() -> None:
    health = MicrophoneHealth()
    sung = np.concatenate([sine(hertz, -20, 2) for hertz in (98, 110, 123, 98, 110)])
    assert told(health, pcm(sung + ROOM), speaking=True) == []


class TestMuted:
    """A headset that is muted at itself goes on with a noise of its own, and no zeros."""

    def test_it_is_told_after_ten_seconds_where_the_room_was_calibrated(self) -> None:
        health = MicrophoneHealth(FLOOR_DB)
        assert told(health, pcm(ROOM)) == []
        assert told(health, pcm(noise(-78, 9))) == []
        assert told(health, pcm(noise(-78, 2))) == [Trouble.MUTED]
        assert health.muted_db == pytest.approx(-78, abs=2)
        assert told(health, pcm(noise(-78, 70))) == [], "once"

    def test_it_is_told_after_a_minute_where_nothing_is_known_of_the_room(self) -> None:
        health = MicrophoneHealth()
        assert told(health, at(-20), speaking=True) == []
        assert told(health, pcm(noise(-78, 58))) == []
        assert told(health, pcm(noise(-78, 3))) == [Trouble.MUTED]

    @pytest.mark.parametrize("floor_db", [None, FLOOR_DB])
    def test_it_is_told_again_only_after_it_was_over(self, floor_db: float | None) -> None:
        health, muted = MicrophoneHealth(floor_db), pcm(noise(-78, 62))
        assert told(health, muted) == [Trouble.MUTED]
        assert told(health, pcm(noise(-67, 5)) + muted) == [], "a little louder is not over"
        assert told(health, at(-30) + muted) == [Trouble.MUTED]

    @pytest.mark.parametrize("floor_db", [None, -81.0, -76.0])
    def test_a_quiet_studio_is_none(self, floor_db: float | None) -> None:
        """What was calibrated there is known; else a word now and then says that it is open."""
        health = MicrophoneHealth(floor_db)
        word = pcm(SPEECH[: RATE // 2] + noise(-78, 0.5))
        for _ in range(3):
            assert told(health, pcm(noise(-78, 50)) + word) == []
        if floor_db is not None:
            assert told(health, pcm(noise(-78, 180))) == []

    def test_the_click_of_a_cable_is_no_life(self) -> None:
        health = MicrophoneHealth()
        muted = noise(-78, 62)
        for second in range(0, 62, 3):
            muted[second * RATE : second * RATE + 300] = 0.3
        assert told(health, pcm(muted)) == [Trouble.MUTED]

    def test_zeros_are_told_as_zeros_and_a_gate_that_shuts_between_is_none(self) -> None:
        assert told(MicrophoneHealth(FLOOR_DB), bytes(90 * RATE * 2)) == [Trouble.ZEROS]
        gated = np.concatenate([SPEECH[: 2 * RATE], np.zeros(3 * RATE)] * 20)
        assert told(MicrophoneHealth(), pcm(gated)) == []

    def test_noise_of_the_last_bit_is_told(self) -> None:
        bits = np.random.default_rng(2).integers(-1, 2, 62 * RATE).astype("<i2")
        assert told(MicrophoneHealth(), bits.tobytes()) == [Trouble.MUTED]
        sparse = np.where(np.random.default_rng(3).random(62 * RATE) < 0.02, 1, 0).astype("<i2")
        assert told(MicrophoneHealth(), sparse.tobytes()) == [Trouble.MUTED]
