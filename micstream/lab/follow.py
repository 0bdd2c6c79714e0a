"""How a picture follows a sound: where in it, how late, and how sure that is. Pure: arrays in.

Theory. A mouth follows the level of what it says. A place that belongs to it changes its brightness
with that level, later or earlier by the offset and by nothing else. So the level is laid over the
brightness of each small cell of the picture at every lag (correlation); the cells that follow best,
together, are the mouth, and their curve gives the offset. Chance is known by the same search with
sound from elsewhere in the recording: what does as well by chance is no mouth. How sure the offset
is, is told by drawing stretches of the recording anew (bootstrap).

Times are seconds; curves are sampled `CURVE_RATE` times a second. Positive offset: the sound comes
before the picture (the sign of ITU-R BT.1359).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

CURVE_RATE: Final = 100
LAG_S: Final = 0.6
"""Offsets up to this are looked for."""
STRETCH_S: Final = 2.0
"""Drawn anew in one piece: as long as some syllables."""
_SLOW_HZ: Final = 0.7
"""What changes more slowly is light, breath and sway, and no speech."""
_FAST_HZ: Final = 8.0
"""No jaw moves faster; what does is noise of camera and codec."""
_WITH: Final = 0.6
"""A cell belongs to the mouth that follows at least this well, beside the best."""
_APART_S: Final = 0.06
_SHUFFLES: Final = 40
_DRAWS: Final = 300
_LEAST_S: Final = 4.0
_AT_ONCE: Final = 128

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Follows:
    """How well a curve follows a sound."""

    offset_s: float
    likeness: float
    """Correlation at that offset, 0 to 1."""
    low_s: float
    high_s: float
    """Between these the offset lies with 95 % confidence."""

    @property
    def spread_s(self) -> float:
        """Half of the interval."""
        return (self.high_s - self.low_s) / 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where the picture follows the sound."""

    cells: npt.NDArray[np.bool_]
    """Rows by columns."""
    weight: npt.NDArray[np.float64]
    """What each cell counts for: brighter with the sound, or darker; how much."""
    likeness: float
    chance: float
    """What the best of all places reaches with sound from elsewhere: 19 of 20 times less."""
    elsewhere: float
    """How well the best cell follows that is no part of it, and does so at another lag; in shares
    of its own best."""


def band(curves: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The same, along the last axis, with what changes as speech does alone; mean 0, spread 1.

    A curve that does not change at all is 0.
    """
    return _banded(curves)[0]


def _banded(
    curves: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What `band` gives, and by how much each was divided for it; 0 where it does not change."""
    data = np.asarray(curves, dtype=np.float64)
    size = data.shape[-1]
    hertz = np.fft.rfftfreq(size, 1 / CURVE_RATE)
    rise = np.clip(hertz / _SLOW_HZ, 0, 1) ** 2
    fall = 1 / (1 + (hertz / _FAST_HZ) ** 6)
    spectrum = np.fft.rfft(data - data.mean(-1, keepdims=True), axis=-1)
    passed = np.fft.irfft(spectrum * rise * fall, size, axis=-1)
    spread = passed.std(-1, keepdims=True)
    spread[spread < 1e-6] = 0.0
    steady = spread == 0
    return np.where(steady, 0.0, passed / np.where(steady, 1.0, spread)), spread[..., 0]


def likeness(curves: npt.NDArray[np.float64], sound: Curve) -> npt.NDArray[np.float64]:
    """Correlation of each curve with the sound at each lag, of both as `band` gives them.

    Returns:
        Curves by lags, from -`LAG_S` (the picture comes before) to +`LAG_S`.
    """
    return _across(np.fft.rfft(curves, _room(sound), axis=-1), sound)


def _across(spectra: npt.NDArray[np.complex128], sound: Curve) -> npt.NDArray[np.float64]:
    room, reach = _room(sound), round(LAG_S * CURVE_RATE)
    product = spectra * np.conj(np.fft.rfft(sound, room))
    across = np.fft.irfft(product, room, axis=-1) / sound.size
    return np.concatenate([across[..., -reach:], across[..., : reach + 1]], axis=-1)


def _room(sound: Curve) -> int:
    return 1 << (sound.size + round(LAG_S * CURVE_RATE)).bit_length()


def find_place(
    cells: npt.NDArray[np.floating],
    level: Curve,
    seed: int = 0,
    within: npt.NDArray[np.bool_] | None = None,
) -> Place | None:
    """Where a picture follows a sound; None: there is too little to tell, or nothing moves.

    Args:
        cells: brightness, rows by columns by time.
        level: of the sound, at the same times.
        within: look in these cells alone.
    """
    rows, columns, size = cells.shape
    sound = band(level)
    if size < _LEAST_S * CURVE_RATE or not sound.any():
        return None
    flat = cells.reshape(-1, size)
    across, spread, chance = _search(flat, sound, _elsewhere(sound, seed))
    if within is not None:
        across[~within.reshape(-1)] = 0.0
    best = np.abs(across).max(-1)
    top = int(best.argmax())
    if best[top] == 0:
        return None
    lag = int(np.abs(across[top]).argmax())
    there = across[:, lag]
    chosen = _around(np.abs(there).reshape(rows, columns), divmod(top, columns))
    weight = np.divide(there, spread, out=np.zeros_like(there), where=spread > 0)
    mouth = chosen.reshape(-1)
    curve = band(weight[mouth] @ flat[mouth])
    # A head that nods as it speaks does so with it; another speaker, or a lamp, at another lag.
    apart = np.abs(np.abs(across).argmax(-1) - lag) > round(_APART_S * CURVE_RATE)
    others = best[~_grown(chosen, 3).reshape(-1) & apart]
    return Place(
        cells=chosen,
        weight=weight.reshape(rows, columns),
        likeness=float(np.abs(likeness(curve, sound)).max()),
        chance=chance,
        elsewhere=float(others.max() / best[top]) if others.size else 0.0,
    )


def _search(
    cells: npt.NDArray[np.floating], sound: Curve, elsewhere: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Each cell's likeness at each lag, its spread, and what the best has with sound of elsewhere.

    Some cells at a time: all spectra at once would be hundreds of megabytes.
    """
    found, spreads = [], []
    tops = np.zeros(len(elsewhere))
    for at in range(0, len(cells), _AT_ONCE):
        curves, spread = _banded(cells[at : at + _AT_ONCE])
        spectra = np.fft.rfft(curves, _room(sound), axis=-1)
        found.append(_across(spectra, sound))
        spreads.append(spread)
        tops = np.maximum(tops, np.abs(_round_about(curves, sound)[:, elsewhere]).max(axis=(0, 2)))
    return np.concatenate(found), np.concatenate(spreads), float(np.percentile(tops, 95))


def _round_about(curves: npt.NDArray[np.float64], sound: Curve) -> npt.NDArray[np.float64]:
    """Correlation of each curve with the sound at every lag, as if the recording were a ring."""
    product = np.fft.rfft(curves, axis=-1) * np.conj(np.fft.rfft(sound))
    return np.asarray(np.fft.irfft(product, sound.size, axis=-1) / sound.size)


def _elsewhere(sound: Curve, seed: int) -> npt.NDArray[np.int64]:
    """Lags at which the sound is that of other times of the recording: a row each of the searches.

    On the ring a sound that was moved by so much is the same as lags moved by so much.
    """
    reach = round(LAG_S * CURVE_RATE)
    clear = 2 * reach
    shifts = np.random.default_rng(seed).integers(clear, sound.size - clear, _SHUFFLES)
    return np.asarray((shifts[:, None] + np.arange(-reach, reach + 1)) % sound.size)


def follow(curve: Curve, level: Curve, seed: int = 0) -> Follows:
    """How late a curve follows a sound; both unfiltered, of the same times."""
    moved, sound = band(curve), band(level)
    whole = likeness(moved, sound)
    offset, height = peak(whole)
    pieces = _pieces(moved, sound)
    rng = np.random.default_rng(seed)
    drawn = [
        peak(pieces[rng.integers(0, len(pieces), len(pieces))].mean(0))[0] for _ in range(_DRAWS)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Follows(offset, min(1.0, max(0.0, height)), float(low), float(high))


def _pieces(moved: Curve, sound: Curve) -> npt.NDArray[np.float64]:
    """Likeness at each lag, stretch by stretch, in shares of the whole."""
    step, reach = round(STRETCH_S * CURVE_RATE), round(LAG_S * CURVE_RATE)
    padded = np.pad(moved, reach)
    found = []
    for at in range(0, max(1, sound.size - step + 1), step):
        piece = sound[at : at + step]
        there = padded[at : at + piece.size + 2 * reach]
        found.append(np.correlate(there, piece, "valid") / piece.size)
    return np.array(found)


def peak(across: Curve, rate: int = CURVE_RATE) -> tuple[float, float]:
    """Lag of the highest point in seconds, between the samples, and its height.

    Args:
        across: likeness at each lag from -`LAG_S` on, `rate` of them a second.
    """
    at = int(across.argmax())
    height = float(across[at])
    shift = 0.0
    if 0 < at < across.size - 1:
        before, after = float(across[at - 1]), float(across[at + 1])
        bend = before - 2 * height + after
        shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return (at + shift) / rate - LAG_S, height


def _around(strength: npt.NDArray[np.float64], top: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Cells that hang together with the strongest, and are nearly as strong."""
    enough = strength >= _WITH * strength[top]
    found = np.zeros(strength.shape, dtype=np.bool_)
    found[top] = True
    while True:
        wider = _grown(found, 1) & enough
        if np.array_equal(wider, found):
            return found
        found[...] = wider


def _grown(cells: npt.NDArray[np.bool_], by: int) -> npt.NDArray[np.bool_]:
    grown = cells.copy()
    for _ in range(by):
        padded = np.pad(grown, 1)
        sides = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
        for side in sides:
            grown |= side
    return grown
