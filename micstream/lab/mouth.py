"""Where in a picture the mouth is, and how far it is open: a curve. Pure.

The mouth is the part of the picture that follows the sound (`follow`); where chance or another part
would do as well there is none, and it is said why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from micstream.lab.follow import CURVE_RATE, Curve, Follows, find_place
from micstream.lab.heads import find_held, held_curve
from micstream.lab.predict import SKIP, Telling, Values, Window, find_telling
from micstream.lab.steady import steadied

Roi = tuple[float, float, float, float]
"""Left, top, right, bottom, in shares of the picture."""

SEARCH_S: Final = 40.0
"""So much of a long recording is enough to find the mouth."""
_HELD_S: Final = 80.0
"""So much of it is looked at where heads are held still."""
_SPEECH_S: Final = 3.0
"""Less speech than this tells nothing."""
_SURE: Final = 1.35
"""By this factor a mouth follows better than chance."""
_TELLING: Final = 1.35
"""By this factor a window tells more of what is said than chance does."""
_ALONE: Final = 0.95
"""Another part of the picture follows less well than this share of it does."""
_LEVEL: Final = 0.05
_SHUT_WITHIN_S: Final = 1.5
_PAUSE_S: Final = 0.3
"""A silence that is shorter belongs to the speech around it."""
_NOTHING_FOLLOWS: Final = (
    "nothing in the picture follows the sound: there is no mouth, it is too small, or it says "
    "something else"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A recording's picture, small: brightness of each cell of each frame, and when it came."""

    times: Curve
    """Seconds, of each frame."""
    cells: npt.NDArray[np.float32]
    """Frames by rows by columns."""


@dataclass(frozen=True, slots=True)
class Mouth:
    """A mouth that was found."""

    curve: Curve
    """Brightness of its cells together, `CURVE_RATE` times a second; open is up."""
    roi: Roi
    likeness: float
    chance: float
    follows: Follows | None = None
    """How late it is and how sure that is, where it is not the curve that tells."""


def find_mouth(
    seen: Seen,
    level: Curve,
    speech: npt.NDArray[np.bool_],
    *,
    roi: Roi | None = None,
    spectrum: Values | None = None,
) -> tuple[Mouth | None, str]:
    """The mouth that says this, and why it is not to be trusted; or None, and why there is none.

    Args:
        seen: times on the sound's clock.
        level: of the sound, `CURVE_RATE` values a second, the first at 0 s.
        speech: where somebody speaks, at the same times.
        roi: where the mouth is, if that is known.
        spectrum: of the sound, at the same times (`spectrum_of`); with it a filmed mouth is found
            too, which does not get brighter and darker with the level.
    """
    mouth, why = _find(seen, level, speech, roi)
    if not why or mouth is None:
        return mouth, why
    again = _steadied(seen, level, speech) if roi is None else None
    if again is not None:
        return again, ""
    if spectrum is not None and why == _NOTHING_FOLLOWS:
        filmed = _filmed(seen, spectrum, speech, roi)
        if filmed is not None:
            return filmed, ""
    return mouth, why


def _steadied(seen: Seen, level: Curve, speech: npt.NDArray[np.bool_]) -> Mouth | None:
    """The mouth of a drawn head that wanders slowly."""
    held = steadied(seen.cells, 1 / float(np.median(np.diff(seen.times))))
    if held is None:
        return None
    mouth, why_not = _find(Seen(seen.times, held), level, speech, None)
    return None if why_not else mouth


def _filmed(
    seen: Seen, spectrum: Values, speech: npt.NDArray[np.bool_], roi: Roi | None
) -> Mouth | None:
    """The mouth of a face that was filmed: the window that tells what is said."""
    shape = seen.cells.shape[1:]
    within = _window(shape, roi) if roi is not None else None
    begin, end = _best_stretch(speech)
    found = find_telling(sampled(seen, begin, end), spectrum[:, begin:end], within)
    if found is not None and _is_one(found):
        weight, there = found.weight, _there(shape, found.window)
        return _of_film(found, there, _curve(seen, there, speech.size, weight))
    begin, end = _best_stretch(speech, _HELD_S)
    cells = sampled(seen, begin, end, SKIP)
    held = find_held(cells, spectrum[:, begin:end:SKIP], within)
    if held is None or not _is_one(held.telling):
        return None
    looked_at = np.arange(begin, end, SKIP) / CURVE_RATE
    told = held_curve(seen.cells, held, seen.times, looked_at)
    curve = _between(seen.times, told, np.arange(speech.size) / CURVE_RATE)
    return _of_film(held.telling, _there(shape, held.telling.window), curve)


def _is_one(found: Telling) -> bool:
    return found.sure >= _TELLING and found.elsewhere <= _ALONE


def _of_film(found: Telling, there: npt.NDArray[np.bool_], curve: Curve) -> Mouth:
    chance = found.likeness / found.sure
    return Mouth(curve, _box(there), found.likeness, chance, found.follows)


def _there(shape: tuple[int, ...], window: Window) -> npt.NDArray[np.bool_]:
    there = np.zeros(shape, dtype=np.bool_)
    there[window] = True
    return there


def _find(
    seen: Seen, level: Curve, speech: npt.NDArray[np.bool_], roi: Roi | None
) -> tuple[Mouth | None, str]:
    """The same, in the cells as they are."""
    speech_s = float(speech.sum()) / CURVE_RATE
    if seen.times.size < 2:
        return None, "there is no picture"
    if speech_s < _SPEECH_S:
        return None, f"there is too little speech: {speech_s:.1f} s, {_SPEECH_S:g} are needed"
    if not np.ptp(seen.cells, axis=0).max() > 0:
        return None, "the picture stands still"
    begin, end = _best_stretch(speech)
    found = find_place(
        sampled(seen, begin, end), level[begin:end], within=_within(seen.cells.shape[1:], roi)
    )
    if found is None:
        return None, "the picture stands still where the mouth should be"
    curve = _curve(seen, found.cells, level.size, found.weight)
    mouth = Mouth(curve, _box(found.cells), found.likeness, found.chance)
    if found.likeness < _SURE * found.chance:
        return mouth, _NOTHING_FOLLOWS
    if roi is None and found.elsewhere > _ALONE:
        return mouth, (
            "another part of the picture follows the sound as well: two faces, or the light; "
            "--roi says which is meant"
        )
    return mouth, ""


def sampled(seen: Seen, begin: int, end: int, step: int = 1) -> npt.NDArray[np.float32]:
    """Cells at the curve's times from index `begin` to `end`: rows by columns by time."""
    moments = np.arange(begin, end, step) / CURVE_RATE
    _, rows, columns = seen.cells.shape
    there: npt.NDArray[np.float32] = np.empty((rows, columns, moments.size), np.float32)
    for row in range(rows):  # all at once would take memory several times over
        there[row] = _between(seen.times, seen.cells[:, row], moments).T
    return there


def _between(times: Curve, values: npt.NDArray[np.floating], moments: Curve) -> Any:
    after = np.clip(np.searchsorted(times, moments), 1, times.size - 1)
    step = np.maximum(times[after] - times[after - 1], 1e-6)
    share = np.clip((moments - times[after - 1]) / step, 0, 1)
    share = share.reshape(-1, *([1] * (values.ndim - 1)))
    return values[after - 1] * (1 - share) + values[after] * share


def _curve(
    seen: Seen, cells: npt.NDArray[np.bool_], size: int, weight: npt.NDArray[np.float64]
) -> Curve:
    """What the mouth's cells do together, over all of the recording; open is up."""
    chosen = seen.cells[:, cells] @ weight[cells]
    return np.asarray(_between(seen.times, chosen, np.arange(size) / CURVE_RATE), dtype=np.float64)


def opening(curve: Curve, speech: npt.NDArray[np.bool_]) -> Curve | None:
    """How far the mouth is open: 0 shut, 1 as far as it mostly is in speech; None: it never opens.

    Shut is what it comes back to within seconds: a head that sways is lit otherwise by then.
    """
    step, reach = CURVE_RATE // 10, round(_SHUT_WITHIN_S * 10)
    coarse = np.pad(curve[::step], reach, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(coarse, 2 * reach + 1)
    shut = np.percentile(around, 10, axis=1)
    away = curve - np.interp(np.arange(curve.size), np.arange(shut.size) * step, shut)
    wide = float(np.percentile(away[speech], 90)) if speech.any() else 0.0
    return np.asarray(away / wide) if wide > 0 else None


def speech_in(level: Curve) -> npt.NDArray[np.bool_]:
    """Where somebody speaks: pauses within speech belong to it."""
    loud = level > _LEVEL
    for begin, end in runs(~loud):
        if end - begin < _PAUSE_S * CURVE_RATE and begin > 0 and end < loud.size:
            loud[begin:end] = True
    return loud


def runs(what: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of each stretch that is true, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], what.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _best_stretch(speech: npt.NDArray[np.bool_], longest_s: float = SEARCH_S) -> tuple[int, int]:
    """The stretch with the most speech in it, so long at most."""
    size = round(longest_s * CURVE_RATE)
    if speech.size <= size:
        return 0, speech.size
    total = np.concatenate([[0], np.cumsum(speech)])
    begin = int((total[size:] - total[:-size]).argmax())
    return begin, begin + size


def _within(
    shape: tuple[int, ...], roi: tuple[float, float, float, float] | None
) -> npt.NDArray[np.bool_] | None:
    if roi is None:
        return None
    rows, columns = shape
    left, top, right, bottom = roi
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    return np.outer((y >= top) & (y <= bottom), (x >= left) & (x <= right))


def _window(shape: tuple[int, ...], roi: Roi) -> Window | None:
    """Rows and columns of the place that was given; None: it holds no cell."""
    within = _within(shape, roi)
    assert within is not None
    rows, columns = np.flatnonzero(within.any(1)), np.flatnonzero(within.any(0))
    if not rows.size or not columns.size:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _box(cells: npt.NDArray[np.bool_]) -> tuple[float, float, float, float]:
    rows, columns = cells.shape
    y, x = np.nonzero(cells)
    return (
        float(x.min() / columns),
        float(y.min() / rows),
        float((x.max() + 1) / columns),
        float((y.max() + 1) / rows),
    )
