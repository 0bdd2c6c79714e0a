"""Timeline of a record: strips of equal length, one below the other, as on a sheet. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from micstream.lab.charts import axis_text
from micstream.lab.drawing import Markup, Scale, area, chart, joined, tag, ticks
from micstream.report.story import Clock, Moment, Said, Story, Wave

WIDTH: Final = 1000.0
_LEFT: Final = 76.0
_STRIPS_S: Final = (10, 20, 30, 60, 120, 300, 600, 1_200, 3_600)
_MOST_STRIPS: Final = 36
BINS: Final = 460
"""Bins of a wave in one strip."""
_LABELS: Final = 3
_ROW: Final = 15.0
_WAVE: Final = 52.0
_BAR: Final = 20.0
_LONGEST: Final = 34
"""Letters of a label; the whole of it is in the list."""


def strip_s(seconds: float) -> float:
    """Seconds of one strip, so that a record of so many seconds has not too many."""
    fits = (float(each) for each in _STRIPS_S if seconds <= each * _MOST_STRIPS)
    return next(fits, seconds / _MOST_STRIPS)


def strips(story: Story) -> Markup:
    """All of the record, strip by strip."""
    length = strip_s(story.seconds)
    count = max(1, int(np.ceil(story.seconds / length)))
    avatars = tuple(dict.fromkeys(each.avatar for each in story.said))
    return joined(_strip(story, number, length, avatars) for number in range(count))


def _strip(story: Story, number: int, length: float, avatars: tuple[str, ...]) -> Markup:
    low, high = number * length, (number + 1) * length
    across = Scale(low, high, _LEFT, WIDTH - 4)
    clock = Clock(story.manifest)
    here = [each for each in story.moments if low <= each.at < high]
    drawn: list[Markup] = []
    top = _LABELS * _ROW + 4
    bottom = top
    for wave in story.microphones:
        drawn.append(_wave(wave, story.bin_s, across, bottom, "wave", f"heard: {wave.name}"))
        bottom += _WAVE + 4
    for avatar in avatars:
        own = [s for s in story.said if s.avatar == avatar and _is_within(s, low, high)]
        drawn.append(axis_text(2, bottom + 14, _cut(avatar, 12), "lane"))
        drawn += [_bar(each, across, bottom, clock) for each in own]
        bottom += _BAR + 4
    for wave in story.avatars:
        drawn.append(_wave(wave, story.bin_s, across, bottom, "level", f"published: {wave.name}"))
        bottom += _WAVE + 4
    at = [(each, across(each)) for each in ticks(low, high, 10) if each < high - length / 50]
    grid = "".join(f"M{x:.1f} {top:.0f}V{bottom:.0f}" for _, x in at)
    return chart(
        f"strip-{number}",
        f"{clock(low)} to {clock(high)}",
        f"{sum(1 for s in story.said if low <= s.at < high)} utterances begin, "
        f"{len(here)} other things happen.",
        (WIDTH, bottom + 20),
        tag("path", d=grid or "M0 0", class_="grid"),
        *drawn,
        *(_moment(each, n % _LABELS, across, bottom) for n, each in enumerate(here)),
        *(axis_text(x, bottom + 14, clock(each), text_anchor="middle") for each, x in at),
        class_="fit strip",
    )


def _is_within(said: Said, low: float, high: float) -> bool:
    return said.at < high and said.at + said.seconds >= low


def _wave(wave: Wave, bin_s: float, across: Scale, top: float, class_: str, name: str) -> Markup:
    first, last = int(across.low / bin_s), int(across.high / bin_s)
    peaks = wave.peaks[first:last]
    middle = top + _WAVE / 2
    heard = np.isfinite(peaks)
    # By its root, so that quiet speech can be seen beside a shout.
    high = np.sqrt(np.clip(np.where(heard, peaks, 0.0), 0.0, 1.0)) * _WAVE / 2
    xs = across.many(np.asarray((first + np.arange(peaks.size) + 0.5) * bin_s, np.float64))
    edges = np.flatnonzero(np.diff(heard.astype(np.int8), prepend=0, append=0))
    runs = zip(edges[::2], edges[1::2], strict=True)
    paths = [
        area(xs[a:b], middle - high[a:b] - 0.4, middle + high[a:b] + 0.4) for a, b in runs if b > a
    ]
    return joined(
        (
            tag("text", name.partition(":")[0], x=2, y=middle + 4, class_="lane"),
            tag("path", tag("title", name), d="".join(paths) or "M0 0", class_=class_),
        )
    )


def _bar(said: Said, across: Scale, top: float, clock: Clock) -> Markup:
    left, right = across.within(said.at), across.within(said.at + said.seconds)
    delay = said.told.get("delay_ms")
    cue = said.told.get("cue")
    words = [f"{clock(said.at)}: {said.utterance}, {said.seconds:.2f} s to {said.avatar}"]
    words += [f"delay {delay} ms"] if delay is not None else ["not reported as heard"]
    words += [f"cue {cue}"] if cue else []
    label = cue or (f"{delay}" if delay is not None else "")
    class_ = "sent-cue" if cue else "sent" if delay is not None else "sent-unheard"
    width = max(1.5, right - left)
    shown = label if said.at >= across.low and width > 9 * len(str(label)) else ""
    return joined(
        (
            tag(
                "rect",
                tag("title", ", ".join(words)),
                x=left,
                y=top,
                width=width,
                height=_BAR,
                class_=class_,
            ),
            tag("text", shown, x=left + 4, y=top + 14, class_="in-bar") if shown else None,
        )
    )


def _moment(moment: Moment, row: int, across: Scale, bottom: float) -> Markup:
    x = across(moment.at)
    late = x > WIDTH - 200
    y = row * _ROW + 12
    said = _cut(moment.what, _LONGEST)
    place = {"x": x - 4, "text_anchor": "end"} if late else {"x": x + 4}
    return joined(
        (
            tag("path", d=f"M{x:.1f} {y - 10:.0f}V{bottom:.0f}", class_=f"at at-{moment.sort}"),
            tag("text", tag("title", moment.what), said, y=y, class_=f"on-{moment.sort}", **place),
        )
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "\u2026"
