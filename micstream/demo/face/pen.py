"""Curves and soft paint: what the parts of the face are drawn with.

Shapes are arrays of points, (n, 2), in pixels of the picture. They are drawn several times larger
and averaged down, which is what makes their edges smooth and lets them move by parts of a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Points: TypeAlias = npt.NDArray[np.float64]
Colour: TypeAlias = tuple[int, int, int]
Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom


def bezier(*control: tuple[float, float], pieces: int = 24) -> Points:
    """Points along a Bezier curve of any degree."""
    return _weights(len(control), pieces) @ np.array(control, dtype=np.float64)


@lru_cache(maxsize=64)
def _weights(count: int, pieces: int) -> Points:
    at, degree = np.linspace(0.0, 1.0, pieces + 1), count - 1
    weights = [math.comb(degree, k) * at**k * (1 - at) ** (degree - k) for k in range(count)]
    return np.stack(weights, axis=1)


def spline(*through: tuple[float, float], closed: bool = True, pieces: int = 10) -> Points:
    """Points along a smooth (Catmull-Rom) curve through all of `through`."""
    knots = np.array(through, dtype=np.float64)
    if closed:
        knots = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        knots = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    at = np.linspace(0.0, 1.0, pieces, endpoint=False)[:, np.newaxis]
    parts = []
    for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        bend = (2 * a - 5 * b + 4 * c - d) * at**2 + (3 * b - a - 3 * c + d) * at**3
        parts.append(b + 0.5 * ((c - a) * at + bend))
    return np.concatenate(parts if closed else [*parts, knots[-2:-1]])


def mirrored(right: Points, middle: float = 0.0) -> Points:
    """A closed shape from its right half, which runs from top to bottom."""
    return np.concatenate([right, flipped(right, middle)[::-1]])


def flipped(points: Points, middle: float = 0.0) -> Points:
    """The same on the other side of `middle`."""
    return points * (-1.0, 1.0) + (2 * middle, 0.0)


def moved(points: Points, dx: float, dy: float) -> Points:
    """The same, that far to the right and down."""
    offset: Points = np.array((dx, dy))
    return points + offset


def oval(x: float, y: float, rx: float, ry: float) -> Points:
    """An ellipse around (x, y)."""
    return moved(_CIRCLE * np.array((rx, ry)), x, y)


def stroke(along: Points, thickness: float, start: float = 0.0, end: float = 0.0) -> Points:
    """A brush's stroke: `thickness` in its middle, those shares of it at its ends."""
    ways = np.empty_like(along)
    ways[1:-1] = along[2:] - along[:-2]
    ways[0], ways[-1] = along[1] - along[0], along[-1] - along[-2]
    lengths = np.maximum(np.hypot(ways[:, 0], ways[:, 1]), 1e-9)
    half = ways[:, ::-1] * (_swell(len(along), start, end) * (thickness / 2) / lengths)[:, _EACH]
    half[:, 0] *= -1.0
    return np.concatenate([along + half, (along - half)[::-1]])


_EACH = np.newaxis
_ROUND = np.linspace(0.0, 2 * math.pi, 48, endpoint=False)
_CIRCLE: Points = np.stack([np.cos(_ROUND), np.sin(_ROUND)], axis=1)


@lru_cache(maxsize=64)
def _swell(count: int, start: float, end: float) -> Points:
    at = np.linspace(0.0, 1.0, count)
    least = np.where(at < 0.5, start, end)
    return np.asarray(np.sqrt(np.sin(math.pi * at)) * (1 - least) + least)


class Sheet:
    """A transparent picture of one box, for what is painted once and kept."""

    SCALE = 2

    def __init__(self, box: Box) -> None:
        self.box = box
        size = ((box[2] - box[0]) * self.SCALE, (box[3] - box[1]) * self.SCALE)
        self.image = Image.new("RGBA", size, (0, 0, 0, 0))

    def mask(self, *shapes: Points) -> Image.Image:
        """Mask of the shapes."""
        return self._drawn(shapes, (0, 0, *self.image.size), 0.0)

    def paint(
        self,
        colour: Colour,
        *shapes: Points,
        blur: float = 0.0,
        opacity: float = 1.0,
        within: Image.Image | None = None,
    ) -> None:
        """Lay a colour over what is there, only where the mask `within` lets it.

        `blur`: over how many pixels its edge is soft.
        """
        region = self._region(shapes, blur)
        mask = self._drawn(shapes, region, blur)
        if within is not None:
            mask = ImageChops.multiply(mask, within.crop(region))
        if opacity < 1.0:
            mask = mask.point([round(level * opacity) for level in range(256)])
        tint = Image.new("RGBA", mask.size, colour)
        tint.putalpha(mask)
        self.image.alpha_composite(tint, region[:2])

    def _region(self, shapes: Sequence[Points], blur: float) -> Box:
        """All that the shapes and their soft edges touch, in pixels of the sheet."""
        corners = np.concatenate(shapes) - self.box[:2]
        left, top = np.floor((corners.min(axis=0) - 3 * blur) * self.SCALE).astype(int) - 1
        right, bottom = np.ceil((corners.max(axis=0) + 3 * blur) * self.SCALE).astype(int) + 2
        width, height = self.image.size
        return (max(0, left), max(0, top), min(width, right), min(height, bottom))

    def _drawn(self, shapes: Sequence[Points], region: Box, blur: float) -> Image.Image:
        mask = Image.new("L", (region[2] - region[0], region[3] - region[1]), 0)
        draw = ImageDraw.Draw(mask)
        for shape in shapes:
            places = (shape - self.box[:2]) * self.SCALE - region[:2]
            draw.polygon(places.ravel().tolist(), fill=255)
        return mask.filter(ImageFilter.GaussianBlur(blur * self.SCALE)) if blur else mask

    def finished(self) -> Image.Image:
        """The picture in its true size."""
        return self.image.reduce(self.SCALE)


class Patch:
    """A small opaque picture with a mask, for what is drawn anew for each frame.

    Shapes go through the transform that the head has gone through: `turn`, a matrix for (x, y)
    from the right, then `shift`. Paint freely, the mask cuts: so nothing has to be clipped to an
    eye or a mouth.
    """

    SCALE = 3

    def __init__(self, box: Box, ground: Colour, turn: Points, shift: Points) -> None:
        self.box = box
        size = ((box[2] - box[0]) * self.SCALE, (box[3] - box[1]) * self.SCALE)
        self._turn, self._shift = turn * self.SCALE, (shift - box[:2]) * self.SCALE
        self._picture = Image.new("RGB", size, ground)
        self._mask = Image.new("L", size, 0)
        self._paint = ImageDraw.Draw(self._picture)
        self._glaze = ImageDraw.Draw(self._picture, "RGBA")
        self._cut = ImageDraw.Draw(self._mask)

    def paint(self, colour: Colour, shape: Points, opacity: float = 1.0) -> None:
        """Paint what is seen only where the mask is."""
        if opacity < 1.0:
            self._glaze.polygon(self._places(shape), fill=(*colour, round(opacity * 255)))
        else:
            self._paint.polygon(self._places(shape), fill=colour)

    def show(self, shape: Points) -> None:
        """Let what is painted here be seen."""
        self._cut.polygon(self._places(shape), fill=255)

    def add(self, colour: Colour, shape: Points) -> None:
        """Paint what is seen."""
        places = self._places(shape)
        self._paint.polygon(places, fill=colour)
        self._cut.polygon(places, fill=255)

    def finished(self) -> tuple[Image.Image, Image.Image]:
        """Picture and mask in their true size."""
        return self._picture.reduce(self.SCALE), self._mask.reduce(self.SCALE)

    def _places(self, shape: Points) -> Sequence[float]:
        flat: list[float] = (shape @ self._turn + self._shift).ravel().tolist()
        return flat
