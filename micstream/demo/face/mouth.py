"""Mouth and nose, drawn anew for each frame."""

from __future__ import annotations

import numpy as np

from micstream.demo.face.palette import Character
from micstream.demo.face.pen import Box, Patch, Points, bezier, flipped, oval, stroke
from micstream.demo.face.pose import Pose

BOX: Box = (-88, 50, 88, 222)
CENTRE_Y = 132.0

_INSIDE, _TONGUE, _TEETH = (84, 22, 36), (222, 104, 112), (253, 250, 246)
# Along the lips from corner to corner; closer together towards the corners, which makes them round.
_AT = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 41))
_DOME = np.sqrt(1 - _AT**2)


def draw(patch: Patch, who: Character, pose: Pose) -> None:
    """The nose, and a mouth as open and as wide as the pose says."""
    _nose(patch, who)
    _mouth(patch, who, pose)


def _mouth(patch: Patch, who: Character, pose: Pose) -> None:
    opened, spread = pose.openness, 2 * pose.width - 1
    # Rounded lips narrow and push forward; spread ones show teeth. Closed ones mind it less.
    voiced = min(1.0, 0.25 + 2.5 * opened)
    rounded, wide = max(0.0, -spread) * voiced, max(0.0, spread) * voiced
    half = 45 + 10 * wide - (22 - 9 * opened) * rounded - 4 * opened + 5 * pose.smile
    sag = (4 + 17 * pose.smile) * (1 - 0.6 * opened) * (1 - 0.8 * rounded)
    rest = CENTRE_Y + sag * (1 - _AT**2) - 0.6 * sag
    up = (9 + 5 * rounded) * opened
    down = (46 - 9 * wide) * opened
    x = half * _AT
    inner_top = rest - up * _DOME
    inner_bottom = rest + down * _DOME**0.9
    full = 1 + 0.25 * rounded
    bow = 1 - 0.28 * np.exp(-((_AT / 0.2) ** 2))
    outer_top = inner_top - who.lips * 9 * full * bow * _DOME**1.4
    outer_bottom = inner_bottom + who.lips * 12 * full * _DOME**1.3

    def between(upper: Points, lower: Points) -> Points:
        forth, back = np.stack([x, upper], axis=1), np.stack([x, lower], axis=1)
        return np.concatenate([forth, back[::-1]])

    patch.paint(_INSIDE, between(outer_top - 3, outer_bottom + 3))
    tongue = oval(0, CENTRE_Y + 0.4 * sag + 0.98 * down, 0.62 * half, 0.2 * down + 3)
    patch.paint(_TONGUE, tongue)
    teeth = (4 + 9 * opened + 4 * wide) * (1 - 0.7 * rounded)
    patch.paint(_TEETH, between(inner_top - 6, inner_top + teeth * (1 - _AT**6)))
    if wide > 0.1:  # the lower row, where the jaw is nearly shut
        row = 7 * wide * max(0.0, 1 - 1.6 * opened)
        patch.paint(_TEETH, between(inner_bottom - row * _DOME, inner_bottom + 6))
    patch.paint(_INSIDE, between(inner_top - 6, inner_top + 3.5 * opened), 0.3)
    upper = tuple(round(0.82 * part) for part in who.lip)
    patch.paint((upper[0], upper[1], upper[2]), between(outer_top, inner_top + 0.8))
    patch.paint(who.lip, between(inner_bottom - 0.4, outer_bottom))
    patch.show(between(outer_top, outer_bottom))
    glint = 0.5 * (inner_bottom + outer_bottom)[12:-12]
    light = stroke(np.stack([x[12:-12] * 0.8, glint - 0.5], axis=1), 3.2 * who.lips)
    patch.paint((255, 255, 255), light, 0.22)
    _around(patch, who, pose, half, rest, float(outer_bottom[20]))


def _around(
    patch: Patch,
    who: Character,
    pose: Pose,
    half: float,
    rest: Points,
    lowest: float,
) -> None:
    """The line between the lips at their corners, dimples, and the shade under the lower lip."""
    shut = max(0.0, 1 - 6 * pose.openness)
    line = stroke(np.stack([half * 1.04 * _AT, rest], axis=1), 2.0 + 1.6 * shut, 0.5, 0.5)
    dark = (who.lip[0] * 6 // 10, who.lip[1] // 2, who.lip[2] // 2)
    if shut:
        patch.add(dark, line)
    for side in (-1, 1):
        corner = side * (half + 5)
        y = float(rest[0])
        dimple = bezier((corner - side, y - 7), (corner + side * 4, y), (corner - side, y + 6))
        patch.add(who.skin_dark, stroke(dimple, 1.2 + 2.6 * pose.smile))
    chin = bezier((-15, lowest + 7), (0, lowest + 12), (15, lowest + 7))
    patch.add(who.skin_dark, stroke(chin, 3.2))


def _nose(patch: Patch, who: Character) -> None:
    under = bezier((-15, 83), (-9, 95), (9, 95), (15, 83))
    patch.add(who.skin_dark, stroke(under, 4.2, 0.2, 0.2))
    nostril = oval(7.5, 89.5, 3.6, 2.0)
    dark = tuple(part * 7 // 10 for part in who.skin_dark)
    for shape in (nostril, flipped(nostril)):
        patch.add((dark[0], dark[1], dark[2]), shape)
