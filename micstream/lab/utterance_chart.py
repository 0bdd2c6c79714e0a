"""Drawings of one utterance: sound, mouth and phonemes over each other, and its filmstrip. Pure.

They are as wide as the utterance is long, so that a second is as wide in all of them; what is
longer than a row goes on in the next one.
"""

from __future__ import annotations

import math
from base64 import b64encode
from itertools import pairwise
from typing import Final

import numpy as np

from micstream.lab.drawing import (
    Markup,
    Scale,
    area,
    chart,
    joined,
    line,
    picture_size,
    tag,
)
from micstream.lab.story import Curve, Mark, Still, Told

RATE: Final = 100
"""Values of a curve in a second."""
ROW_S: Final = 5.4
_SECOND: Final = 180.0
_LEFT, _RIGHT = 50.0, 12.0
# Pixels from the top: sound, mouth, phonemes, times.
_SOUND: Final = (6.0, 70.0)
_MOUTH: Final = (80.0, 170.0)
_SAID: Final = (178.0, 200.0)
_HEIGHT: Final = 222.0
_STILL: Final = 104.0
_GAP: Final = 4.0
_UNDER: Final = 56.0
_FRAME_S: Final = 0.04
_TICK_S: Final = 0.5
_LOUDER: Final = 8.0
"""A sound is drawn so much louder than it is, at most."""


def length_s(told: Told) -> float:
    """Seconds that are drawn."""
    mouth = 0 if told.mouth is None else told.mouth.size
    return max(told.sound.size, told.level.size, mouth) / RATE


def utterance(told: Told, name: str, title: str) -> list[Markup]:
    """A drawing for each row of it; none where there is no curve.

    Args:
        told: what is drawn.
        name: of its own within the page.
        title: of the utterance, for who does not see it.
    """
    whole = length_s(told)
    rows = math.ceil(whole / ROW_S - 1e-9)
    ends = np.linspace(0, whole, rows + 1) if rows else np.zeros(0)
    return [
        _row(told, f"{name}-{at}", title, (float(begin), float(end)))
        for at, (begin, end) in enumerate(pairwise(ends))
    ]


def _row(told: Told, name: str, title: str, ends: tuple[float, float]) -> Markup:
    begin, end = ends
    width = _LEFT + max(0.6, end - begin) * _SECOND + _RIGHT
    along = Scale(begin, end, _LEFT, _LEFT + (end - begin) * _SECOND)
    seen = "the mouth's opening" if told.mouth is not None else "no mouth, as none was found"
    shut = [mark for mark in told.marks if mark.closes and _meets(mark, ends)]
    return chart(
        name,
        title,
        f"From {begin:.1f} to {end:.1f} s of it: the sound, under it how far a mouth would be open "
        f"for it, and {seen}; {len(shut)} closures (p, b, m) are marked.",
        (width, _HEIGHT),
        *_names(told),
        _closures(shut, along),
        _wave(_sound(told), along, _SOUND),
        _opening(told, along, _MOUTH),
        *[_phoneme(mark, along) for mark in told.marks if _meets(mark, ends)],
        *_seconds(along, told.begin_s),
        class_="drawn",
    )


def _names(told: Told) -> list[Markup]:
    def name(said: str, y: float, class_: str = "lane") -> Markup:
        return tag("text", said, x=0, y=y, class_=class_)

    named = [name("sound", 42), name("open", _MOUTH[0] + 9), name("shut", _MOUTH[1])]
    if told.marks:
        named.append(name("said", _SAID[1] - 7))
    return named


def _meets(mark: Mark, ends: tuple[float, float]) -> bool:
    return mark.end_s > ends[0] and mark.begin_s < ends[1]


def _closures(shut: list[Mark], along: Scale, lanes: tuple[float, float] | None = None) -> Markup:
    """Bands where the lips should meet, through all lanes."""
    top, bottom = lanes or (_SOUND[0], _SAID[1])
    found = []
    for mark in shut:
        left, right = along.within(mark.begin_s), along.within(mark.end_s)
        size = max(1.5, right - left)
        found.append(tag("rect", x=left, y=top, width=size, height=bottom - top, class_="shut"))
    return joined(found)


def _piece(curve: Curve, along: Scale) -> tuple[Curve, Curve]:
    """Pixels across, and values, of what of a curve lies within the scale."""
    first = max(0, math.floor(along.low * RATE + 1e-6))
    last = min(curve.size, math.ceil(along.high * RATE - 1e-6) + 1)
    places = np.arange(first, max(first, last))
    return along.many(places / RATE), np.clip(curve[places], 0, 1)


def _sound(told: Told) -> Curve:
    """The envelope, made so loud that it is to be seen; noise that is hardly there stays small."""
    sound = np.nan_to_num(told.sound)
    return np.asarray(sound * min(_LOUDER, 1 / max(1e-6, float(sound.max(initial=0)))))


def _wave(sound: Curve, along: Scale, lane: tuple[float, float]) -> Markup:
    xs, values = _piece(sound, along)
    middle, half = (lane[0] + lane[1]) / 2, (lane[1] - lane[0]) / 2
    return tag("path", d=area(xs, middle - half * values, middle + half * values), class_="wave")


def _opening(told: Told, along: Scale, lane: tuple[float, float]) -> Markup:
    """The level as an area, the mouth as a line."""
    up = Scale(0, 1, lane[1], lane[0])
    xs, values = _piece(np.nan_to_num(told.level), along)
    under = up.many(values)
    drawn = [
        tag("path", d=area(xs, under, np.full(under.shape, lane[1])), class_="level"),
        tag("path", d=line(xs, under), class_="level-line"),
    ]
    if told.mouth is not None:
        places, mouth = _piece(told.mouth, along)
        drawn.append(tag("path", d=line(places, up.many(mouth)), class_="mouth"))
    return joined(drawn)


def _phoneme(mark: Mark, along: Scale) -> Markup:
    left, right = along.within(mark.begin_s), along.within(mark.end_s)
    top, bottom = _SAID
    box = tag(
        "rect",
        x=left + 0.5,
        y=top,
        width=max(0.5, right - left - 1),
        height=bottom - top,
        class_="said closes" if mark.closes else "said",
    )
    # Signs are some seven pixels wide: what does not fit is left to the title.
    if right - left < 6.5 * len(mark.sound) + 1:
        return tag("g", tag("title", mark.sound), box)
    word = tag(
        "text",
        mark.sound,
        x=(left + right) / 2,
        y=bottom - 7,
        text_anchor="middle",
        class_="sign closes" if mark.closes else "sign",
    )
    return joined([box, word])


def _seconds(along: Scale, begin_s: float) -> list[Markup]:
    """A scale of seconds, on the run's clock."""
    top = _SAID[1] + 4
    found = []
    first = math.ceil((begin_s + along.low) / _TICK_S - 1e-6)
    last = math.floor((begin_s + along.high) / _TICK_S + 1e-6)
    for step in range(first, last + 1):
        x = along(step * _TICK_S - begin_s)
        found.append(tag("path", d=f"M{x:.1f} {top}v4", class_="axis"))
        if x < along.end - 14 or step == first:
            found.append(
                tag(
                    "text",
                    f"{step * _TICK_S:.1f} s",
                    x=x,
                    y=top + 16,
                    text_anchor="middle",
                    class_="lane",
                )
            )
    return found


def filmstrip(told: Told, name: str, title: str) -> Markup | None:
    """Stills side by side with their times, under them the sound and the mouth; None: no stills."""
    stills = sorted((each for each in told.stills if each.jpeg), key=lambda each: each.at_s)
    if not stills:
        return None
    high = _still_height(stills[0])
    middles = [at * (_STILL + _GAP) + _STILL / 2 for at in range(len(stills))]
    width = len(stills) * (_STILL + _GAP) - _GAP
    top = high + 24
    bottom = top + _UNDER
    parts = [tag("rect", x=0, y=top, width=width, height=_UNDER, class_="ground")]
    parts += _under(told, stills, middles, (top, bottom))
    for still, middle in zip(stills, middles, strict=True):
        data = b64encode(still.jpeg).decode()
        parts += [
            tag(
                "image",
                href=f"data:image/jpeg;base64,{data}",
                x=middle - _STILL / 2,
                y=0,
                width=_STILL,
                height=high,
            ),
            tag(
                "text",
                f"{told.begin_s + still.at_s:.2f} s",
                x=middle,
                y=high + 16,
                text_anchor="middle",
                class_="lane",
            ),
            tag("path", d=f"M{middle:.1f} {top - 3}V{bottom}", class_="at"),
        ]
    first, last = (told.begin_s + still.at_s for still in (stills[0], stills[-1]))
    return chart(
        name,
        title,
        f"{len(stills)} pictures from {first:.2f} to {last:.2f} s of the run, and under them the "
        "sound and the mouth's opening at those times.",
        (width, bottom + 2),
        *parts,
        class_="drawn",
    )


def _under(
    told: Told, stills: list[Still], middles: list[float], lane: tuple[float, float]
) -> list[Markup]:
    """Sound, closures and mouth, each at the picture that was seen then.

    Pictures may be apart by different times, so the scale differs from one to the next.
    """
    times = [still.at_s for still in stills]
    half = (times[-1] - times[0]) / (len(times) - 1) / 2 if len(times) > 1 else _FRAME_S
    half = half or _FRAME_S
    knots_s = [times[0] - half, *times, times[-1] + half]
    knots_x = [0.0, *middles, middles[-1] + _STILL / 2]

    def piece(curve: Curve) -> tuple[Curve, Curve]:
        first = max(0, math.ceil(knots_s[0] * RATE))
        places = np.arange(first, max(first, min(curve.size, math.floor(knots_s[-1] * RATE) + 1)))
        return np.interp(places / RATE, knots_s, knots_x), np.clip(curve[places], 0, 1)

    top, bottom = lane
    middle, high = (top + bottom) / 2, (bottom - top) / 2 - 3
    xs, sound = piece(_sound(told))
    drawn = []
    for mark in told.marks:
        if mark.closes and _meets(mark, (knots_s[0], knots_s[-1])):
            left, right = (
                float(np.interp(e, knots_s, knots_x)) for e in (mark.begin_s, mark.end_s)
            )
            drawn += [
                tag("rect", x=left, y=top, width=right - left, height=bottom - top, class_="shut"),
                tag("text", mark.sound, x=left + 3, y=top + 12, class_="sign closes"),
            ]
    drawn.append(
        tag("path", d=area(xs, middle - high * sound, middle + high * sound), class_="wave")
    )
    if told.mouth is not None:
        places, mouth = piece(told.mouth)
        up = Scale(0, 1, bottom - 3, top + 3)
        drawn.append(tag("path", d=line(places, up.many(mouth)), class_="mouth"))
    return drawn


def _still_height(still: Still) -> float:
    """Of the first picture's form; the others are fitted in."""
    width, height = picture_size(still.jpeg) or (4, 3)
    return round(_STILL * min(2.0, max(0.3, height / width)), 1)
