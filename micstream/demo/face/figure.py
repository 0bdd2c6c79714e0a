"""Figure that is painted once: the background, the head without eyes and mouth, the shoulders.

Coordinates are pixels from the middle of the face: right, down.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from micstream.demo.face import hair
from micstream.demo.face.palette import Character
from micstream.demo.face.pen import Box, Sheet, bezier, flipped, mirrored, oval, spline, stroke
from micstream.demo.face.planes import HEIGHT, WIDTH, Canvas, Layer

MIDDLE = (640, 340)  # of the face, in the picture
PIVOT = (MIDDLE[0], MIDDLE[1] + 250)  # around which the head turns: the neck

_HEAD_BOX: Box = (-280, -300, 280, 320)
_BODY_BOX: Box = (-400, 190, 400, 440)

JAW = mirrored(spline((0, -206), (104, -180), (156, -90), (162, 10), (148, 96), (104, 166),
                      (46, 205), (0, 211), closed=False))  # fmt: skip


def background(who: Character, plain: tuple[int, int, int] | None) -> Canvas:
    """A soft gradient of the character's, or one plain colour."""
    if plain is not None:
        return Canvas.of(Image.new("RGB", (WIDTH, HEIGHT), plain))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = np.hypot((x - MIDDLE[0]) / 800, (y - MIDDLE[1] + 60) / 640)
    part = np.clip(0.25 + 0.2 * y / HEIGHT + 0.75 * away**1.5 - 0.25, 0.0, 1.0)[..., np.newaxis]
    top, bottom = (np.array(colour, np.float32) for colour in (who.back_top, who.back_bottom))
    # A little grain, the same each time, keeps the gradient from showing bands.
    grain = np.random.default_rng(1).uniform(-1.0, 1.0, part.shape).astype(np.float32)
    mixed = top + (bottom - top) * part + grain
    return Canvas.of(Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)))


def head(who: Character) -> Layer:
    """Hair, neck, ears and face."""
    sheet = Sheet(_HEAD_BOX)
    hair.behind(sheet, who)
    _neck(sheet, who)
    if who.hair_style != "bob":  # which covers them
        for side in (-1, 1):
            _ear(sheet, who, side)
    face = sheet.mask(JAW)
    sheet.paint(who.skin, JAW)
    edge = mirrored(spline((0, 262), (190, 200), (230, 60), (215, -190), (150, -220), (140, -60),
                           (134, 60), (96, 142), (40, 178), (0, 184), closed=False))  # fmt: skip
    sheet.paint(who.skin_dark, edge, blur=20, opacity=0.5, within=face)
    sheet.paint(who.skin_light, oval(-6, -50, 84, 46), blur=26, opacity=0.8, within=face)
    sheet.paint(who.skin_light, oval(0, 62, 12, 44), blur=9, opacity=0.75, within=face)
    for side in (-1, 1):
        sheet.paint(who.blush, oval(side * 100, 84, 36, 22), blur=15, opacity=0.5, within=face)
        socket = oval(side * 72, 10, 52, 42)
        sheet.paint(who.skin_dark, socket, blur=14, opacity=0.18, within=face)
    hair.before(sheet, who, face)
    return _layer(sheet)


def body(who: Character) -> Layer:
    """Shoulders in a soft jumper with a high collar."""
    sheet = Sheet(_BODY_BOX)
    trunk = mirrored(spline((0, 276), (70, 270), (150, 292), (236, 322), (286, 366), (312, 450),
                            (316, 500), (0, 500), closed=False))  # fmt: skip
    cloth = sheet.mask(trunk)
    sheet.paint(who.cloth, trunk)
    for side in (-1, 1):
        under = oval(side * 300, 440, 70, 120)
        sheet.paint(who.cloth_dark, under, blur=26, opacity=0.8, within=cloth)
        fold = stroke(bezier((206, 440), (210, 400), (224, 372)), 7, end=0.2)
        fold = fold if side > 0 else flipped(fold)
        sheet.paint(who.cloth_dark, fold, blur=1.5, opacity=0.7)
    sheet.paint(who.cloth_dark, oval(0, 296, 112, 34), blur=14, opacity=0.85, within=cloth)
    collar = mirrored(spline((0, 262), (40, 254), (76, 240), (88, 252), (94, 284), (66, 306),
                             (0, 316), closed=False))  # fmt: skip
    roll = sheet.mask(collar)
    sheet.paint(who.cloth, collar)
    sheet.paint(who.cloth_dark, oval(0, 258, 84, 12), blur=6, opacity=0.7, within=roll)
    sheet.paint((255, 255, 255), oval(-20, 290, 60, 8), blur=8, opacity=0.18, within=roll)
    for at in (-66, -44, -22, 0, 22, 44, 66):
        rib = stroke(bezier((at * 0.9, 262), (at * 1.05, 286), (at * 1.02, 318)), 3)
        sheet.paint(who.cloth_dark, rib, blur=1, opacity=0.45, within=roll)
    return _layer(sheet)


def _neck(sheet: Sheet, who: Character) -> None:
    neck = mirrored(spline((0, 120), (62, 120), (58, 190), (60, 240), (72, 300), (0, 310),
                           closed=False))  # fmt: skip
    column = sheet.mask(neck)
    sheet.paint(who.skin, neck)
    sheet.paint(who.skin_dark, oval(0, 196, 110, 52), blur=9, opacity=0.95, within=column)
    sheet.paint(who.skin_dark, oval(62, 250, 26, 70), blur=10, opacity=0.5, within=column)


def _ear(sheet: Sheet, who: Character, side: int) -> None:
    shape = spline((150, -14), (176, -30), (188, -8), (180, 28), (164, 52), (148, 46))
    inner = spline((160, -6), (174, -16), (178, 0), (170, 24), (160, 34))
    for colour, part, opacity in ((who.skin, shape, 1.0), (who.skin_dark, inner, 0.6)):
        sheet.paint(colour, part if side > 0 else flipped(part), opacity=opacity)


def _layer(sheet: Sheet) -> Layer:
    left, top = sheet.box[0] + MIDDLE[0], sheet.box[1] + MIDDLE[1]
    picture = sheet.finished()
    return Layer.of(picture.convert("RGB"), picture.getchannel("A"), left, top)
