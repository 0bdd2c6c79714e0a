"""Labels of the lip-sync kit: when each phoneme sounds, and for p, b, m when the lips are shut.

Pure. A synthesiser's event stands where a phoneme begins (see tools.kit_voice), and the lips do not
quite keep to it: of a p it is the burst, of a b the beginning of the voice behind shut lips, or
the burst where there is none. So the place is looked up in the level: lips shut where it falls, and
parted where it rises most steeply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.kit_voice import RATE, Mark, Samples, Spoken

STEP: Final = RATE // 1000
SHUT_MS: Final = 90
"""Of a burst out of silence: so long before it the lips are shut at the least."""
_WINDOW: Final = 8
_SLOPE: Final = 5
"""A rise or fall is what changes from so many milliseconds before to as many after."""
_NEAR: Final = 10
"""An event is that near to what is heard."""
_FALLS: Final = 30
"""Within so many milliseconds after its event a b or m is quieter than what went before."""
_LONGEST: Final = 130
_SHORTEST: Final = 20
_RISE_DB: Final = 5.0
_OUT_OF_CLOSURE_DB: Final = 6.0
_NOTHING_DB: Final = 45.0
"""So far below the loudest there is no sound at all."""

Levels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sound:
    """A label: seconds, and a phoneme in IPA."""

    begin_s: float
    end_s: float
    name: str

    @property
    def closes(self) -> bool:
        """Whether the lips are shut."""
        return self.name[:1] in ("p", "b", "m")

    def later(self, seconds: float) -> Sound:
        return replace(self, begin_s=self.begin_s + seconds, end_s=self.end_s + seconds)


@dataclass(slots=True)
class _Span:
    """A phoneme while its place is looked for, in milliseconds."""

    begin: int
    end: int
    name: str
    after_pause: bool


def level_db(samples: Samples) -> Levels:
    """Level at each millisecond, over the 8 ms around it; lows weigh less (first difference).

    No lower than is heard: 45 dB below the loudest.
    """
    sharp = np.diff(samples, prepend=0.0)
    power = np.square(sharp[: len(sharp) // STEP * STEP].reshape(-1, STEP)).mean(axis=1)
    smooth = np.convolve(power, np.ones(_WINDOW) / _WINDOW, "same")
    level = 10 * np.log10(np.maximum(smooth, 1e-12))
    return np.asarray(np.maximum(level, level.max() - _NOTHING_DB))


def labels_of(spoken: Spoken) -> tuple[Sound, ...]:
    """Every phoneme, in order, none over another; pauses are left out.

    A p, b or m lasts while the lips are shut, and what follows begins as they part.
    """
    level = level_db(spoken.samples)
    spans = _spans(spoken.marks)
    for index, (span, after) in enumerate(zip(spans, [*spans[1:], None], strict=True)):
        if not _closes(span):
            continue
        event_end = span.end
        span.begin, span.end = _shut(level, span)
        for before in spans[:index]:
            before.end = max(before.begin, min(before.end, span.begin))
        if after is not None and after.begin == event_end and not _closes(after):
            after.begin = span.end
    return tuple(
        Sound(span.begin / 1000, span.end / 1000, span.name)
        for span in spans
        if span.end > span.begin
    )


def _closes(span: _Span) -> bool:
    return span.name.startswith(("p", "b", "m"))


def _spans(marks: Sequence[Mark]) -> list[_Span]:
    """From each event to the next; what is as good as nothing is left out."""
    spans: list[_Span] = []
    paused = True
    for mark, after in pairwise(marks):
        begin, end = round(mark.at_s * 1000), round(after.at_s * 1000)
        if mark.sound and end > begin:
            spans.append(_Span(begin, end, mark.sound, paused))
        if end > begin:
            paused = not mark.sound
    return spans


def _shut(level: Levels, span: _Span) -> tuple[int, int]:
    """From when to when the lips are shut."""
    rise, _ = _steepest(level, span.begin - _NEAR, span.end + _NEAR)
    at_event = abs(rise - span.begin) <= _NEAR
    if span.name.startswith("p") or (span.name.startswith("b") and at_event):
        burst, _ = _steepest(level, span.begin - _NEAR, span.begin + _NEAR)
        return _fallen(level, burst, span.after_pause), burst
    begin = span.begin
    if not span.after_pause:
        begin, _ = _steepest(-level, span.begin - _NEAR, span.begin + _FALLS)
    rise, by = _steepest(level, begin + _SHORTEST, span.end + _NEAR)
    return begin, rise if by >= _RISE_DB else max(span.end, begin + _SHORTEST)


def _fallen(level: Levels, burst: int, after_pause: bool) -> int:
    """Since when it has been silent before a burst."""
    first = max(0, burst - _LONGEST)
    floor = float(np.median(level[max(0, burst - 25) : max(1, burst - _SLOPE)]))
    loud = np.flatnonzero(
        level[first : max(first, burst - 2 * _SLOPE)] > floor + _OUT_OF_CLOSURE_DB
    )
    silent = burst - SHUT_MS if after_pause or not loud.size else first + int(loud[-1]) + 1
    return min(silent, burst - _SHORTEST)


def _steepest(level: Levels, first: int, last: int) -> tuple[int, float]:
    """Where, from `first` to `last`, it rises most steeply, and by how many dB."""
    at = np.arange(max(first, 0), max(last, first, 0) + 1)
    top = len(level) - 1
    rise = level[np.minimum(at + _SLOPE, top)] - level[np.clip(at - _SLOPE, 0, top)]
    best = int(np.argmax(rise))
    return int(at[best]), float(rise[best])
