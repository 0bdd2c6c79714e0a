"""Lip-sync of a drawn face: what was put in is found, and what is not there is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from micstream.lab.lipsync import LipSync, judge, level_of, measure
from micstream.lab.mouth import Roi, Seen
from testbed.speech import MONOLOGUE, RATE, samples
from tests.support.films import FPS, face, seen, speech

pytestmark = pytest.mark.slow


def measured(what: Seen, roi: Roi | None = None) -> LipSync:
    return measure(what, level_of(speech(), RATE), roi=roi)


@pytest.mark.parametrize("late_ms", [*range(-240, 241, 80), 33])
def test_an_offset_that_was_put_in_is_found_with_its_sign(late_ms: int) -> None:
    found = measured(seen(face(), late_s=late_ms / 1000))
    assert found.offset_ms == pytest.approx(late_ms, abs=15)
    assert found.offset_ci_ms is not None
    low, high = found.offset_ci_ms
    assert low - 5 <= late_ms <= high + 5
    assert high - low < 30
    assert found.start_offset_ms == pytest.approx(late_ms, abs=40)
    assert found.verdict == judge(late_ms)[0]
    assert found.roi is not None
    left, top, right, bottom = found.roi
    assert 0.4 < left < right < 0.6, "its mouth is in the middle"
    assert 0.5 < top < bottom < 0.8


def test_thirty_frames_a_second_and_a_stretch_of_it_are_enough() -> None:
    frames = face()
    at = (np.arange(round(len(frames) * 30 / FPS)) * FPS / 30).astype(int)
    found = measured(seen(frames[at], fps=30))
    assert found.fps == pytest.approx(30, abs=0.1)
    assert found.offset_ms == pytest.approx(0, abs=25)


def test_a_mouth_that_says_something_else_has_no_offset() -> None:
    other = samples(MONOLOGUE)[: speech().size]
    found = measure(seen(face()), level_of(other, RATE))
    assert found.verdict == "undecided"
    assert found.offset_ms is None
    assert "nothing in the picture follows the sound" in found.why


def test_nor_has_one_that_opens_at_random() -> None:
    frames, rng = face(), np.random.default_rng(3)
    for _ in range(5):
        shift = int(rng.integers(5 * FPS, 25 * FPS))
        found = measured(seen(np.roll(frames, shift, axis=0)))
        assert found.verdict == "undecided"


def test_a_lively_face_with_a_mouth_that_hangs_has_none() -> None:
    assert measured(seen(face(speaks=False))).verdict == "undecided"


def test_a_still_picture_is_never_good() -> None:
    frames = np.repeat(face()[:1], 750, axis=0)
    found = measured(seen(frames))
    assert (found.verdict, found.why) == ("undecided", "the picture stands still")
    noisy = frames + np.random.default_rng(0).integers(0, 3, frames.shape).astype(np.uint8)
    assert measured(seen(noisy)).verdict == "undecided"


def test_two_faces_are_not_told_apart_unless_one_is_pointed_at() -> None:
    one = face()
    both = np.concatenate([one[:, :, 80:240], np.roll(one, 5, axis=0)[:, :, 80:240]], axis=2)
    found = measured(seen(both))
    assert found.verdict == "undecided"
    assert "two faces" in found.why
    left = measured(seen(both), roi=(0.0, 0.0, 0.5, 1.0))
    right = measured(seen(both), roi=(0.5, 0.0, 1.0, 1.0))
    assert left.offset_ms == pytest.approx(0, abs=15)
    assert right.offset_ms == pytest.approx(200, abs=15)


def test_too_little_to_tell_is_said() -> None:
    quiet = measure(seen(face()), np.zeros(3_000))
    assert "too little speech" in quiet.why
    none = measured(Seen(np.zeros(0), np.zeros((0, 1, 1), np.float32)))
    assert none.why == "there is no picture"
    assert {quiet.verdict, none.verdict} == {"undecided"}


def test_movement_that_goes_on_after_the_sound_is_a_tail() -> None:
    plain, late = measured(seen(face())), measured(seen(face(tail_s=0.4)))
    assert plain.tail_ms == pytest.approx(0, abs=60)
    assert late.tail_ms == pytest.approx(400, abs=60)


def test_a_picture_that_stands_still_for_a_while_is_counted() -> None:
    frames = face().copy()
    frames[100:110] = frames[100]
    found = measured(seen(frames))
    assert found.freezes == 1
    whole = seen(face())
    gone = np.ones(len(face()), bool)
    gone[300:310] = False
    assert measured(Seen(whole.times[gone], whole.cells[gone])).freezes == 1
    assert measured(whole).freezes == 0


def test_a_clock_that_runs_away_is_a_drift() -> None:
    twice = np.concatenate([face()] * 4)
    level = np.tile(level_of(speech(), RATE), 4)
    plain = Seen(np.arange(len(twice)) / FPS, seen(twice).cells)
    slow = replace(plain, times=plain.times * (1 + 0.030 / 60))
    assert measure(plain, level).drift_ms_per_min == pytest.approx(0, abs=3)
    assert measure(slow, level).drift_ms_per_min == pytest.approx(30, abs=6)


@pytest.mark.parametrize(
    ("offset_ms", "verdict"),
    [
        *((0, "good"), (45, "good"), (46, "acceptable"), (91, "bad")),
        *((-125, "good"), (-126, "acceptable"), (-186, "bad")),
    ],
)
def test_the_limits_are_those_of_the_standard(offset_ms: float, verdict: str) -> None:
    assert judge(offset_ms)[0] == verdict
    assert ("early" in judge(offset_ms)[1]) == (offset_ms > 45)


def test_it_is_json_with_every_name_that_was_promised() -> None:
    told = measured(seen(face())).as_dict()
    promised = {
        *("offset_ms", "offset_ci_ms", "transport_offset_ms", "drawn_offset_ms", "fps", "freezes"),
        *(
            "start_offset_ms",
            "settling_ms",
            "drift_ms_per_min",
            "tail_ms",
            "missing_s",
            "stretched",
        ),
        *("first_frame_delay_ms", "closures_hit", "moves_in_silence", "smallest_safe_lead_ms"),
        *("verdict", "why"),
    }
    assert promised <= set(told)
    assert told["schema"] == 1
