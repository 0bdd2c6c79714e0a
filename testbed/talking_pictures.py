"""Pictures that talk, drawn from poses: the demo's face, bars, and one like a photograph.

Brightness alone (rows by columns, 0 to 255), but for what is made for the encoder (`placed`).
"""

from __future__ import annotations

import math
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from micstream.demo.face import Face, Pose, character
from testbed.mouths import Errors

Plane = npt.NDArray[np.uint8]
Real = npt.NDArray[np.float64]

WANDERS_HZ: Final = 0.13
_BARS: Final = 11
_NOISE: Final = 2.5
"""Of a camera, in steps of 255 (standard deviation)."""


class Picture(Protocol):
    """Something that shows a pose."""

    def draw(self, pose: Pose, now: float) -> Plane:
        """The picture of a pose at a moment."""


class Drawn:
    """The demo's face, 320 by 180 (`every` 4) to 1280 by 720 (1)."""

    def __init__(self, every: int = 4) -> None:
        self._face, self._every = Face(character("avatar-demo")), every

    def draw(self, pose: Pose, now: float) -> Plane:
        """Its picture."""
        return self._face.draw(pose).planes[0][:: self._every, :: self._every].copy()


class Bars:
    """Bars that follow the level, as livekit-agents' example of an avatar without a face has."""

    def __init__(self, width: int = 320) -> None:
        self._size = (width * 9 // 16, width)
        self._tall = np.random.default_rng(7).uniform(0.45, 1.0, _BARS)

    def draw(self, pose: Pose, now: float) -> Plane:
        """Its picture."""
        height, width = self._size
        picture = np.full(self._size, 24, np.uint8)
        step = width // (2 * _BARS)
        for number, tall in enumerate(self._tall):
            wave = 0.85 + 0.15 * math.sin(2 * math.pi * 1.7 * now + 2.3 * number)
            half = max(1, round(0.4 * height * pose.openness * tall * wave))
            left = width // 4 + number * step
            picture[height // 2 - half : height // 2 + half, left : left + step - 2] = 210
        return picture


class Photo:
    """A head as a camera would see it: texture, noise, light from one side, and it sways.

    The jaw is warped down by the opening; what opens is dark.
    """

    def __init__(self, width: int = 320, seed: int = 5) -> None:
        self._rng = np.random.default_rng(seed)
        self._height, self._width = width * 9 // 16, width
        rows, columns = np.mgrid[0 : self._height, 0 : self._width].astype(np.float64)
        self._u, self._v = (columns - width / 2) / self._height, rows / self._height
        self._open, self._shut = self._painted(shut=False), self._painted(shut=True)
        head = np.hypot(self._u / 0.24, (self._v - 0.46) / 0.42)
        self._near = np.clip(1.6 - head, 0, 1)
        self._jaw = np.exp(-((self._u / 0.085) ** 2)) * np.clip((0.86 - self._v) / 0.12, 0, 1)

    def draw(self, pose: Pose, now: float) -> Plane:
        """Its picture."""
        shift_u = 0.016 * pose.x + 0.008 * pose.turn
        shift_v = 0.010 * pose.y + 0.008 * pose.nod
        angle = 0.05 * pose.tilt
        u = self._u - self._near * (shift_u - angle * (self._v - 0.8))
        v = self._v - self._near * (shift_v + angle * self._u)
        down = 0.075 * pose.openness * self._jaw
        below = v - down
        gap = (v > _LIPS) & (below < _LIPS) & (np.abs(u) < 0.06)
        v = np.where(v > _LIPS, np.maximum(below, _LIPS), v)
        seen = _sampled(self._open + pose.blink * (self._shut - self._open), u, v)
        seen[gap] = 38 + 60 * np.clip(1 - (below[gap] - _LIPS + down[gap]) / 0.012, 0, 1)
        light = 1 + 0.012 * math.sin(2 * math.pi * 0.31 * now) + 0.006 * math.sin(5.1 * now)
        seen = seen * light + self._rng.normal(0, _NOISE, seen.shape)
        return np.clip(seen, 0, 255).astype(np.uint8)

    def _painted(self, *, shut: bool) -> Real:
        u, v = self._u, self._v
        rng = np.random.default_rng(11)
        shelf = np.repeat(rng.uniform(60, 150, self._width // 6 + 1), 6)[: self._width]
        picture = np.tile(shelf, (self._height, 1)) * (0.7 + 0.5 * v)

        def oval(x: float, y: float, wide: float, tall: float, light: float | Real) -> None:
            inside = np.clip((1 - np.hypot((u - x) / wide, (v - y) / tall)) / 0.06, 0, 1)
            picture[...] = picture * (1 - inside) + inside * light

        skin = 158 - 190 * u + 40 * np.cos(u / 0.2) * (0.5 - np.abs(v - 0.45))
        oval(0, 1.08, 0.5, 0.24, 66 + 30 * np.sin(60 * u))
        oval(0, 0.74, 0.085, 0.2, skin - 38)
        oval(0, 0.36, 0.225, 0.27, 46 + 22 * np.sin(90 * u + 25 * v))
        oval(0, 0.47, 0.175, 0.265, skin)
        oval(0, 0.24, 0.17, 0.09, 50 + 22 * np.sin(90 * u + 25 * v))
        for side in (-1, 1):
            oval(side * 0.075, 0.375, 0.045, 0.009, 52)
            oval(side * 0.075, 0.42, 0.034, 0.005 if shut else 0.015, 70 if shut else 205)
            if not shut:
                oval(side * 0.075, 0.42, 0.014, 0.014, 34)
        oval(0.012, 0.5, 0.014, 0.05, skin - 14)
        oval(0, 0.535, 0.03, 0.009, skin - 45)
        oval(0, _LIPS - 0.008, 0.057, 0.011, skin - 52)
        oval(0, _LIPS + 0.011, 0.05, 0.014, skin - 40)
        oval(0, _LIPS, 0.054, 0.003, 62.0)
        for coarse in (4, 9, 20, 45):
            grain = rng.normal(0, 1, (coarse * 9 // 16 + 2, coarse + 2))
            wide = Image.fromarray(grain.astype(np.float32)).resize((self._width, self._height))
            picture += 3.5 * np.asarray(wide, dtype=np.float64)
        soft = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        blurred = soft.filter(ImageFilter.GaussianBlur(self._width / 500))
        return np.asarray(blurred, dtype=np.float64)


_LIPS: Final = 0.6


def _sampled(picture: Real, u: Real, v: Real) -> Real:
    """The picture at these places, between its pixels."""
    height, width = picture.shape
    x = np.clip(u * height + width / 2, 0, width - 1.001)
    y = np.clip(v * height, 0, height - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, down = x - left, y - top
    flat, at = picture.reshape(-1), top * width + left
    above = flat[at] * (1 - right) + flat[at + 1] * right
    below = flat[at + width] * (1 - right) + flat[at + width + 1] * right
    return np.asarray(above * (1 - down) + below * down)


def placed(plane: Plane, size: tuple[int, int], errors: Errors, now: float, unit: int = 2) -> Plane:
    """A plane in this size (width, height), the face at its place; its edge goes on around it.

    `unit`: places and sizes are multiples of it: 2 for brightness, 1 for a colour of half the size.
    """
    width, height = size
    if errors.scale == 1.0 and not (errors.x or errors.y or errors.moving):
        return _resized(plane, size)
    inner = [unit * max(1, round(side / unit * errors.scale)) for side in size]
    phase = 2 * math.pi * WANDERS_HZ * now
    middle = (
        0.5 + errors.x + errors.moving * math.sin(phase),
        0.5 + errors.y + 0.4 * errors.moving * math.sin(1.7 * phase),
    )
    left, top = (
        unit * round((share * side - own / 2) / unit)
        for share, side, own in zip(middle, size, inner, strict=True)
    )
    small = _resized(plane, (inner[0], inner[1]))
    whole = np.full((height, width), small[0, 0], np.uint8)
    rows = slice(max(0, top), min(height, top + inner[1]))
    columns = slice(max(0, left), min(width, left + inner[0]))
    if rows.start < rows.stop and columns.start < columns.stop:
        whole[rows, columns] = small[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return whole


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    if plane.shape == (size[1], size[0]):
        return plane
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))
