"""The demo's characters: colours and hair, one for each avatar's identity."""

from __future__ import annotations

import zlib
from typing import Literal, NamedTuple

from micstream.demo.face.pen import Colour


class Character(NamedTuple):
    """Character: the look of one avatar."""

    hair_style: Literal["bob", "short", "curls"]
    hair: Colour
    hair_light: Colour
    hair_dark: Colour
    skin: Colour
    skin_light: Colour
    skin_dark: Colour
    blush: Colour
    lip: Colour
    iris: Colour
    cloth: Colour
    cloth_dark: Colour
    back_top: Colour
    back_bottom: Colour
    brow: float = 11.0
    """The brows' thickness, pixels."""
    lips: float = 1.0
    """Fullness of the lips."""
    glasses: Colour | None = None


CHARACTERS = (
    Character(
        hair_style="bob",
        hair=(104, 52, 46),
        hair_light=(176, 96, 70),
        hair_dark=(66, 30, 34),
        skin=(250, 208, 180),
        skin_light=(255, 231, 211),
        skin_dark=(224, 160, 132),
        blush=(240, 122, 112),
        lip=(208, 84, 88),
        iris=(62, 128, 104),
        cloth=(36, 142, 146),
        cloth_dark=(22, 100, 112),
        back_top=(250, 226, 198),
        back_bottom=(238, 168, 142),
    ),
    Character(
        hair_style="short",
        hair=(46, 40, 52),
        hair_light=(92, 84, 108),
        hair_dark=(24, 22, 32),
        skin=(214, 158, 118),
        skin_light=(236, 190, 152),
        skin_dark=(172, 112, 80),
        blush=(206, 104, 84),
        lip=(172, 88, 76),
        iris=(104, 72, 48),
        cloth=(238, 168, 60),
        cloth_dark=(196, 122, 36),
        back_top=(190, 222, 240),
        back_bottom=(108, 156, 206),
        brow=15.0,
        lips=0.7,
        glasses=(52, 48, 62),
    ),
    Character(
        hair_style="curls",
        hair=(58, 36, 34),
        hair_light=(112, 72, 60),
        hair_dark=(34, 20, 24),
        skin=(150, 96, 68),
        skin_light=(184, 126, 94),
        skin_dark=(108, 64, 46),
        blush=(176, 76, 62),
        lip=(158, 66, 68),
        iris=(72, 44, 30),
        cloth=(224, 84, 96),
        cloth_dark=(172, 52, 72),
        back_top=(214, 234, 206),
        back_bottom=(128, 184, 156),
        lips=1.2,
    ),
    Character(
        hair_style="bob",
        hair=(226, 172, 92),
        hair_light=(250, 216, 146),
        hair_dark=(172, 116, 52),
        skin=(252, 214, 192),
        skin_light=(255, 236, 222),
        skin_dark=(228, 164, 142),
        blush=(244, 130, 126),
        lip=(216, 92, 104),
        iris=(70, 124, 178),
        cloth=(110, 92, 176),
        cloth_dark=(76, 60, 136),
        back_top=(224, 212, 242),
        back_bottom=(162, 146, 212),
    ),
    Character(
        hair_style="short",
        hair=(168, 78, 40),
        hair_light=(222, 128, 74),
        hair_dark=(116, 48, 28),
        skin=(252, 216, 190),
        skin_light=(255, 236, 218),
        skin_dark=(226, 164, 134),
        blush=(242, 128, 104),
        lip=(206, 104, 94),
        iris=(70, 132, 156),
        cloth=(70, 122, 84),
        cloth_dark=(44, 88, 62),
        back_top=(246, 236, 190),
        back_bottom=(222, 190, 112),
        brow=14.0,
        lips=0.7,
    ),
)


def character(identity: str) -> Character:
    """The look that belongs to an identity: the same each time, and on every machine."""
    return CHARACTERS[zlib.crc32(identity.encode()) % len(CHARACTERS)]
