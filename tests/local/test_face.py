"""The face is a pure function, its parts move as asked, and it costs little."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pytest

from micstream.local import face, motion

RATE = 16_000
EYES = (slice(160, 256), slice(210, 430))
MOUTH = (slice(270, 370), slice(240, 400))


def picture(openness: float, width: float, blink: float = 0.0) -> npt.NDArray[np.uint8]:
    return np.asarray(face.render(openness, width, blink))


def changed(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.asarray((one != other).any(axis=2))


def darkness(look: npt.NDArray[np.uint8]) -> int:
    """How many pixels of the mouth are as dark as its inside."""
    return int((look[MOUTH][..., :3].sum(axis=2) < 230).sum())


def test_the_same_arguments_give_the_same_opaque_picture() -> None:
    one = picture(0.4, 0.6, 0.0)
    assert one.shape == (face.HEIGHT, face.WIDTH, 4)
    assert (one == picture(0.4, 0.6, 0.0)).all()
    assert (one[..., 3] == 255).all()


def test_the_mouth_opens_step_by_step_and_moves_nothing_else() -> None:
    steps = [picture(step / face.OPENNESS_STEPS, 0.5) for step in range(face.OPENNESS_STEPS + 1)]
    inside = [darkness(step) for step in steps]
    assert inside == sorted(inside)
    assert inside[0] < 20 < inside[-1]
    difference = changed(steps[0], steps[-1])
    difference[MOUTH] = False
    assert not difference.any()


def test_a_spread_mouth_is_wider_than_a_rounded_one() -> None:
    shut = picture(0.0, 0.5)

    def reach(width: float) -> int:
        return int(changed(shut, picture(0.7, width))[MOUTH].any(axis=0).sum())

    assert reach(0.0) < reach(1.0)


def test_a_blink_moves_the_eyes_alone() -> None:
    difference = changed(picture(0.0, 0.5, 0.0), picture(0.0, 0.5, 1.0))
    assert difference[EYES].any()
    difference[EYES] = False
    assert not difference.any()


def test_values_beyond_the_range_are_taken_as_the_nearest() -> None:
    assert (picture(7.0, -3.0, 2.0) == picture(1.0, 0.0, 1.0)).all()
    far = face.render(0.0, 0.5, 0.0, (99, -99))
    assert far.tobytes() == face.render(0.0, 0.5, 0.0, (8, -8)).tobytes()


def test_twenty_five_pictures_cost_less_than_a_tenth_of_a_core() -> None:
    face.prepare()
    begun = time.process_time()
    for index in range(100):
        face.render(index % 9 / 8, index % 5 / 4, 0.0, (index % 5, 0)).tobytes()
    assert (time.process_time() - begun) / 4 < 0.1


def tone(hertz: float, level: float, seconds: float = 0.02) -> npt.NDArray[np.int16]:
    at = np.arange(int(RATE * seconds)) / RATE
    return (np.sin(2 * np.pi * hertz * at) * level * 32767).astype(np.int16)


def settled(piece: npt.NDArray[np.int16]) -> motion.Shape:
    mouth = motion.Mouth(RATE)
    return [mouth.follow(piece) for _ in range(20)][-1]


def test_the_mouth_is_shut_in_silence_and_opens_with_the_level() -> None:
    assert settled(np.zeros(320, dtype=np.int16)).openness == 0.0
    assert settled(tone(300, 0.002)).openness == 0.0
    opened = [settled(tone(300, level)).openness for level in (0.01, 0.05, 0.2, 0.9)]
    assert opened == sorted(opened)
    assert opened[-1] == pytest.approx(1.0, abs=0.01)


def test_bright_sounds_spread_the_mouth_and_dark_ones_round_it() -> None:
    assert settled(tone(250, 0.3)).width < 0.1
    assert settled(tone(2600, 0.3)).width > 0.9


def test_the_mouth_shuts_soon_after_speech() -> None:
    mouth = motion.Mouth(RATE)
    for _ in range(10):
        mouth.follow(tone(300, 0.9))
    shutting = [mouth.follow(np.zeros(320, dtype=np.int16)).openness for _ in range(10)]
    assert shutting == sorted(shutting, reverse=True)
    assert shutting[-1] == 0.0


def test_an_odd_or_empty_piece_is_no_trouble() -> None:
    mouth = motion.Mouth(RATE)
    for size in (0, 1, 2, 319):
        shape = mouth.follow(np.full(size, 20_000, dtype=np.int16))
        assert 0.0 <= shape.openness <= 1.0
        assert 0.0 <= shape.width <= 1.0


def test_eyes_are_mostly_open_and_blink_within_seconds() -> None:
    shut = [motion.blink_at(at / 25) for at in range(25 * 60)]
    assert all(0.0 <= value <= 1.0 for value in shut)
    assert sum(value > 0.5 for value in shut) < len(shut) / 20
    assert sum(value > 0.8 for value in shut) > 10


def test_the_head_sways_within_its_margin() -> None:
    steps = {motion.sway_at(at / 25) for at in range(25 * 60)}
    assert len(steps) > 10
    assert all(abs(dx) <= 8 and abs(dy) <= 8 for dx, dy in steps)
