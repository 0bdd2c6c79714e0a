"""A cue is known by its pitch, in whatever else is heard, and speech is no cue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.viewer.recording import SoundRecording
from micstream.viewer.sound import RATE, SoundBlock
from rehearsal.cast import PITCHES, SOUNDS, write_show
from rehearsal.tones import heard, pitches_of, write
from testbed.speech import SENTENCES, samples

ALL = tuple(PITCHES.values())
SIZE = RATE // 10


def pieces(sound: np.ndarray) -> np.ndarray:
    return sound[: sound.size // SIZE * SIZE].reshape(-1, SIZE)


@pytest.mark.parametrize("hz", ALL)
def test_a_tone_is_found_at_its_pitch_alone(hz: int) -> None:
    time = np.arange(RATE) / RATE
    tone = (9_000 * np.sin(2 * np.pi * hz * time)).astype(np.int16)
    noise = np.random.default_rng(1).normal(0, 300, RATE).astype(np.int16)
    assert set(pitches_of(pieces(tone + noise), ALL)) == {hz}


def test_neither_speech_nor_silence_is_a_cue() -> None:
    for where in range(0, SIZE, SIZE // 4):
        assert set(pitches_of(pieces(samples(SENTENCES)[where:]), ALL)) == {None}
    assert set(pitches_of(pieces(np.zeros(RATE, dtype=np.int16)), ALL)) == {None}


def test_a_vowel_near_a_pitch_is_no_cue_unless_it_stands_beside_one() -> None:
    time = np.arange(SIZE) / RATE
    tone = 9_000 * np.sin(2 * np.pi * 700 * time)
    vowel = tone + 4_500 * np.sin(2 * np.pi * 230 * time)  # four fifths of it at 700 Hz
    quiet = np.zeros(SIZE)
    assert pitches_of(np.stack([vowel, vowel, quiet]).astype(np.int16), ALL) == [None] * 3
    assert pitches_of(np.stack([quiet, vowel, tone]).astype(np.int16), ALL) == [None, 700, 700]


def test_what_was_heard_is_told_with_the_time_at_which_it_came(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 700, 0.5)
    tone, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    sound = np.concatenate([np.zeros(RATE, np.int16), tone, np.zeros(RATE // 2, np.int16)])
    recording = SoundRecording()
    for number, block in enumerate(sound.reshape(-1, 160)):
        at = 100 + number / 100
        recording.push(SoundBlock(block.tobytes(), 160 * number, at, at, "track"))
    told = heard(recording, ALL)
    loud = [piece for piece in told if piece.loud]
    assert len(told) == 20
    assert [piece.hz for piece in loud] == [700] * 5
    assert [loud[0].t, loud[-1].t] == pytest.approx([101.05, 101.45])
    assert heard(SoundRecording(), ALL) == []


def test_the_shows_file_is_a_show(tmp_path: Path) -> None:
    from micstream.show.show_file import load_show

    show = load_show(str(write_show(tmp_path)))
    assert not [cue.problem for cue in show.cues if cue.problem]
    lengths = {cue.name: round(cue.duration_s, 2) for cue in show.cues if cue.pcm}
    assert lengths == SOUNDS
    assert [cue.name for cue in show.cues if cue.messages] == ["bow", "nod"]
