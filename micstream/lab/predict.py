"""Which part of a picture tells what is said, on moments that it was not fitted to. Pure.

Theory. A drawn mouth gets brighter or darker with the level of what it says (`follow`). A filmed
one shows teeth and tongue, its light moves with the head, and no single cell follows the level. But
all of the mouth together foretells the sound's spectrum: its few strongest patterns of movement
(principal components) are fitted to the level of each band by least squares (ridge), at every lag,
on four fifths of the recording, and judged on the last fifth, in turn. Only where and when sound
and picture belong together does that foretell anything. No model is trained beforehand: what is
learned is learned from this recording. Chance is known by sound from elsewhere in the same
recording, through the same search. Before us: M. Slaney and M. Covell, "FaceSync", NIPS 2000, which
fits a linear relation between picture and sound on known speech.

Positive lag: the sound comes before the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from micstream.lab.follow import CURVE_RATE, LAG_S, Curve, Follows, peak

LEAST_S: Final = 7.0
"""In less of speech chance does nearly as well as any mouth."""
SKIP: Final = 2
RATE: Final = CURVE_RATE // SKIP
"""Values a second that are looked at: no jaw needs more."""
SLOW_HZ: Final = 1.0
_FAST_HZ: Final = 8.0
_SYLLABLES_HZ: Final = 2.5
"""Jaws move faster than this and heads mostly do not: a window with much of it is looked at."""
_SIZES: Final = ((6, 10), (9, 14), (14, 20))
"""Rows and columns of cells of a window: a mouth with some of its chin and cheeks."""
WINDOWS: Final = 60
_PATTERNS: Final = 8
_FOLDS: Final = 5
_OF_ALL: Final = 0.5
_RIDGE: Final = 0.05
_STRETCH_S: Final = 2.0
_DRAWS: Final = 300
_BANDS: Final = 8
_BAND_HZ: Final = (100.0, 7_000.0)
_FLOOR: Final = (1e-5, 1e-7)
"""Of the strongest moment, in all and in a band: what is weaker is silence."""

Window = tuple[slice, slice]
"""Rows and columns of cells."""
Values = npt.NDArray[np.float64]
Look = Callable[[int], npt.NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class Telling:
    """The window of the picture that tells most of what is said."""

    number: int
    """Of the windows that were looked at."""
    window: Window
    weight: Values
    """Rows by columns, of the whole picture: together these cells foretell the level."""
    likeness: float
    """Correlation of what is foretold with what is heard, 0 to 1, mean of all bands."""
    sure: float
    """By what factor it tells more than the best window does of sound from elsewhere, 19 of 20
    times; each window in shares of what it usually tells of such sound."""
    elsewhere: float
    """How well another place does at another lag, in shares of this one."""
    follows: Follows


def spectrum_of(pcm: npt.NDArray[np.int16], rate: int) -> Values:
    """Level of the sound in all and in eight bands, logarithmic: `CURVE_RATE` times a second.

    Returns:
        Nine by time, the first value at 0 s.
    """
    size = 512 * rate // 16_000
    middles = np.arange(0, pcm.size, rate // CURVE_RATE)
    padded = np.pad(pcm.astype(np.float64) / 32_768, size)
    at = middles[:, None] + np.arange(size) + size // 2
    hertz = np.asarray(np.fft.rfftfreq(size, 1 / rate), dtype=np.float64)
    bands = _triangles(hertz)
    power = np.zeros((_BANDS + 1, middles.size))
    for begin in range(0, middles.size, 1024):  # all at once would be a copy for each millisecond
        piece = slice(begin, begin + 1024)
        strength = np.abs(np.fft.rfft(padded[at[piece]] * np.hanning(size), axis=1)) ** 2
        power[1:, piece] = bands @ strength.T
    power[0] = power[1:].sum(0)
    top = np.maximum(power.max(1, keepdims=True, initial=0.0), 1e-12)
    floor = np.array([_FLOOR[0], *[_FLOOR[1]] * _BANDS])[:, None]
    return np.asarray(np.log10(power / top + floor))


def masked_spectrum(pcm: npt.NDArray[np.int16], rate: int, level: Curve) -> Values:
    """The same, and silence where the level is 0: what is no speech tells no mouth."""
    spectrum = spectrum_of(pcm, rate)[:, : level.size]
    return np.asarray(np.where(level > 0, spectrum, spectrum.min(1, keepdims=True)))


def _triangles(hertz: Values) -> Values:
    """Weights of the bands, evenly spread in mel."""
    mel = 2595 * np.log10(1 + hertz / 700)
    low, high = (2595 * np.log10(1 + each / 700) for each in _BAND_HZ)
    edges = np.linspace(low, high, _BANDS + 2)
    rows = [
        np.clip(np.minimum((mel - a) / (b - a), (c - mel) / (c - b)), 0, 1)
        for a, b, c in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return np.array(rows)


def find_telling(
    cells: npt.NDArray[np.floating], spectrum: Values, within: Window | None = None, seed: int = 0
) -> Telling | None:
    """The window that tells most of what is said; None: too little sound, or nothing moves.

    Args:
        cells: brightness, rows by columns by time, `CURVE_RATE` values a second.
        spectrum: as `spectrum_of` gives it, at the same times.
        within: look at this window alone.
    """
    some = cells[..., ::SKIP]
    if some.shape[-1] < LEAST_S * RATE:
        return None
    windows = [within] if within is not None else [window for _, window in lively(some)[:WINDOWS]]
    sound = spectrum[:, ::SKIP]
    return most_telling(windows, lambda number: some[windows[number]], some.shape[:2], sound, seed)


def most_telling(
    windows: Sequence[Window],
    look: Look,
    shape: tuple[int, ...],
    spectrum: Values,
    seed: int = 0,
    *,
    slow_hz: float = SLOW_HZ,
) -> Telling | None:
    """The window that tells most of what is said; None: it is silent, or nothing moves.

    Args:
        windows: which are looked at.
        look: gives the cells of the window of this number, rows by columns by time, `RATE` values
            a second.
        shape: rows and columns of the whole picture.
        spectrum: `RATE` values a second, at the same times.
        slow_hz: what changes more slowly has no say.
    """
    sound = _unit(_passed(spectrum, slow_hz))
    if not windows or not sound.any():
        return None
    size = sound.shape[-1]
    heard = np.fft.rfft(sound)
    lags = (np.arange(size) + size // 2) % size - size // 2
    reach = round(LAG_S * RATE)
    near, far = np.abs(lags) <= reach, np.abs(lags) > 2 * reach
    found = np.array([_told(look(number), heard, slow_hz) for number in range(len(windows))])
    fair = found / _usual(found[:, far])
    tops = fair[:, near].max(-1)
    best = int(tops.argmax())
    if tops[best] <= 0:
        return None
    lag_at = lags[near][fair[:, near].argmax(-1)]
    others = [
        top
        for top, lag, window in zip(tops, lag_at, windows, strict=True)
        if _apart(window, windows[best]) and abs(lag - lag_at[best]) > round(0.06 * RATE)
    ]
    there = look(best)
    weight = np.zeros(shape)
    weight[windows[best]] = _weights(there, sound[0], lag_at[best], slow_hz)
    return Telling(
        number=best,
        window=windows[best],
        weight=weight,
        likeness=float(found[best, near].max()),
        sure=float(tops[best] / _chance(fair.max(0), lags)),
        elsewhere=float(max(others) / tops[best]) if others else 0.0,
        follows=_follows(there, heard, seed, slow_hz),
    )


# ---- windows ------------------------------------------------------------------------------------


def lively(cells: npt.NDArray[np.floating]) -> list[tuple[float, Window]]:
    """Windows by how much in them moves as fast as a jaw does, the liveliest first."""
    rows, columns, _ = cells.shape
    # Row by row: all of it at once would be hundreds of megabytes.
    strength = np.array([np.square(_passed(row, _SYLLABLES_HZ)).mean(-1) for row in cells])
    total = np.pad(strength, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    found: list[tuple[float, Window]] = []
    for most_tall, most_wide in _SIZES:
        tall, wide = min(most_tall, rows), min(most_wide, columns)
        for top in range(0, rows - tall + 1, max(1, tall // 3)):
            for left in range(0, columns - wide + 1, max(1, wide // 4)):
                low, far = top + tall, left + wide
                within = total[low, far] - total[top, far] - total[low, left] + total[top, left]
                window = slice(top, low), slice(left, far)
                found.append((float(within) / (tall * wide) ** 0.5, window))
    return sorted(found, key=lambda each: -each[0])


def _apart(one: Window, other: Window) -> bool:
    return any(a.stop <= b.start or b.stop <= a.start for a, b in zip(one, other, strict=True))


# ---- foretelling --------------------------------------------------------------------------------


def _told(
    cells: npt.NDArray[np.floating], heard: npt.NDArray[np.complex128], slow_hz: float
) -> Values:
    """How well the window foretells the sound at each lag of the ring: mean of all bands."""
    patterns = _patterns(cells, slow_hz)
    if patterns is None:
        return np.zeros(cells.shape[-1])
    across, own = _foretold(patterns, heard, _FOLDS)
    size = cells.shape[-1]
    likeness = across.sum(0) / np.sqrt(own.sum(0) * size + 1e-12)
    return np.asarray(np.clip(likeness, 0, None).mean(0))


def _patterns(cells: npt.NDArray[np.floating], slow_hz: float) -> Values | None:
    """The strongest patterns of movement: some by time, each of spread 1; None: nothing moves."""
    moved, projection = _projection(cells, slow_hz)
    return None if projection is None else np.asarray(projection @ moved)


def _projection(cells: npt.NDArray[np.floating], slow_hz: float) -> tuple[Values, Values | None]:
    """Cells by time, band-passed; and what makes patterns of them."""
    flat = _passed(cells.reshape(-1, cells.shape[-1]), slow_hz)
    strength, directions = np.linalg.eigh(flat @ flat.T)
    strength, directions = strength[::-1][:_PATTERNS], directions[:, ::-1][:, :_PATTERNS]
    if strength[0] < 1e-6:
        return flat, None
    spread = np.sqrt(np.maximum(strength, strength[0] * 1e-4) / cells.shape[-1])
    return flat, (directions / spread).T


def _foretold(
    patterns: Values,
    heard: npt.NDArray[np.complex128],
    folds: int,
    lags: npt.NDArray[np.int64] | slice = slice(None),
) -> tuple[Values, Values]:
    """Of each fold: product of foretold and heard, and the square of what was foretold.

    Each fold's weights come from the others, anew at each lag. All lags of the ring at once, or
    these: a fit needs sound and picture by their correlations alone.

    Returns:
        Both folds by bands by lags.
    """
    count, size = patterns.shape
    edges = np.linspace(0, size, folds + 1).astype(int)
    across, own = [], []
    for begin, end in pairwise(edges):
        piece = np.zeros_like(patterns)
        piece[:, begin:end] = patterns[:, begin:end]
        spectra = np.fft.rfft(piece)[:, None] * np.conj(heard)[None]
        across.append(np.fft.irfft(spectra, size)[..., lags])
        own.append(piece @ piece.T)
    all_across, all_own = np.sum(across, axis=0), np.sum(own, axis=0)
    ridge = _RIDGE * np.trace(all_own) / count * np.eye(count)
    products, squares = [], []
    for there, square in zip(across, own, strict=True):
        rest = (all_across - there).reshape(count, -1)
        weight = np.linalg.solve(all_own - square + ridge, rest).reshape(there.shape)
        products.append((weight * there).sum(0))
        squares.append((weight * np.tensordot(square, weight, 1)).sum(0))
    return np.array(products), np.array(squares)


def _usual(elsewhere: Values) -> Values:
    """What each window tells of sound from elsewhere (root mean square), drawn to that of all.

    A window that sways slowly goes well with much that has nothing to do with it.
    """
    own = np.sqrt(np.square(elsewhere).mean(-1, keepdims=True))
    return np.asarray(own + _OF_ALL * np.sqrt(np.square(elsewhere).mean()) + 1e-9)


def _chance(best: Values, lags: npt.NDArray[np.int64]) -> float:
    """What the best window reaches in as wide a search, with sound of other moments."""
    size, reach = best.size, round(LAG_S * RATE)
    tops = [
        best[(lag + np.arange(-reach, reach + 1)) % size].max()
        for lag in range(-(size // 2), size // 2, reach)
        if abs(lag) > 2 * reach
    ]
    return float(np.percentile(tops, 95))


def _follows(
    cells: npt.NDArray[np.floating], heard: npt.NDArray[np.complex128], seed: int, slow_hz: float
) -> Follows:
    """Offset of the window, and how sure it is, by stretches drawn anew (bootstrap)."""
    patterns = _patterns(cells, slow_hz)
    assert patterns is not None
    size = cells.shape[-1]
    pieces = max(_FOLDS, round(size / RATE / _STRETCH_S))
    reach = round(LAG_S * RATE)
    ring = np.arange(-reach, reach + 1) % size
    products, squares = _foretold(patterns, heard, pieces, ring)

    def drawn(which: Sequence[int] | npt.NDArray[np.int64]) -> tuple[float, float]:
        share = len(which) / pieces
        own = np.sqrt(squares[which].sum(0) * size * share + 1e-12)
        return peak(np.clip(products[which].sum(0) / own, 0, None).mean(0), RATE)

    offset, height = drawn(np.arange(pieces))
    rng = np.random.default_rng(seed)
    offsets = [drawn(rng.integers(0, pieces, pieces))[0] for _ in range(_DRAWS)]
    low, high = np.percentile(offsets, [2.5, 97.5])
    return Follows(offset, min(1.0, height), float(low), float(high))


def _weights(cells: npt.NDArray[np.floating], level: Curve, lag: int, slow_hz: float) -> Values:
    """What each cell counts for in foretelling the level at this lag: rows by columns."""
    moved, projection = _projection(cells, slow_hz)
    assert projection is not None
    patterns, size = projection @ moved, moved.shape[-1]
    ridge = _RIDGE * size * np.eye(len(patterns))
    fit = np.linalg.solve(patterns @ patterns.T + ridge, patterns @ np.roll(level, lag))
    return np.asarray((fit @ projection).reshape(cells.shape[:2]))


def _passed(values: npt.NDArray[np.floating], slow_hz: float) -> Values:
    """The same, along the last axis, with what changes between slowly and as fast as a jaw."""
    size = values.shape[-1]
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    gain = np.clip(hertz / slow_hz, 0, 1) ** 2 / (1 + (hertz / _FAST_HZ) ** 6)
    data = np.asarray(values, dtype=np.float64)
    spectrum = np.fft.rfft(data - data.mean(-1, keepdims=True), axis=-1) * gain
    return np.asarray(np.fft.irfft(spectrum, size, axis=-1))


def _unit(values: Values) -> Values:
    """The same, each of spread 1; one that does not change is 0."""
    spread = values.std(-1, keepdims=True)
    still = spread < 1e-9
    return np.asarray(np.where(still, 0.0, values / np.where(still, 1.0, spread)))
