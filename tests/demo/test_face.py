"""The picture is a pure function of the pose; each part of a pose moves its part of the picture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from micstream.demo import face
from micstream.demo.face import CHARACTERS, HEIGHT, WIDTH, Canvas, Face, Pose, character
from micstream.demo.face.planes import Layer

EYES = (slice(230, 440), slice(480, 800))
MOUTH = (slice(380, 570), slice(540, 740))

FACE = Face(CHARACTERS[0])
floats = st.floats(-2.0, 2.0) | st.floats()
poses = st.builds(Pose, *(floats for _ in Pose._fields))


def luma(pose: Pose, of: Face = FACE) -> npt.NDArray[np.int16]:
    return of.draw(pose).planes[0].astype(np.int16)


def changed(one: Pose, other: Pose) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(luma(one) - luma(other)) > 2)


@settings(max_examples=60)
@given(pose=poses)
def test_any_pose_is_a_whole_picture_and_always_the_same(pose: Pose) -> None:
    data = FACE.draw(pose).data
    assert len(data) == WIDTH * HEIGHT * 3 // 2
    assert data == FACE.draw(pose).data
    for plane, low, high in zip(FACE.draw(pose).planes, (16, 16, 16), (235, 240, 240), strict=True):
        assert low - 2 <= plane.min()
        assert plane.max() <= high + 2


@settings(max_examples=40)
@given(pose=poses)
def test_values_beyond_the_range_are_taken_as_the_nearest(pose: Pose) -> None:
    assert pose.allowed() == pose.allowed().allowed()
    assert FACE.draw(pose).data == FACE.draw(pose.allowed()).data


@pytest.mark.parametrize("field", Pose._fields)
def test_a_small_change_of_the_pose_is_a_small_change_of_the_picture(field: str) -> None:
    start = Pose(openness=0.3, width=0.4, blink=0.2, gaze_x=0.1)
    least = -1.0 if field in ("gaze_x", "gaze_y", "turn", "nod", "tilt", "x", "y", "brow") else 0.0
    through = [
        luma(start._replace(**{field: value})) for value in np.linspace(least, 1.0, 65).tolist()
    ]
    whole = np.abs(through[-1] - through[0]).mean()
    assert whole > 0.002, "it does nothing"
    for one, other in pairwise(through):
        assert np.abs(other - one).mean() < max(0.15 * whole, 0.35)


def test_the_mouth_opens_more_and_more_and_moves_nothing_else() -> None:
    def inside(openness: float) -> int:
        return int((luma(Pose(openness))[MOUTH] < 70).sum())

    seen = [inside(openness) for openness in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    assert seen == sorted(seen)
    assert seen[-1] > seen[0] + 500
    difference = changed(Pose(0.0), Pose(1.0))
    difference[MOUTH] = False
    assert not difference.any()


@pytest.mark.parametrize("openness", [0.2, 0.5, 0.9])
def test_a_spread_mouth_is_wider_than_a_rounded_one_and_shows_more_teeth(openness: float) -> None:
    def lips(width: float) -> npt.NDArray[np.int16]:
        return np.asarray(Face(CHARACTERS[0]).draw(Pose(openness, width)).planes[2], np.int16)

    def reach(width: float) -> int:  # of what is redder than skin
        red = lips(width)[190:285, 270:370] > 160
        return int(red.any(axis=0).sum())

    assert reach(0.0) < reach(0.5) < reach(1.0)
    teeth = [(luma(Pose(openness, width))[MOUTH] > 222).sum() for width in (0.0, 1.0)]
    assert teeth[0] < teeth[1]


def test_a_blink_moves_the_eyes_alone() -> None:
    difference = changed(Pose(), Pose(blink=1.0))
    assert difference[EYES].any()
    difference[EYES] = False
    assert not difference.any()


def test_the_head_moves_by_parts_of_a_pixel() -> None:
    """The hair's edge before white, at the height of the ears, found between two pixels."""
    before_white = Face(CHARACTERS[0], (255, 255, 255))

    def edge(pose: Pose) -> float:
        row = luma(pose, before_white)[360, 380:480].astype(float)
        at = int(np.argmax(row < 150))
        return at - float((150 - row[at]) / (row[at - 1] - row[at]))

    places = [edge(Pose(x=x / 28)) for x in range(8)]  # half a pixel each
    steps = [later - before for before, later in pairwise(places)]
    assert steps == pytest.approx([0.5] * 7, abs=0.2)


def test_a_plain_background_can_be_keyed_out() -> None:
    green = Face(CHARACTERS[0], (0, 255, 0)).draw(Pose(tilt=1.0, x=1.0)).picture()
    pixels = np.asarray(green).astype(int)
    assert np.abs(pixels[:40] - (0, 255, 0)).max() <= 3
    assert np.abs(pixels[:, :200] - (0, 255, 0)).max() <= 3
    assert np.abs(pixels[300:400, 600:700] - (0, 255, 0)).max(axis=2).min() > 60


def test_each_identity_has_its_own_look_and_keeps_it() -> None:
    assert character("avatar-demo") == character("avatar-demo")
    looks = [character(f"avatar-demo{number}") for number in ("", "-2", "-3")]
    assert len(set(looks)) == 3
    assert {character(f"avatar-{number}") for number in range(60)} == set(CHARACTERS)


@pytest.mark.parametrize("who", CHARACTERS)
def test_each_character_is_drawn(who: face.Character) -> None:
    drawn = Face(who)
    difference = np.abs(luma(Pose(), drawn) - luma(Pose(0.9, blink=1.0), drawn)) > 10
    assert difference[MOUTH].any()
    assert difference[EYES].any()


def test_colours_come_back_as_they_were() -> None:
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
    picture = Image.fromarray(blocks.repeat(16, axis=0).repeat(16, axis=1))
    back = np.asarray(Canvas.of(picture).picture()).astype(int)[8::16, 8::16]
    assert np.abs(back - blocks).max() <= 4


@settings(max_examples=60)
@given(dx=st.floats(-1500, 1500), dy=st.floats(-900, 900), opacity=st.integers(0, 255))
def test_a_layer_may_lie_anywhere_and_never_overflows(dx: float, dy: float, opacity: int) -> None:
    white, black = (Canvas.of(Image.new("RGB", (WIDTH, HEIGHT), c)) for c in ("white", "black"))
    layer = Layer.of(Image.new("RGB", (64, 48), "white"), Image.new("L", (64, 48), opacity), 40, 20)
    for canvas in (white, black):
        canvas.lay(layer, dx, dy)
        luma = canvas.planes[0]
        assert luma.min() >= 14
        assert luma.max() <= 236
    shown = black.planes[0].max()
    assert shown <= 16 + 219 * opacity / 255 + 2
