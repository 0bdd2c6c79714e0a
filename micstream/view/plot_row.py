"""One row of the picture of a cut file: panels that share a stretch of time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from micstream.audio.format import SPEECH
from micstream.audio.levels import band_db, to_float
from micstream.cutting import CutFile, Found, Label
from micstream.settings import Settings
from micstream.speech.leveller import NoiseFloor

LABELLED, FOUND, SIGNAL, LEVEL, PROBABILITY = (
    "labelled",
    "found",
    "signal",
    "level",
    "probability",
)
PANELS: Final = {LABELLED: 0.22, FOUND: 0.24, SIGNAL: 0.9, LEVEL: 1.0, PROBABILITY: 1.0}
"""From the top, with their heights in inches."""

# M. Okabe and K. Ito's colours, which the colour-blind tell apart.
BLUE, SKY, GREEN, ORANGE, RED = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00"
PURPLE, GREY = "#CC79A7", "0.6"
UNSENT: Final[dict[str, Any]] = {
    "facecolor": "0.92",
    "edgecolor": "0.6",
    "hatch": "////",
    "linewidth": 0,
}

_LEVEL: Final = SPEECH.samples(20)
_MARGIN_DB: Final = 4.0
_COLUMNS: Final = 2_000
"""Of the signal, in a row: more than can be seen."""
_LETTER: Final = 0.06
"""Inches: the width of a letter of the smaller text, as a rule."""
_SMALL: Final = 8
_DECISION: Final = -0.16
"""Down to here the strip of decisions reaches below the probabilities."""

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Track:
    """All that is drawn, of the whole file."""

    cut: CutFile
    labels: Sequence[Label] | None
    cleaned: bool
    on: float
    off: float
    heard: npt.NDArray[np.float32]
    """16 kHz, -1..1."""
    level: Curve
    """Above 200 Hz, in dBFS, each 20 ms."""
    floor: Curve

    @classmethod
    def of(cls, cut: CutFile, settings: Settings, labels: Sequence[Label] | None) -> Track:
        """Measured as the detectors measure it."""
        heard = to_float(cut.heard)
        level = np.array([band_db(frame) for frame in _frames(heard, _LEVEL)])
        floor = NoiseFloor(_LEVEL)
        return cls(
            cut=cut,
            labels=labels,
            cleaned=settings.clean,
            on=settings.tuning.on,
            off=settings.tuning.off,
            heard=heard,
            level=level,
            floor=np.array([floor.push(one) for one in level]),
        )


def _frames(samples: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    return samples[: len(samples) // size * size].reshape(-1, size)


class Row:
    """The axes of one row, from `start` to `end` in seconds, `inches` wide."""

    def __init__(self, axes: Mapping[str, Any], start: float, end: float, inches: float) -> None:
        self._axes = axes
        self._start, self._end = start, end
        self._letter_s = _LETTER * (end - start) / inches

    def draw(self, track: Track) -> None:
        """All panels."""
        self._frame()
        self._signal(track)
        self._level(track)
        self._probability(track)
        self._found(track.cut)
        if track.labels is not None:
            self._labelled(track.labels)
        for axes in self._axes.values():
            axes.set_xlim(self._start, self._end)
            axes.axvspan(track.cut.duration_s, self._end + 1, color="0.96", linewidth=0, zorder=5)

    def _frame(self) -> None:
        from matplotlib.ticker import MultipleLocator, StrMethodFormatter

        length = self._end - self._start
        for name, axes in self._axes.items():
            axes.set_ylabel(name, size=_SMALL)
            axes.tick_params(labelsize=_SMALL, length=3)
            axes.xaxis.set_major_locator(MultipleLocator(1 if length > 5 else 0.2))
            axes.xaxis.set_minor_locator(MultipleLocator(0.2 if length > 5 else 0.05))
            axes.tick_params(which="both", labelbottom=False, bottom=False)
            axes.grid(axis="x", color="0.9", linewidth=0.6)
            axes.set_axisbelow(True)
            if name in (LABELLED, FOUND):
                axes.set_ylim(0, 1)
                axes.set_yticks([])
                axes.set_ylabel(name, size=_SMALL, rotation=0, ha="right", va="center")
        last = list(self._axes.values())[-1]
        last.tick_params(which="both", labelbottom=True, bottom=True)
        last.xaxis.set_major_formatter(StrMethodFormatter("{x:g} s"))

    def _part(self, curve: Curve, step_s: float) -> tuple[Curve, Curve]:
        """This row's stretch of what is given every `step_s`, with its times."""
        first = max(0, int(self._start / step_s))
        part = curve[first : int(self._end / step_s) + 1]
        times: Curve = np.arange(first, first + len(part), dtype=np.float64) * step_s
        return times, part

    # ---- the panels ----------------------------------------------------------------------------

    def _signal(self, track: Track) -> None:
        axes, first = self._axes[SIGNAL], round(self._start * SPEECH.rate)
        heard = track.heard[first : round(self._end * SPEECH.rate)]
        size = math.ceil((self._end - self._start) * SPEECH.rate / _COLUMNS)
        steps = _frames(heard, size)
        times = (first + np.arange(len(steps)) * size) / SPEECH.rate
        axes.fill_between(times, steps.min(axis=1), steps.max(axis=1), color="0.25", linewidth=0.3)
        most = 1.05 * max(0.01, float(np.abs(track.heard).max(initial=0.0)))
        axes.set_ylim(-most, most)
        axes.set_ylabel("signal,\ncleaned" if track.cleaned else "signal", size=_SMALL)

    def _level(self, track: Track) -> None:
        axes, step = self._axes[LEVEL], _LEVEL / SPEECH.rate
        times, level = self._part(track.level, step)
        _, floor = self._part(track.floor, step)
        axes.fill_between(times, floor, np.maximum(floor, level), color="0.82", linewidth=0)
        axes.plot(times, level, color="0.25", linewidth=0.8)
        axes.plot(times, floor, color=ORANGE, linewidth=1.6)
        whole = (track.level, track.floor)
        least = min((float(curve.min()) for curve in whole if curve.size), default=-96.0)
        most = max((float(curve.max()) for curve in whole if curve.size), default=0.0)
        axes.set_ylim(least - _MARGIN_DB, most + _MARGIN_DB)
        axes.set_ylabel("dBFS > 200 Hz", size=_SMALL)

    def _probability(self, track: Track) -> None:
        axes, step = self._axes[PROBABILITY], track.cut.frame_s
        times, said = self._part(np.array(track.cut.probabilities), step)
        _, needed = self._part(np.array(track.cut.needed), step)
        voiced = said >= needed
        edges = np.repeat([*times, times[-1] + step], 2)[1:-1] if times.size else times
        for which, color in ((voiced, BLUE), (~voiced, GREY)):
            axes.fill_between(
                edges, 0, np.repeat(np.where(which, said, 0.0), 2), color=color, linewidth=0
            )
        axes.fill_between(
            edges, _DECISION, _DECISION / 3, where=np.repeat(voiced, 2), color=BLUE, linewidth=0
        )
        for threshold, words, where in ((track.on, "on", "bottom"), (track.off, "off", "top")):
            axes.axhline(threshold, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
            axes.annotate(
                words,
                (self._end, threshold),
                (3, 0),
                textcoords="offset points",
                va=where,
                size=7,
            )
        axes.plot(edges, np.repeat(needed, 2), color=PURPLE, linewidth=1.4)
        axes.set_ylim(_DECISION - 0.04, 1.04)
        axes.set_yticks([0, 0.5, 1])
        axes.set_ylabel("probability", size=_SMALL)

    def _found(self, cut: CutFile) -> None:
        numbered = [(f"u{number}", one) for number, one in enumerate(cut.utterances, 1)]
        numbered += [("", one) for one in cut.false_alarms]
        numbered.sort(key=lambda pair: pair[1].start)
        ends = [*(one.start for _, one in numbered[1:]), self._end]
        for (name, one), following in zip(numbered, ends, strict=False):
            if one.start >= self._end or one.open_until <= self._start:
                continue
            self._bands(name, one)
            self._text(FOUND, one.start, following, [*_words(name, one), ""])
        self._marks([one for _, one in numbered])

    def _bands(self, name: str, one: Found) -> None:
        """The utterance through all panels; hatched where nothing of it is sent."""
        for panel, axes in self._axes.items():
            if panel == LABELLED:
                continue
            strip = panel == FOUND
            if name:
                color = {"color": SKY, "alpha": 0.75 if strip else 0.2}
                axes.axvspan(one.start, one.end, linewidth=0, zorder=0.5, **color)
                axes.axvline(one.start, color=BLUE, linewidth=0.6)
            start = one.end if name else one.start
            if one.open_until > start:
                axes.axvspan(start, one.open_until, zorder=0.5, **UNSENT)

    def _marks(self, found: Sequence[Found]) -> None:
        for axes in (self._axes[name] for name in (SIGNAL, LEVEL, PROBABILITY)):
            across = {"transform": axes.get_xaxis_transform()}
            decided = [one.onset_decided_s for one in found]
            axes.vlines(decided, 0, 1, color=GREEN, linewidth=1.4, **across)
            ended = [one.end_decided_s for one in found]
            axes.vlines(ended, 0, 1, color=RED, linewidth=1.4, linestyle=(0, (3, 2)), **across)
        axes = self._axes[SIGNAL]
        onsets = [one.onset for one in found if self._start <= one.onset <= self._end]
        across = {"transform": axes.get_xaxis_transform()}
        axes.plot(onsets, [0.93] * len(onsets), "v", color="black", markersize=5, **across)

    def _labelled(self, labels: Sequence[Label]) -> None:
        ends = [*(label.start for label in labels[1:]), self._end]
        for label, following in zip(labels, ends, strict=False):
            if label.start >= self._end or label.end <= self._start:
                continue
            self._axes[LABELLED].axvspan(
                label.start, label.end, 0.08, 0.92, facecolor=ORANGE, alpha=0.6, linewidth=0
            )
            self._text(LABELLED, label.start, min(label.end, following), [label.words])

    def _text(self, panel: str, start: float, end: float, wordings: Sequence[str]) -> None:
        """The first wording that there is room for, or the beginning of the last."""
        seen = max(start, self._start)
        room = max(1, int((min(end, self._end) - seen) / self._letter_s) - 1)
        wordings = [("… " if seen > start and words else "") + words for words in wordings]
        cut = wordings[-1] if len(wordings[-1]) <= room else wordings[-1][: room - 1] + "…"
        self._axes[panel].annotate(
            next((words for words in wordings if len(words) <= room), cut),
            (seen, 0.45),
            (2, 0),
            textcoords="offset points",
            va="center",
            size=_SMALL,
            parse_math=False,
        )


def _words(name: str, one: Found) -> list[str]:
    """What there is to say of it, from the longest to the shortest."""
    if not name:
        return [f"false alarm, {one.voiced_s:.2f} s voiced", f"{one.voiced_s:.2f} s voiced"]
    length = f"{one.end - one.start:.2f} s"
    return [f"{name}  {length}, {one.reason}", f"{name}  {length}", name]


def legend(*, labelled: bool) -> list[Any]:
    """What the colours and lines of a row stand for."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def line(color: str, words: str, **style: Any) -> Any:
        return Line2D([], [], color=color, label=words, **style)

    drawn = [
        Patch(facecolor=SKY, alpha=0.6, label="sent"),
        Patch(label="not sent: trimmed, or a false alarm", **UNSENT),
        line("black", "where the sound began", marker="v", linestyle="", markersize=5),
        line(GREEN, "onset decided", linewidth=1.4),
        line(RED, "end decided", linewidth=1.4, linestyle=(0, (3, 2))),
        line("0.25", "level, 20 ms", linewidth=0.8),
        line(ORANGE, "noise floor", linewidth=1.6),
        Patch(facecolor=BLUE, label="voiced"),
        Patch(facecolor=GREY, label="not voiced"),
        line(PURPLE, "needed to be voiced", linewidth=1.4),
    ]
    return [*drawn, Patch(facecolor=ORANGE, alpha=0.6, label="labelled")] if labelled else drawn
