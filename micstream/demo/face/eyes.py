"""Eyes and brows, drawn anew for each frame: they blink, look about, and rise."""

from __future__ import annotations

import numpy as np

from micstream.demo.face.palette import Character
from micstream.demo.face.pen import Box, Patch, Points, bezier, flipped, moved, oval, stroke
from micstream.demo.face.pose import Pose

BOX: Box = (-148, -104, 148, 92)
CENTRE = (73.0, 16.0)  # of the right-hand eye
_HALF = 38.0  # its width
_UPPER, _LOWER, _CLOSED = 32.0, 24.0, 16.0  # the lids' height over and under its centre, pixels
_IRIS = 28.0
_REACH = (11.0, 7.0)  # how far the iris moves

_WHITE, _DARK = (253, 251, 249), (38, 24, 32)
_AT = np.linspace(-1.0, 1.0, 33)


def draw(patch: Patch, who: Character, pose: Pose) -> None:
    """Both eyes, their brows, and glasses where the character wears them."""
    for side in (-1, 1):
        _eye(patch, who, pose, side)
        _brow(patch, who, pose, side)
    if who.glasses is not None:
        _glasses(patch, who.glasses)


def _eye(patch: Patch, who: Character, pose: Pose, side: int) -> None:
    x, y = side * CENTRE[0], CENTRE[1]
    upper, lower = _lids(pose)
    top = np.stack([x + _HALF * _AT, y + upper], axis=1)
    bottom = np.stack([x + _HALF * _AT, y + lower], axis=1)
    opening = np.concatenate([top, bottom[::-1]])
    patch.paint(_WHITE, opening)
    _iris(patch, who, x + _REACH[0] * pose.gaze_x, y + _REACH[1] * pose.gaze_y)
    shadow = np.concatenate([moved(top, 0.0, -4.0), moved(top, 0.0, 9.0)[::-1]])
    patch.paint(_DARK, shadow, 0.22)
    patch.show(opening)
    crease = np.stack([x + 35 * _AT[4:-4], y + upper[4:-4] - 9 + 3 * pose.blink], axis=1)
    patch.add(who.skin_dark, stroke(crease, 2.6))
    below = np.stack([x + 30 * _AT[5:-5], y + lower[5:-5] + 2.0], axis=1)
    patch.add(who.skin_dark, stroke(below, 2.4))
    outwards = top if side > 0 else top[::-1]
    wing = moved(outwards[-1:], side * 7.0, -6.0 + 8.0 * pose.blink)
    patch.add(_DARK, stroke(np.concatenate([outwards, wing]), 7.0, 0.25, 0.5))


def _lids(pose: Pose) -> tuple[Points, Points]:
    """The lids' height along the eye; a smile lifts the lower, a raised brow the upper one."""
    arch = (1 - np.abs(_AT) ** 2.3) ** 0.75
    upper = -_UPPER * (1 + 0.09 * pose.brow) * arch
    lower = _LOWER * (1 - 0.22 * pose.smile) * (1 - _AT**2) ** 0.8
    shut = _CLOSED * (1 - _AT**2)
    return upper + (shut - upper) * pose.blink, lower + (shut - lower) * pose.blink


def _iris(patch: Patch, who: Character, x: float, y: float) -> None:
    def spot(dx: float, dy: float, radius: float) -> Points:
        return oval(x + dx, y + dy, radius, radius)

    dark = (who.iris[0] // 3, who.iris[1] // 3, who.iris[2] // 3)
    patch.paint(dark, spot(0, 0, _IRIS))
    patch.paint(who.iris, spot(0, 0, _IRIS - 2.5))
    patch.paint(dark, spot(0, -9, _IRIS - 8), 0.45)
    light = (255, 255, 255)
    patch.paint(light, oval(x, y + 11, 14, 9), 0.28)
    patch.paint(_DARK, spot(0, 0, 13))
    patch.paint(light, spot(9.5, -10.5, 7.5))
    patch.paint(light, spot(-9.5, 9.5, 3.5), 0.85)


def _brow(patch: Patch, who: Character, pose: Pose, side: int) -> None:
    lift = -11.0 * pose.brow + 3.0 * pose.blink
    inner = lift - 9.0 * pose.worry
    arc = bezier((40, -42 + inner), (76, -66 + lift), (118, -38 + lift + 2.0 * pose.worry))
    shape = stroke(arc, who.brow, 0.55, 0.25)
    patch.add(who.hair_dark, shape if side > 0 else flipped(shape))


def _glasses(patch: Patch, frame: tuple[int, int, int]) -> None:
    ring = oval(CENTRE[0], CENTRE[1] + 2, 57, 52)
    ring = np.concatenate([ring, ring[:1]])
    bridge = stroke(bezier((17, 12), (0, 0), (-17, 12)), 6, 1.0, 1.0)
    patch.add(frame, bridge)
    for side in (-1, 1):
        circle = ring if side > 0 else flipped(ring)
        patch.add(frame, stroke(circle, 6, 1.0, 1.0))
        temple = stroke(bezier((129, 8), (140, 2), (147, 0)), 6, 1.0, 1.0)
        patch.add(frame, temple if side > 0 else flipped(temple))
