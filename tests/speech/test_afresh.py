"""A second network is asked where the first may be deaf; only one of the two judges a frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.audio.format import SPEECH
from micstream.settings import load
from micstream.speech.afresh import BEFORE, LONG, Afresh
from micstream.speech.detectors import make_cutter
from micstream.speech.events import Onset
from micstream.speech.silero import FRAME_SAMPLES, Samples, SileroDetector
from testbed.speech import SENTENCES, labels, samples
from tests.support.noises import noise, pcm

HELD = 0.4
VOICES, QUIET, LOUD = -45.0, -60.0, -20.0


class Says:
    """A network that says what stands in its first sample, and notes what it hears."""

    def __init__(self, times: float = 1.0) -> None:
        self.heard: list[float] = []
        self.resets = 0
        self._times = times

    def judge(self, samples: Samples) -> float:
        self.heard.append(float(samples[1]))
        return float(samples[0]) * self._times

    def reset(self) -> None:
        self.resets += 1


def frame(says: float, number: int = 0) -> Samples:
    return np.array([says, number], np.float32)


class Ears:
    """Both networks; the first is deaf where `deaf`."""

    def __init__(self, *, deaf: bool = True) -> None:
        self.first, self.second = Says(0.1 if deaf else 1.0), Says()
        self.asked = 0
        self.afresh = Afresh(self.first, self._spare, HELD)
        self.count = 0

    def _spare(self) -> Says:
        self.asked += 1
        return self.second

    def hear(self, says: float, level_db: float, frames: int = 1) -> list[float]:
        said = []
        for _ in range(frames):
            self.count += 1
            said.append(self.afresh.judge(frame(says, self.count), level_db))
        return said

    def hear_voices(self, frames: int = LONG) -> None:
        """A background with voices in it, for so long."""
        self.hear(0.0, VOICES, 20)
        self.hear(0.0, QUIET, frames - 20)


def test_after_a_long_silence_something_loud_is_asked_afresh_from_a_little_before() -> None:
    ears = Ears()
    ears.hear_voices()
    assert (ears.asked, ears.second.heard) == (1, [])
    (said,) = ears.hear(0.9, LOUD)
    assert said == pytest.approx(0.9)
    assert ears.afresh.is_afresh
    assert ears.second.resets == 1
    assert ears.second.heard == [float(n) for n in range(ears.count - BEFORE + 1, ears.count + 1)]


@pytest.mark.parametrize(
    ("silence", "says", "level_db"),
    [(LONG - 2, 0.9, LOUD), (LONG, 0.9, QUIET), (LONG, 0.9, QUIET + 2)],
)
def test_not_sooner_nor_for_what_is_no_louder(silence: int, says: float, level_db: float) -> None:
    ears = Ears()
    ears.hear(0.0, QUIET, silence)
    ears.hear(says, level_db)
    assert not ears.afresh.is_afresh


def test_where_the_background_is_even_the_first_one_is_asked_anew_and_there_is_no_second() -> None:
    ears = Ears(deaf=False)
    ears.hear(0.0, QUIET, LONG)
    ears.hear(0.2, LOUD)
    assert (ears.asked, ears.first.resets) == (0, 1)
    last = [float(n) for n in range(ears.count - BEFORE + 1, ears.count + 1)]
    assert ears.first.heard[-BEFORE:] == last
    assert ears.hear(0.6, LOUD) == pytest.approx([HELD])
    assert ears.hear(0.8, LOUD) == pytest.approx([0.8])
    ears.hear(0.05, QUIET, 30)
    assert not ears.afresh.is_afresh


def test_one_that_hears_it_itself_goes_on() -> None:
    ears = Ears(deaf=False)
    ears.hear(0.0, QUIET, LONG)
    assert ears.hear(0.9, LOUD, 5) == pytest.approx([0.9] * 5)
    assert not ears.afresh.is_afresh


def test_the_second_one_is_believed_once_it_is_sure() -> None:
    ears = Ears()
    ears.hear_voices()
    assert ears.hear(0.6, LOUD, 3) == pytest.approx([HELD] * 3)
    assert ears.hear(0.8, LOUD) == pytest.approx([0.8])
    assert ears.hear(0.6, LOUD) == pytest.approx([0.6])


def test_the_first_one_has_its_memory_back_after_the_last_word() -> None:
    ears = Ears()
    ears.hear_voices()
    ears.hear(0.9, LOUD, 50)
    ears.hear(0.05, QUIET, 30)
    assert not ears.afresh.is_afresh
    assert ears.first.resets == 0
    ears.hear(0.9, LOUD)
    assert not ears.afresh.is_afresh, "it was a short silence"


def test_until_there_is_a_second_one_the_first_goes_on() -> None:
    said = Says(0.1)
    afresh = Afresh(said, lambda: None, HELD)
    for number in range(LONG):
        afresh.judge(frame(0.0), VOICES if number < 20 else QUIET)
    assert afresh.judge(frame(0.9), LOUD) == pytest.approx(0.09)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from([QUIET, -40.0, LOUD]), st.integers(1, 200)),
        max_size=20,
    )
)
def test_each_frame_is_judged_by_one_and_what_is_said_is_a_probability(
    heard: list[tuple[float, float, int]],
) -> None:
    ears = Ears()
    for says, level_db, frames in heard:
        assert all(0 <= said <= 1 for said in ears.hear(says, level_db, frames))
    again = BEFORE * (ears.first.resets + ears.second.resets)
    assert len(ears.first.heard) + len(ears.second.heard) <= ears.count + again
    ears.afresh.reset()
    assert not ears.afresh.is_afresh


@pytest.mark.parametrize("silence_s", [1, 20, 60])
def test_a_sentence_is_found_as_soon_after_a_long_silence(silence_s: int) -> None:
    """The real networks: the change from one to the other costs nothing."""
    label = labels()[0]
    sentence = samples(SENTENCES)[int((label.start - 0.2) * SPEECH.rate) :][: 3 * SPEECH.rate]
    room = noise(60, seconds=silence_s)
    cutter = make_cutter(load())
    track = np.concatenate((room, sentence.astype(np.float64)))
    onsets = [e for e in cutter.push(pcm(track)) if isinstance(e, Onset)]
    late_s = onsets[0].decided / SPEECH.rate - silence_s - 0.2
    assert late_s < 0.2


def test_silero_in_a_quiet_room_needs_no_second_one() -> None:
    asked = []
    detector = SileroDetector(spare=lambda: asked.append(1))
    still = pcm(noise(30, seconds=1))[: 2 * FRAME_SAMPLES]
    for _ in range(2 * LONG):
        detector.probability(still)
    assert asked == []
