"""Pictures as the encoder wants them (I420), and layers laid over each other in that form.

A picture is three planes of bytes: brightness (Y) in full size, two of colour (U, V) in half of
it. Mixing them needs half the bytes of RGBA, and nothing is left to convert for the encoder.
A layer's planes are premultiplied by its opacity, so that a mix is a few passes of integer
arithmetic, in 16 bits, over a small region.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH, HEIGHT = 1280, 720

Plane: TypeAlias = npt.NDArray[np.uint8]
Wide: TypeAlias = npt.NDArray[np.uint16]

# BT.601 in its television range, which is what WebRTC takes I420 for.
_TO_YUV = (
    *(0.2568, 0.5041, 0.0979, 16.0),
    *(-0.1482, -0.2910, 0.4392, 128.0),
    *(0.4392, -0.3678, -0.0714, 128.0),
)
_TO_RGB = (
    *(1.1644, 0.0, 1.5960, -222.92),
    *(1.1644, -0.3918, -0.8130, 135.58),
    *(1.1644, 2.0172, 0.0, -276.84),
)
_PARTS = 16  # a pixel is moved by sixteenths


class Canvas:
    """One picture, 1280 by 720: its bytes and its planes, which are views of them."""

    def __init__(self, data: bytearray) -> None:
        self.data = data
        flat = np.frombuffer(data, dtype=np.uint8)
        luma, half = WIDTH * HEIGHT, WIDTH * HEIGHT // 4
        self.planes: tuple[Plane, ...] = (
            flat[:luma].reshape(HEIGHT, WIDTH),
            flat[luma : luma + half].reshape(HEIGHT // 2, WIDTH // 2),
            flat[luma + half :].reshape(HEIGHT // 2, WIDTH // 2),
        )

    @classmethod
    def of(cls, picture: Image.Image) -> Canvas:
        """An opaque picture of 1280 by 720."""
        y, u, v = _yuv(picture.convert("RGB"))
        return cls(bytearray(b"".join(each.tobytes() for each in (y, u.reduce(2), v.reduce(2)))))

    def copy(self) -> Canvas:
        """Another one that looks the same."""
        return Canvas(bytearray(self.data))

    def picture(self) -> Image.Image:
        """Picture to look at, or to keep in a file."""
        y, u, v = (Image.fromarray(plane) for plane in self.planes)
        full = (u.resize(y.size), v.resize(y.size))
        return Image.merge("RGB", (y, *full)).convert("RGB", _TO_RGB)

    def lay(self, layer: Layer, dx: float = 0.0, dy: float = 0.0) -> None:
        """Lay a layer over what is there, moved right and down by these pixels, also by parts.

        A layer that is moved must be clear along its edges; what is beyond the picture is left out.
        """
        full, half = layer.opacity
        for target, values, opacity, scale in zip(
            self.planes, layer.planes, (full, half, half), (1, 2, 2), strict=True
        ):
            x, y = _parts(layer.left + dx, scale), _parts(layer.top + dy, scale)
            _mix(target, _moved(values, x[1], y[1]), _moved(opacity, x[1], y[1]), x[0], y[0])


class Layer(NamedTuple):
    """Y, U, V, premultiplied; the opacity (0 to 255) in full and in half size; its place."""

    planes: tuple[Plane, Plane, Plane]
    opacity: tuple[Plane, Plane]
    left: int
    top: int

    @classmethod
    def of(cls, picture: Image.Image, mask: Image.Image, left: int, top: int) -> Layer:
        """Make one from colours and an opacity; place and size are to be even."""
        assert left % 2 == top % 2 == picture.width % 2 == picture.height % 2 == 0
        opacity = np.asarray(mask)
        y, u, v = (_premultiplied(plane, opacity) for plane in _yuv(picture))
        return cls((y, _halved(u), _halved(v)), (opacity, _halved(opacity)), left, top)

    def turned(self, degrees: float, pivot: tuple[float, float]) -> Layer:
        """The same, turned clockwise around a point of the picture; what leaves its box is lost."""
        if degrees == 0.0:
            return self
        angle = math.radians(degrees)
        cos, sin = math.cos(angle), math.sin(angle)

        def turn(plane: Plane, scale: int) -> Plane:
            x, y = (pivot[0] - self.left) / scale, (pivot[1] - self.top) / scale
            back = (cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y)
            image = Image.fromarray(plane)
            how = Image.Resampling.BILINEAR
            return np.asarray(image.transform(image.size, Image.Transform.AFFINE, back, how))

        (y, u, v), (full, half) = self.planes, self.opacity
        return self._replace(
            planes=(turn(y, 1), turn(u, 2), turn(v, 2)), opacity=(turn(full, 1), turn(half, 2))
        )


def _yuv(picture: Image.Image) -> tuple[Image.Image, ...]:
    return picture.convert("RGB", _TO_YUV).split()


def _premultiplied(plane: Image.Image, opacity: Plane) -> Plane:
    # Divided by 255: 255 times 255 stays 255.
    product = np.multiply(np.asarray(plane), opacity, dtype=np.uint16) + np.uint16(128)
    return np.asarray((product + (product >> 8)) >> 8, dtype=np.uint8)


def _halved(plane: Plane) -> Plane:
    return np.asarray(Image.fromarray(plane).reduce(2))


def _parts(place: float, scale: int) -> tuple[int, int]:
    """A place as whole pixels and sixteenths."""
    return divmod(round(place / scale * _PARTS), _PARTS)


def _moved(plane: Plane, right: int, down: int) -> Plane | Wide:
    """The plane moved by sixteenths of a pixel, between its neighbours."""
    if not right and not down:
        return plane
    # 255 * 16 * 16 is just below what 16 bits hold.
    across = np.multiply(plane, _PARTS - right, dtype=np.uint16)
    if right:
        across[:, 1:] += np.multiply(plane[:, :-1], right, dtype=np.uint16)
    moved = across * np.uint16(_PARTS - down)
    if down:
        moved[1:] += across[:-1] * np.uint16(down)
    moved += np.uint16(128)
    moved >>= np.uint16(8)
    return moved


def _mix(target: Plane, values: Plane | Wide, opacity: Plane | Wide, left: int, top: int) -> None:
    height, width = target.shape
    rows = slice(max(0, -top), min(values.shape[0], height - top))
    columns = slice(max(0, -left), min(values.shape[1], width - left))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    values, opacity = values[rows, columns], opacity[rows, columns]
    there = target[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
    # 256 parts, of which the opacity's 255 are all.
    through = np.subtract(256, opacity, dtype=np.uint16)
    through -= opacity >> 7
    through *= there
    through >>= np.uint16(8)
    through += values
    there[...] = through
