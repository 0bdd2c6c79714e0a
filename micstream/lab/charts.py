"""Drawings of a lip-sync run: limits, offset over time, histogram of the utterances. Pure.

Each is an SVG that is as wide as its place; colours are classes of the page's style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from micstream.lab.drawing import Markup, Scale, chart, joined, line, tag, ticks
from micstream.lab.figures import R37_MS
from micstream.lab.lipsync import ACCEPTABLE_MS, GOOD_MS
from micstream.lab.story import Point

WIDTH: Final = 720.0
_LEFT, _RIGHT = 58.0, 14.0
_SHOWN_MS: Final = (-215.0, 120.0)
"""At least this is shown where the limits are to be seen."""
_RULER_MS: Final = (-420.0, 330.0)
"""And the ruler shows this at most."""
_BINS_MS: Final = (5, 10, 20, 40, 100, 200, 500)
_MOST_BINS: Final = 60


def axis_text(x: float, y: float, said: object, class_: str = "tick", **more: Any) -> Markup:
    """A word or a figure in a drawing, about its middle unless `more` says another anchor."""
    return tag("text", str(said), x=x, y=y, class_=class_, **more)


def _plus(value: float) -> str:
    return f"{value:+g}" if value else "0"


def _span(values: Iterable[float], at_least: tuple[float, float], by: float = 0.0) -> Scale:
    """From the lowest to the highest of the values, and what is shown at least; no pixels yet."""
    known = [*values, *at_least]
    return Scale(min(known) - by, max(known) + by, 0, 0)


def limits(offset_ms: float | None, between: tuple[float, float] | None) -> Markup:
    """A ruler of the limits, with the offset and its interval on it.

    What lies far beyond the limits is told at the ruler's end, as these would be one line else.
    """
    ends = [value for value in (offset_ms, *(between or ())) if value is not None]
    span = _span(ends, _SHOWN_MS, 12)
    low, high = max(span.low, _RULER_MS[0]), min(span.high, _RULER_MS[1])
    across = Scale(low, high, 8, WIDTH - 8)
    top, deep = 42.0, 22.0
    numbers = [
        axis_text(across(at), top + deep + 21, _plus(at), text_anchor="middle")
        for at in (*ACCEPTABLE_MS, *GOOD_MS, 0)
    ]
    left, right = (across(end) for end in R37_MS)
    under = top + deep + 34
    words = [
        tag("path", d=f"M{left:.1f} {under - 6}v6H{right:.1f}v-6", class_="bracket"),
        axis_text((left + right) / 2, under + 21, "EBU R37: -60 to +40", text_anchor="middle"),
        axis_text(8, under + 21, "picture first", "side"),
        axis_text(WIDTH - 8, under + 21, "sound first", "side", text_anchor="end"),
    ]
    told = "Not measured."
    mark: list[Markup] = []
    if offset_ms is not None:
        told = f"The offset is {offset_ms:+.0f} ms."
        if between is not None:
            told += f" With 95 % confidence it is between {between[0]:+.0f} and {between[1]:+.0f}."
            bar = [across.within(end) for end in between]
            mark.append(tag("path", d=line(bar, [top + deep / 2] * 2), class_="between"))
        said = f"{_plus(round(offset_ms))} ms"
        if not low <= offset_ms <= high:
            said = f"{said} \u2192" if offset_ms > 0 else f"\u2190 {said}"
        mark += _needle(across.within(offset_ms), top, deep, said)
    return chart(
        "limits",
        "The offset and its limits",
        told + " Good is -125 to +45 ms, acceptable -185 to +90 ms (ITU-R BT.1359).",
        (WIDTH, under + 30),
        *[_box(across, ends, top, deep, class_) for ends, class_ in _bands((low, high))],
        tag("path", d=f"M{across(0):.1f} {top}v{deep}", class_="nought"),
        *mark,
        *numbers,
        *words,
        class_="fit",
    )


def _bands(whole: tuple[float, float]) -> tuple[tuple[tuple[float, float], str], ...]:
    """Stretches of the verdicts, each over the one before."""
    return (whole, "band-bad"), (ACCEPTABLE_MS, "band-fair"), (GOOD_MS, "band-good")


def _needle(x: float, top: float, deep: float, said: str) -> list[Markup]:
    place = min(max(x, 70.0), WIDTH - 70.0)
    return [
        tag("path", d=f"M{x:.1f} {top + deep + 3}V{top - 6}l-7-9h14l-7 9", class_="needle"),
        axis_text(place, top - 21, said, "now", text_anchor="middle"),
    ]


def _box(across: Scale, ends: tuple[float, float], top: float, deep: float, class_: str) -> Markup:
    low, high = sorted(across.within(end) for end in ends)
    return tag("rect", x=low, y=top, width=high - low, height=deep, class_=class_)


def over_time(points: Sequence[Point], drift_ms_per_min: float | None = None) -> Markup:
    """Offset over the run: points with their intervals, over the bands of the limits."""
    height, top, bottom = 340.0, 32.0, 292.0
    ends = [value for each in points for value in (each.low_ms, each.high_ms, each.offset_ms)]
    span = _span(ends, (GOOD_MS[0] - 15, GOOD_MS[1] + 30), 6)
    down = Scale(span.low, span.high, bottom, top)
    last = max(each.at_s for each in points)
    first = min(0.0, *(each.at_s for each in points))
    along = Scale(first, max(last * 1.02, first + 1), _LEFT, WIDTH - _RIGHT)
    parts = [_across(down, ends, class_) for ends, class_ in _bands((span.low, span.high))]
    for at in R37_MS:
        parts.append(
            tag("path", d=f"M{_LEFT} {down(at):.1f}H{WIDTH - _RIGHT}", class_="bracket dashed")
        )
    for at in ticks(span.low, span.high, 6):
        parts.append(axis_text(_LEFT - 7, down(at) + 4, _plus(at), text_anchor="end"))
        parts.append(tag("path", d=f"M{_LEFT} {down(at):.1f}H{WIDTH - _RIGHT}", class_="grid"))
    parts.append(tag("path", d=f"M{_LEFT} {down(0):.1f}H{WIDTH - _RIGHT}", class_="nought"))
    minutes = last > 150
    for at in ticks(along.low / 60, last / 60, 5) if minutes else ticks(along.low, last, 5):
        x = along(at * 60 if minutes else at)
        parts.append(axis_text(x, bottom + 20, f"{at:g}", text_anchor="middle"))
    unit = "minutes" if minutes else "seconds"
    parts.append(
        axis_text(WIDTH - _RIGHT, height - 6, f"{unit} of the run", "side", text_anchor="end")
    )
    parts.append(axis_text(4, 20, "offset, ms", "side"))
    if drift_ms_per_min is not None and len(points) > 1:
        parts.append(_drift(points, drift_ms_per_min, along, down))
    bars = "".join(
        line([along(each.at_s)] * 2, [down(each.low_ms), down(each.high_ms)]) for each in points
    )
    parts.append(tag("path", d=bars, class_="bars"))
    parts += [
        tag("circle", cx=along(each.at_s), cy=down(each.offset_ms), r=3.6, class_="dot")
        for each in points
    ]
    values = [each.offset_ms for each in points]
    return chart(
        "over-time",
        "Offset over the run",
        f"{len(points)} offsets, from {min(values):+.0f} to {max(values):+.0f} ms, each with the "
        f"interval it lies in with 95 % confidence, over {last:.0f} s.",
        (WIDTH, height),
        *parts,
        class_="fit",
    )


def _across(down: Scale, ends: tuple[float, float], class_: str) -> Markup:
    top, bottom = sorted(down.within(end) for end in ends)
    width = WIDTH - _RIGHT - _LEFT
    return tag("rect", x=_LEFT, y=top, width=width, height=bottom - top, class_=class_)


def _drift(points: Sequence[Point], slope: float, along: Scale, down: Scale) -> Markup:
    """A line of the drift through the middle of the points."""
    middle_s = sum(each.at_s for each in points) / len(points)
    middle_ms = sum(each.offset_ms for each in points) / len(points)
    ends = points[0].at_s, points[-1].at_s
    heights = [down.within(middle_ms + slope * (end - middle_s) / 60) for end in ends]
    return tag("path", d=line([along(end) for end in ends], heights), class_="drift")


def bins(offsets: Sequence[float]) -> tuple[int, list[tuple[int, int]]]:
    """Width of a bin in ms, and (begin, how many) of each that is not empty."""
    width = float(max(offsets) - min(offsets))
    step = next((step for step in _BINS_MS if width / step <= 16), _BINS_MS[-1])
    while width / step > _MOST_BINS:
        step *= 10
    counts: dict[int, int] = {}
    for offset in offsets:
        begin = math.floor(offset / step) * step
        counts[begin] = counts.get(begin, 0) + 1
    return step, sorted(counts.items())


def histogram(offsets: Sequence[float]) -> Markup:
    """How many utterances have which offset, over the bands of the limits."""
    height, top, bottom = 260.0, 32.0, 210.0
    step, counts = bins(offsets)
    ends = (counts[0][0], counts[-1][0] + step)
    span = _span(ends, (GOOD_MS[0] - 35, ACCEPTABLE_MS[1] + 10), 8)
    across = Scale(span.low, span.high, _LEFT, WIDTH - _RIGHT)
    most = max(count for _, count in counts)
    up = Scale(0, most * 1.05, bottom, top)
    deep = bottom - top
    parts = [
        _box(across, ends, top, deep, class_) for ends, class_ in _bands((span.low, span.high))
    ]
    for at in ticks(0, most, 4):
        if at == int(at):
            parts.append(axis_text(_LEFT - 7, up(at) + 4, f"{at:g}", text_anchor="end"))
    for at in ticks(span.low, span.high, 6):
        parts.append(axis_text(across(at), bottom + 20, _plus(at), text_anchor="middle"))
    for begin, count in counts:
        left, right = across(begin), across(begin + step)
        parts.append(
            tag(
                "rect",
                x=left + 0.5,
                y=up(count),
                width=max(1.5, right - left - 1),
                height=bottom - up(count),
                class_="bar",
            )
        )
    parts += [
        tag("path", d=f"M{across(0):.1f} {top}V{bottom}", class_="nought"),
        tag("path", d=f"M{_LEFT} {bottom}H{WIDTH - _RIGHT}", class_="axis"),
        axis_text(4, 20, "utterances", "side"),
        axis_text(WIDTH - _RIGHT, height - 6, "offset, ms", "side", text_anchor="end"),
    ]
    told = ", ".join(f"{count} from {begin:+d} to {begin + step:+d} ms" for begin, count in counts)
    return chart(
        "histogram",
        "Offsets of the utterances",
        f"{len(offsets)} utterances: {told}.",
        (WIDTH, height),
        joined(parts),
        class_="fit",
    )
