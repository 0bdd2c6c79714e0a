"""What is warned of while a microphone is heard: once, and again only after it was over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from micstream.audio.watch import Trouble, Watch
from testbed.speech import RATE, SENTENCES, samples
from tests.audio.test_meter import noise, pcm, sine
from tests.support.chunks import chunked, cuts

ROOM = noise(-62, 10)
SPEECH = samples(SENTENCES)[: 10 * RATE] / 32768
"""At -19 dBFS."""
BLOCK = 640


def told(watch: Watch, sound: bytes, *, speaking: bool = False) -> list[Trouble]:
    """What the watch says of it, pushed in blocks of 20 ms."""
    blocks = (sound[at : at + BLOCK] for at in range(0, len(sound), BLOCK))
    return [trouble for block in blocks for trouble in watch.push(block, speaking=speaking)]


def at(level_db: float) -> bytes:
    """Ten seconds of speech at that level."""
    return pcm(SPEECH * 10 ** ((level_db + 19) / 20) + noise(level_db - 40, 10))


@settings(max_examples=8)
@given(cuts(20 * RATE))
def test_the_same_however_it_is_divided(where: list[int]) -> None:
    sound = at(-50) + pcm(SPEECH * 8) + bytes(6 * RATE * 2) + pcm(ROOM + sine(60, -45, 10))
    watch = Watch()
    divided = [
        trouble for chunk in chunked(sound, where) for trouble in watch.push(chunk, speaking=True)
    ]
    assert divided == told(Watch(), sound, speaking=True)
    assert {*divided} == {*Trouble}


def test_a_good_microphone_is_no_trouble() -> None:
    watch = Watch()
    assert told(watch, pcm(ROOM)) == []
    assert told(watch, at(-20), speaking=True) == []
    assert watch.speech_db == pytest.approx(-20, abs=2)
    assert told(watch, pcm(ROOM)) == []


def test_zeros_are_told_after_five_seconds_and_so_is_their_end() -> None:
    watch = Watch()
    assert told(watch, pcm(ROOM)) == []
    assert told(watch, bytes(int(4.9 * RATE) * 2)) == []
    assert told(watch, bytes(RATE * 2)) == [Trouble.ZEROS]
    assert told(watch, bytes(60 * RATE * 2)) == []
    assert told(watch, pcm(ROOM)) == [Trouble.BACK]
    assert told(watch, bytes(6 * RATE * 2)) == [Trouble.ZEROS]


def test_one_knock_is_no_clipping() -> None:
    watch = Watch()
    knock = ROOM.copy()
    knock[RATE : RATE + 800] = 1.0
    assert told(watch, pcm(knock)) == []


def test_clipping_is_told_once_until_it_was_over_for_ten_seconds() -> None:
    watch, loud = Watch(), pcm(SPEECH * 8)
    assert told(watch, loud, speaking=True) == [Trouble.CLIPPING]
    assert told(watch, loud, speaking=True) == []
    assert told(watch, pcm(ROOM)[: 8 * RATE * 2]) == []
    assert told(watch, loud, speaking=True) == []
    assert told(watch, pcm(ROOM) + pcm(ROOM)) == []
    assert told(watch, loud, speaking=True) == [Trouble.CLIPPING]


def test_quiet_speech_is_told_once_until_it_was_louder() -> None:
    watch = Watch()
    assert told(watch, at(-50), speaking=True) == [Trouble.QUIET]
    assert watch.speech_db == pytest.approx(-50, abs=2)
    assert told(watch, at(-43), speaking=True) == []
    assert told(watch, at(-50), speaking=True) == [], "a little louder is not over"
    assert told(watch, at(-30) * 2, speaking=True) == []
    assert told(watch, at(-50) * 2, speaking=True) == [Trouble.QUIET]


def test_what_is_not_in_an_utterance_is_no_speech() -> None:
    watch = Watch()
    assert told(watch, at(-50)) == []
    assert watch.speech_db is None


@pytest.mark.parametrize("hertz", [50, 60])
def test_hum_is_told_once_and_after_it_was_gone_again(hertz: int) -> None:
    watch = Watch()
    humming = pcm(ROOM + sine(hertz, -45, 10))
    assert told(watch, humming) == [Trouble.HUM]
    assert watch.hum is not None
    assert watch.hum.hertz == hertz
    assert told(watch, humming) == []
    assert told(watch, pcm(ROOM) * 2) == []
    assert told(watch, humming) == [Trouble.HUM]


def test_hum_that_nobody_hears_is_not_told() -> None:
    watch = Watch()
    assert told(watch, pcm(noise(-85, 10) + sine(50, -75, 10))) == []
    hum = watch.meter.hum()
    assert hum is not None, "it is there"


def test_a_held_note_is_no_hum() -> None:
    watch = Watch()
    sung = np.concatenate([sine(hertz, -20, 2) for hertz in (98, 110, 123, 98, 110)])
    assert told(watch, pcm(sung + ROOM), speaking=True) == []
