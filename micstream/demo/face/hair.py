"""Three heads of hair: what lies behind the face, and what falls over it."""

from __future__ import annotations

import math

from PIL import Image

from micstream.demo.face.palette import Character
from micstream.demo.face.pen import (
    Points,
    Sheet,
    bezier,
    flipped,
    mirrored,
    moved,
    oval,
    spline,
    stroke,
)

_SHADOW = 10  # how far below its edge the fringe darkens the forehead, pixels


def behind(sheet: Sheet, who: Character) -> None:
    """Hair that is seen behind face and neck."""
    match who.hair_style:
        case "bob":
            shape = mirrored(spline((0, -256), (120, -240), (200, -160), (222, -30), (222, 90),
                                    (204, 180), (160, 226), (110, 228), (60, 190), (0, 180),
                                    closed=False))  # fmt: skip
            mass = sheet.mask(shape)
            sheet.paint(who.hair, shape)
            inner = oval(0, 170, 150, 120)
            sheet.paint(who.hair_dark, inner, blur=26, opacity=0.95, within=mass)
        case "short":
            shape = mirrored(spline((0, -240), (110, -226), (172, -140), (180, -50), (170, 10),
                                    (150, 20), (0, 0), closed=False))  # fmt: skip
            sheet.paint(who.hair_dark, shape)
        case "curls":
            for x, y, radius in _ring(178, 13, 46, 128):
                sheet.paint(who.hair_dark, oval(x, y - 40, radius, radius))
            sheet.paint(who.hair_dark, oval(0, -50, 186, 176))


def before(sheet: Sheet, who: Character, face: Image.Image) -> None:
    """Hair that falls over the forehead, with its shadow there."""
    match who.hair_style:
        case "bob":
            _bob(sheet, who, face)
        case "short":
            _short(sheet, who, face)
        case "curls":
            _curls(sheet, who, face)


def _shade(sheet: Sheet, who: Character, face: Image.Image, *shapes: Points) -> None:
    lower = [moved(shape, 0.0, _SHADOW) for shape in shapes]
    sheet.paint(who.skin_dark, *lower, blur=7, opacity=0.75, within=face)


def _bob(sheet: Sheet, who: Character, face: Image.Image) -> None:
    """Parted on one side; two locks frame the face."""
    cap = spline((58, -214), (150, -214), (206, -120), (212, -20), (178, 40), (166, -36),
                 (140, -104), (96, -150), (52, -176))  # fmt: skip
    sweep = spline((70, -206), (0, -256), (-110, -238), (-196, -150), (-214, -20), (-176, 40),
                   (-168, -20), (-142, -66), (-80, -92), (0, -116), (52, -160))  # fmt: skip
    lock = spline((166, -90), (206, -70), (222, 40), (218, 130), (196, 196), (150, 216),
                  (172, 160), (174, 70), (160, -10))  # fmt: skip
    locks = (lock, flipped(lock))
    crown = spline((64, -205), (20, -252), (-60, -254), (0, -262), (90, -256), (150, -214))
    _shade(sheet, who, face, cap, sweep, *locks)
    sheet.paint(who.hair, *locks)
    sheet.paint(who.hair, cap, crown)
    over = sheet.mask(cap)
    shaded = stroke(bezier((60, -180), (140, -140), (176, 20)), 30)
    sheet.paint(who.hair_dark, shaded, blur=9, opacity=0.6, within=over)
    sheet.paint(who.hair, sweep)
    fringe = sheet.mask(sweep)
    edge = stroke(bezier((58, -156), (-10, -96), (-150, -100), (-176, 34)), 26)
    sheet.paint(who.hair_dark, edge, blur=9, opacity=0.55, within=fringe)
    parting = stroke(bezier((62, -206), (66, -190), (50, -160)), 12)
    sheet.paint(who.hair_dark, parting, blur=5, opacity=0.8)
    for start, bend, end, thickness in (
        ((30, -196), (-110, -200), (-186, -70), 30),
        ((40, -176), (-70, -160), (-160, -70), 12),
        ((20, -222), (-110, -236), (-196, -110), 9),
    ):
        strand = stroke(bezier(start, bend, end), thickness)
        sheet.paint(who.hair_light, strand, blur=5, opacity=0.6, within=fringe)
    shine = stroke(bezier((100, -196), (176, -150), (190, -50)), 18)
    sheet.paint(who.hair_light, shine, blur=6, opacity=0.55, within=over)
    sides = sheet.mask(*locks)
    for side in (-1, 1):
        glint = stroke(bezier((204, -10), (208, 70), (194, 150)), 12)
        glint = glint if side > 0 else flipped(glint)
        sheet.paint(who.hair_light, glint, blur=5, opacity=0.45, within=sides)


def _short(sheet: Sheet, who: Character, face: Image.Image) -> None:
    """Swept up and to one side."""
    cap = spline((-176, 4), (-190, -90), (-170, -180), (-110, -232), (-30, -258), (60, -262),
                 (140, -234), (184, -160), (190, -80), (176, 4), (164, -40), (150, -100),
                 (118, -138), (60, -150), (-20, -134), (-90, -128), (-140, -100),
                 (-162, -40))  # fmt: skip
    quiff = spline((-120, -134), (-150, -190), (-110, -246), (-20, -278), (70, -282), (138, -262),
                   (176, -216), (187, -160), (168, -136), (110, -152), (40, -146),
                   (-40, -152))  # fmt: skip
    _shade(sheet, who, face, cap, quiff)
    sheet.paint(who.hair, cap)
    sides = sheet.mask(cap)
    for side in (-1, 1):
        temple = oval(side * 176, -60, 26, 70)
        sheet.paint(who.hair_dark, temple, blur=12, opacity=0.7, within=sides)
    sheet.paint(who.hair, quiff)
    top = sheet.mask(quiff)
    low = stroke(bezier((-130, -140), (0, -120), (130, -160)), 40)
    sheet.paint(who.hair_dark, low, blur=12, opacity=0.6, within=top)
    for lift, thickness in ((0, 26), (-34, 14), (28, 10)):
        strand = bezier((-110, -176 + lift), (-40, -244 + lift), (110, -230 + lift))
        glint = stroke(strand, thickness)
        sheet.paint(who.hair_light, glint, blur=6, opacity=0.55, within=top)


def _curls(sheet: Sheet, who: Character, face: Image.Image) -> None:
    """Round and full: circles, each with a light of its own."""
    front = [(x, y - 46, r) for x, y, r in _ring(140, 9, 40, 74)]
    outer = [(x, y - 46, r) for x, y, r in _ring(182, 12, 44, 100)]
    _shade(sheet, who, face, *(oval(*curl, curl[2]) for curl in front))
    for x, y, radius in (*outer, *front):
        circle = oval(x, y, radius, radius)
        mask = sheet.mask(circle)
        sheet.paint(who.hair, circle)
        sheet.paint(who.hair_dark, oval(x + 4, y + radius * 0.8, radius, radius * 0.6),
                    blur=9, opacity=0.7, within=mask)  # fmt: skip
        arc = stroke(bezier((x - radius * 0.6, y), (x - radius * 0.3, y - radius * 0.8),
                            (x + radius * 0.5, y - radius * 0.5)), 9)  # fmt: skip
        sheet.paint(who.hair_light, arc, blur=4, opacity=0.55, within=mask)


def _ring(
    radius: float, count: int, size: float, degrees: float
) -> list[tuple[float, float, float]]:
    """Circles along an arc over the head, `degrees` to either side; the sizes vary a little."""
    curls = []
    for at in range(count):
        angle = math.radians(-degrees + 2 * degrees * at / (count - 1))
        x, y = radius * math.sin(angle), -radius * math.cos(angle)
        curls.append((x, y, size * (1 + 0.14 * math.sin(at * 2.4))))
    return curls
