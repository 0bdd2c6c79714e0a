"""How the face lives: nothing jerks, nothing rests for long, and the mouth is in time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from micstream.demo.assets import bundled
from micstream.demo.face import Pose
from micstream.demo.lips import PIECE_S, SHUT, Lips, Shape
from micstream.demo.motion import (
    ATTEND_S,
    PAUSE_S,
    Mood,
    Performer,
    blink_at,
    glance_at,
    mood_of,
    nod_at,
)

FRAME_S = 1 / 25
WIDE = Shape(1.0, 1.0)
MOST = {  # of a frame, in each field's own range
    "openness": 1.0,
    "width": 0.6,
    "blink": 0.8,
    "gaze_x": 0.9,
    "gaze_y": 0.6,
}
MOST_ELSE = 0.3

shapes = st.builds(Shape, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
moments = st.lists(st.tuples(shapes, st.sampled_from(Mood)), min_size=2, max_size=40)


def play(moments: list[tuple[Shape, Mood]], seed: str = "", start: float = 0.0) -> list[Pose]:
    performer = Performer(seed)
    return [
        performer.at(start + index * FRAME_S, sound, mood)
        for index, (sound, mood) in enumerate(moments)
    ]


@given(moments=moments, start=st.floats(0, 1e5), seed=st.text(max_size=3))
def test_whatever_comes_no_part_jumps_and_all_can_be_drawn(
    moments: list[tuple[Shape, Mood]], start: float, seed: str
) -> None:
    poses = play(moments, seed, start)
    assert poses == [pose.allowed() for pose in poses]
    assert poses == play(moments, seed, start)
    for before, after in pairwise(poses):
        for field, one, other in zip(Pose._fields, before, after, strict=True):
            assert abs(other - one) <= MOST.get(field, MOST_ELSE), field


@given(step=st.floats(0.0, 1e6), back=st.floats(0.0, 100.0))
def test_a_clock_that_stops_leaps_or_turns_back_is_no_trouble(step: float, back: float) -> None:
    performer = Performer()
    for at in (0.0, step, step, max(0.0, step - back), step + 1):
        pose = performer.at(at, WIDE, Mood.SPEAKING)
        assert pose == pose.allowed()


def test_the_mouth_opens_within_one_frame_and_shuts_within_two() -> None:
    opening = play([(SHUT, Mood.IDLE), (WIDE, Mood.SPEAKING)])
    assert opening[-1].openness > 0.85
    shutting = play([(WIDE, Mood.SPEAKING)] * 5 + [(SHUT, Mood.SPEAKING)] * 2)
    assert shutting[4].openness > 0.99
    assert shutting[5].openness < 0.35
    assert shutting[6].openness == 0.0


def test_in_speech_it_is_in_step_with_the_level() -> None:
    sound, rate = soundfile.read(bundled("sentences.flac"), dtype="int16", frames=16_000 * 20)
    lips, piece, frame = Lips(rate), round(rate * PIECE_S), round(rate * FRAME_S)
    heard = [lips.hear(sound[at : at + piece]) for at in range(0, sound.size, piece)]
    pairs = [Shape(*np.mean(pair, axis=0).tolist()) for pair in pairwise(heard)][::2]
    opened = [pose.openness for pose in play([(shape, Mood.SPEAKING) for shape in pairs])]
    blocks = sound[: len(pairs) * frame].reshape(len(pairs), -1) / 32768.0
    level = np.maximum(10 * np.log10((blocks**2).mean(axis=1) + 1e-9), -50)

    def likeness(later: int) -> float:
        count = len(opened) - 4
        return float(np.corrcoef(opened[2 + later :][:count], level[2:][:count])[0, 1])

    assert likeness(0) > 0.8
    assert max(range(-2, 3), key=likeness) in (0, 1)
    quiet = np.flatnonzero((level[2:] < -49) & (level[1:-1] < -49) & (level[:-2] < -49)) + 2
    assert quiet.size > 20
    assert not np.any(np.array(opened)[quiet])


def test_eyes_blink_at_uneven_times_and_are_mostly_open() -> None:
    times = np.arange(0, 600, FRAME_S)
    shut = np.array([blink_at(at) for at in times])
    assert (shut > 0.5).mean() < 0.07
    begins = times[1:][(shut[1:] > 0.5) & (shut[:-1] <= 0.5)]
    gaps = np.diff(begins)
    assert 10 < begins.size * 60 / 600 < 30
    assert gaps.max() < 8.0
    assert gaps.std() > 0.8
    assert shut.max() > 0.95


def test_two_side_by_side_do_not_blink_together() -> None:
    times = np.arange(0, 300, FRAME_S)
    one, other = ({at for at in times if blink_at(at, seed) > 0.5} for seed in ("a", "b"))
    assert len(one & other) < len(one) / 4


def test_eyes_look_ahead_mostly_and_about_at_times() -> None:
    across = np.array([glance_at(at)[0] for at in np.arange(0, 300, FRAME_S)])
    assert (np.abs(across) < 0.15).mean() > 0.45
    assert across.min() < -0.6
    assert across.max() > 0.6


def test_idle_is_never_still_for_long() -> None:
    poses = play([(SHUT, Mood.IDLE)] * 250)
    for field in ("x", "y", "tilt", "turn", "breath"):
        values = [getattr(pose, field) for pose in poses]
        assert max(values) - min(values) > 0.05, field
        assert all(before != after for before, after in pairwise(values)), field
    assert all(pose.openness == 0.0 for pose in poses)


def test_a_listener_tilts_its_head_raises_its_brows_and_nods() -> None:
    idle, listening = (play([(SHUT, mood)] * 200) for mood in (Mood.IDLE, Mood.LISTENING))
    assert np.mean([p.tilt for p in listening[50:]]) > np.mean([p.tilt for p in idle[50:]]) + 0.3
    assert listening[-1].brow > idle[-1].brow + 0.2
    nods = [nod_at(at) for at in np.arange(0, 60, FRAME_S)]
    assert 4 <= sum(a < 0.5 <= b for a, b in pairwise(nods)) <= 18
    gaze = [np.std([p.gaze_x for p in poses]) for poses in (listening, idle)]
    assert gaze[0] < gaze[1]


def test_speech_moves_brows_and_head_with_its_stresses() -> None:
    loud, soft = Shape(0.9, 0.5), Shape(0.1, 0.5)
    syllables = ([(loud, Mood.SPEAKING)] * 5 + [(soft, Mood.SPEAKING)] * 10) * 6
    poses = play(syllables)[30:]
    opened = [pose.openness for pose in poses]
    for field in ("brow", "nod"):
        moved = [getattr(pose, field) for pose in poses]
        assert np.corrcoef(opened, moved)[0, 1] > 0.3, field
        assert max(moved) - min(moved) > 0.15, field


def test_one_mood_gives_way_to_the_next_within_a_second() -> None:
    poses = play([(SHUT, Mood.IDLE)] * 50 + [(SHUT, Mood.THINKING)] * 50)
    assert poses[49].worry < 0.01
    assert poses[51].worry < 0.1
    assert poses[75].worry == pytest.approx(poses[99].worry, abs=0.03)


def test_the_mood_is_what_is_heard_then_what_is_told_then_a_while_of_listening() -> None:
    for user in ("", "speaking", "listening", "away"):
        for agent in ("", "idle", "thinking", "listening"):
            assert mood_of(0.0, user, agent) is Mood.SPEAKING
    assert mood_of(PAUSE_S) is Mood.LISTENING
    assert mood_of(ATTEND_S) is Mood.IDLE
    assert mood_of(float("inf")) is Mood.IDLE
    assert mood_of(60.0, user="speaking") is Mood.LISTENING
    assert mood_of(60.0, agent="listening") is Mood.LISTENING
    assert mood_of(60.0, agent="thinking") is Mood.THINKING
    assert mood_of(60.0, user="away", agent="listening") is Mood.AWAY
    assert mood_of(60.0, "nonsense", "nonsense") is Mood.IDLE
