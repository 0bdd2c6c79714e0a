"""The demo avatar's face, drawn: a pure function from mouth and eyes to a picture.

Each part is drawn once at three times its size and scaled down (that is what makes its edges
smooth), then kept; a picture is the parts pasted together, which costs about a millisecond.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 640, 480

# Mouth and eyes move in steps, so that every part can be kept.
OPENNESS_STEPS = 8
WIDTH_STEPS = 4
BLINK_STEPS = 3

_SCALE = 3  # drawn larger by this much
_SWAY_MARGIN = 8  # pixels the head may move without showing the layer's edge

_BACK_TOP, _BACK_BOTTOM = (46, 58, 110), (122, 98, 160)
_SKIN, _SKIN_SHADE, _SKIN_LIGHT = (246, 201, 168), (229, 172, 138), (252, 219, 192)
_HAIR, _HAIR_LIGHT = (84, 46, 38), (118, 68, 52)
_SHIRT, _SHIRT_SHADE = (44, 150, 146), (32, 118, 118)
_LIP, _LIP_DARK, _MOUTH = (205, 92, 92), (158, 62, 68), (98, 28, 40)
_TONGUE, _TEETH = (224, 116, 118), (252, 250, 244)
_IRIS, _PUPIL, _WHITE = (62, 118, 92), (26, 24, 32), (254, 254, 252)
_CHEEK = (240, 130, 120)

# Where the parts are, in pixels of the picture.
_CENTRE = WIDTH // 2
_EYE_Y, _EYE_APART = 214, 58
_EYES_BOX = (_CENTRE - 110, 160, _CENTRE + 110, 256)
_MOUTH_Y = 312
_MOUTH_BOX = (_CENTRE - 80, 270, _CENTRE + 80, 370)

_Point = tuple[float, float]
_Box = tuple[int, int, int, int]


class Look(NamedTuple):
    """What there is to see, in the steps in which the parts are kept: equal looks, equal pictures.

    `sway`: how far the head is moved right and down, in pixels.
    """

    openness: int
    width: int
    blink: int
    sway: tuple[int, int]

    @classmethod
    def nearest(
        cls, openness: float, width: float, blink: float = 0.0, sway: tuple[int, int] = (0, 0)
    ) -> Look:
        """The look nearest to these values, which are those of `render`."""
        dx, dy = (max(-_SWAY_MARGIN, min(_SWAY_MARGIN, step)) for step in sway)
        return cls(
            _step(openness, OPENNESS_STEPS),
            _step(width, WIDTH_STEPS),
            _step(blink, BLINK_STEPS),
            (dx, dy),
        )


def render(
    openness: float, width: float, blink: float = 0.0, sway: tuple[int, int] = (0, 0)
) -> Image.Image:
    """The face as an RGBA picture of 640 by 480; the same arguments give the same picture.

    `openness`: 0 (lips closed, a smile) to 1 (wide open). `width`: 0 (rounded, as in "oo") to 1
    (spread, as in "ee"). `blink`: 0 (eyes open) to 1 (shut). `sway`: how far the head is moved
    right and down, in pixels, at most 8 each way. Values beyond are taken as the nearest allowed.
    """
    return draw(Look.nearest(openness, width, blink, sway))


def draw(look: Look) -> Image.Image:
    """The picture of one look."""
    dx, dy = look.sway
    picture = _background().copy()
    head = _head()
    picture.paste(head, (dx, dy), head)
    eyes = _eyes(look.blink)
    picture.paste(eyes, (_EYES_BOX[0] + dx, _EYES_BOX[1] + dy), eyes)
    mouth = _mouth(look.openness, look.width)
    picture.paste(mouth, (_MOUTH_BOX[0] + dx, _MOUTH_BOX[1] + dy), mouth)
    picture.putalpha(255)  # pasting soft edges has made theirs less
    return picture


def prepare() -> None:
    """Draw every part now (a second or less), so that no picture has to wait for one."""
    _background()
    _head()
    for blink in range(BLINK_STEPS + 1):
        _eyes(blink)
    for openness in range(OPENNESS_STEPS + 1):
        for width in range(WIDTH_STEPS + 1):
            _mouth(openness, width)


def _step(value: float, steps: int) -> int:
    return round(max(0.0, min(1.0, value)) * steps)


class _Layer:
    """A transparent picture of one box of the face, drawn in the face's own coordinates."""

    def __init__(self, box: _Box) -> None:
        self.box = box
        left, top, right, bottom = box
        size = ((right - left) * _SCALE, (bottom - top) * _SCALE)
        self.image = Image.new("RGBA", size, (0, 0, 0, 0))
        self.draw = ImageDraw.Draw(self.image)

    def at(self, points: list[_Point]) -> list[_Point]:
        return [((x - self.box[0]) * _SCALE, (y - self.box[1]) * _SCALE) for x, y in points]

    def shape(self, points: list[_Point], colour: tuple[int, ...]) -> None:
        self.draw.polygon(self.at(points), fill=colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: tuple[int, ...]) -> None:
        (x0, y0), (x1, y1) = self.at([(x - rx, y - ry), (x + rx, y + ry)])
        self.draw.ellipse((x0, y0, x1, y1), fill=colour)

    def line(self, points: list[_Point], colour: tuple[int, ...], thickness: float) -> None:
        self.draw.line(self.at(points), fill=colour, width=round(thickness * _SCALE), joint="curve")
        for x, y in (points[0], points[-1]):
            self.oval(x, y, thickness / 2, thickness / 2, colour)

    def glow(self, x: float, y: float, rx: float, ry: float, colour: tuple[int, ...]) -> None:
        """A soft spot, laid over what is there."""
        spot = _Layer(self.box)
        spot.image.paste((*colour[:3], 0), (0, 0, *spot.image.size))  # no black in its soft edge
        spot.oval(x, y, rx, ry, colour)
        self.lay(spot.image.filter(ImageFilter.GaussianBlur(rx * _SCALE / 3)))

    def lay(self, other: Image.Image) -> None:
        self.image.alpha_composite(other)

    def only_on(self, shape: _Layer) -> Image.Image:
        """This layer, cut to where `shape` is opaque."""
        empty = Image.new("RGBA", self.image.size, (0, 0, 0, 0))
        return Image.composite(self.image, empty, shape.image.getchannel("A"))

    def scaled(self) -> Image.Image:
        left, top, right, bottom = self.box
        return self.image.resize((right - left, bottom - top), Image.Resampling.LANCZOS)


def _curve(*control: _Point, pieces: int = 24) -> list[_Point]:
    """Points along a Bezier curve of any degree."""
    points = []
    for index in range(pieces + 1):
        at = index / pieces
        level = list(control)
        while len(level) > 1:
            level = [
                (ax + (bx - ax) * at, ay + (by - ay) * at)
                for (ax, ay), (bx, by) in itertools.pairwise(level)
            ]
        points.append(level[0])
    return points


@lru_cache(maxsize=1)
def _background() -> Image.Image:
    column = Image.new("RGBA", (1, HEIGHT))
    for y in range(HEIGHT):
        part = y / HEIGHT
        mixed = (round(a + (b - a) * part) for a, b in zip(_BACK_TOP, _BACK_BOTTOM, strict=True))
        column.putpixel((0, y), (*mixed, 255))
    layer = _Layer((0, 0, WIDTH, HEIGHT))
    layer.image = column.resize(layer.image.size)
    layer.glow(_CENTRE, 220, 250, 210, (255, 214, 190, 70))
    return layer.scaled()


@lru_cache(maxsize=1)
def _head() -> Image.Image:
    """Everything that is neither eyes nor mouth; the body is longer than the picture."""
    layer = _Layer((0, 0, WIDTH, HEIGHT))
    c = _CENTRE
    _draw_hair_behind(layer, c)
    _draw_body(layer, c)
    for side in (-1, 1):
        layer.oval(c + side * 116, 226, 20, 30, _SKIN_SHADE)
        layer.oval(c + side * 114, 226, 12, 20, _SKIN)
    jaw = _curve((c + 118, 190), (c + 124, 330), (c + 70, 384), (c, 388))
    other = [(2 * c - x, y) for x, y in reversed(jaw)]
    crown = _curve((c - 118, 190), (c - 122, 70), (c + 122, 70), (c + 118, 190))
    layer.shape([*jaw, *other, *crown], _SKIN)
    layer.glow(c, 168, 70, 34, (*_SKIN_LIGHT, 190))
    for side in (-1, 1):
        layer.glow(c + side * 74, 276, 32, 21, (*_CHEEK, 120))
    layer.line(_curve((c - 3, 238), (c - 12, 266), (c - 16, 274), (c + 9, 275)), _SKIN_SHADE, 5)
    _draw_fringe(layer, c)
    return layer.scaled()


def _draw_hair_behind(layer: _Layer, c: float) -> None:
    left = _curve((c, 56), (c - 160, 52), (c - 150, 190), (c - 128, 262))
    right = [(2 * c - x, y) for x, y in reversed(left)]
    layer.shape([*left, (c - 96, 300), (c + 96, 300), *right], _HAIR)


def _draw_body(layer: _Layer, c: float) -> None:
    below = HEIGHT + _SWAY_MARGIN * 2
    shoulder = _curve((c - 52, 404), (c - 130, 414), (c - 196, 436), (c - 208, below))
    other = [(2 * c - x, y) for x, y in reversed(shoulder)]
    layer.shape([*shoulder, *other], _SHIRT)
    layer.shape([(c - 50, 340), (c + 50, 340), (c + 54, 414), (c - 54, 414)], _SKIN_SHADE)
    layer.oval(c, 412, 54, 24, _SKIN_SHADE)
    collar = _curve((c - 60, 404), (c - 40, 456), (c + 40, 456), (c + 60, 404))
    layer.line(collar, _SHIRT_SHADE, 11)


def _draw_fringe(layer: _Layer, c: float) -> None:
    over = _curve((c - 124, 206), (c - 150, 40), (c + 150, 40), (c + 124, 206))
    part = [
        *_curve((c + 124, 206), (c + 112, 150), (c + 84, 132), (c + 46, 122)),
        *_curve((c + 46, 122), (c - 10, 162), (c - 84, 150), (c - 124, 206)),
    ]
    layer.shape([*over, *part], _HAIR)
    for shift, thickness in ((0, 5.0), (13, 3.5), (24, 2.5)):
        strand = _curve(
            (c + 44 - shift, 106 - shift), (c - 20, 134 - shift), (c - 98 + shift / 2, 138 - shift)
        )
        layer.line(strand, _HAIR_LIGHT, thickness)


@lru_cache(maxsize=BLINK_STEPS + 1)
def _eyes(step: int) -> Image.Image:
    layer = _Layer(_EYES_BOX)
    shut = step / BLINK_STEPS
    for side in (-1, 1):
        x = _CENTRE + side * _EYE_APART
        _draw_eye(layer, x, side, shut)
        lift = 4 * shut
        brow = _curve(
            (x - side * 26, 180 + lift), (x + side * 2, 166 + lift), (x + side * 30, 179 + lift)
        )
        layer.line(brow, _HAIR, 7)
    return layer.scaled()


def _draw_eye(layer: _Layer, x: float, side: int, shut: float) -> None:
    upper, lower = 16 * (1 - shut), 14 * (1 - shut)
    if shut > 0.9:
        layer.line(_curve((x - 24, 216), (x, 230), (x + 24, 216)), _HAIR, 4.5)
        return
    top = _curve((x - 25, _EYE_Y), (x - 12, _EYE_Y - upper * 1.5), (x + 12, _EYE_Y - upper * 1.5),
                 (x + 25, _EYE_Y))  # fmt: skip
    bottom = _curve((x + 25, _EYE_Y), (x + 12, _EYE_Y + lower * 1.4),
                    (x - 12, _EYE_Y + lower * 1.4), (x - 25, _EYE_Y))  # fmt: skip
    white = _Layer(layer.box)
    white.shape([*top, *bottom], _WHITE)
    ball = _Layer(layer.box)
    ball.oval(x, _EYE_Y, 15, 15, _IRIS)
    ball.oval(x, _EYE_Y, 8.5, 8.5, _PUPIL)
    ball.oval(x + 4.5, _EYE_Y - 5, 4, 4, _WHITE)
    ball.oval(x - 5, _EYE_Y + 5, 2, 2, _WHITE)
    layer.lay(white.image)
    layer.lay(ball.only_on(white))
    layer.line(top, _HAIR, 4)
    outer = (x + side * 25, _EYE_Y)
    layer.line([outer, (outer[0] + side * 5, outer[1] - 5)], _HAIR, 3.5)


@lru_cache(maxsize=(OPENNESS_STEPS + 1) * (WIDTH_STEPS + 1))
def _mouth(openness_step: int, width_step: int) -> Image.Image:
    layer = _Layer(_MOUTH_BOX)
    openness, spread = openness_step / OPENNESS_STEPS, width_step / WIDTH_STEPS
    c, y = _CENTRE, _MOUTH_Y
    # Rounded lips narrow as they open; closed ones keep the smile whatever the width.
    half = 40 + (spread - 0.5) * 28 * min(1.0, 0.35 + openness) - 4 * openness
    if openness_step == 0:
        layer.line(_curve((c - half, y - 3), (c - 18, y + 12), (c + 18, y + 12), (c + half, y - 3)),
                   _LIP_DARK, 5)  # fmt: skip
        layer.line(_curve((c - 13, y + 21), (c, y + 24), (c + 13, y + 21)), _SKIN_SHADE, 3.5)
        return layer.scaled()
    up, down = 3 + 9 * openness, 9 + 45 * openness
    corner = y - 2 + 3 * openness
    top = _curve((c - half, corner), (c - half * 0.55, y - up * 1.3), (c, y - up * 0.4),
                 (c + half * 0.55, y - up * 1.3), (c + half, corner))  # fmt: skip
    bottom = _curve((c + half, corner), (c + half * 0.72, y + down), (c - half * 0.72, y + down),
                    (c - half, corner))  # fmt: skip
    hole = _Layer(layer.box)
    hole.shape([*top, *bottom], _MOUTH)
    inside = _Layer(layer.box)
    inside.oval(c, y + down * 0.86, half * 0.62, 4 + 15 * openness, _TONGUE)
    teeth = 3.5 + 6 * openness
    inside.shape([(c - half, y - 20), (c + half, y - 20), (c + half * 0.7, y + teeth * 0.6),
                  (c, y + teeth), (c - half * 0.7, y + teeth * 0.6)], _TEETH)  # fmt: skip
    layer.lay(hole.image)
    layer.lay(inside.only_on(hole))
    layer.line(bottom, _LIP, 6.5)
    layer.line(top, _LIP_DARK, 5)
    return layer.scaled()
