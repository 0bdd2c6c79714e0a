"""Find a filmed mouth in a head that moves: each part of the picture held still by itself. Pure.

Who is filmed nods, sways and holds the camera in a hand: all of a face moves by more than its mouth
is tall, and what a window of the picture shows is the head's movement above all. So the picture is
divided into tiles about as large as a head, overlapping; each is held still (`steady`), and windows
within it are asked how much they tell of what is said (`predict`). What changes as slowly as a head
sways has no say: syllables come faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from micstream.lab.predict import (
    RATE,
    WINDOWS,
    Telling,
    Values,
    Window,
    lively,
    most_telling,
)
from micstream.lab.steady import Cells, Shifts, moved, wandering

LEAST_S: Final = 20.0
"""In less the best of so many windows tells by chance as much as a mouth does."""
_SIDE: Final = 24
_STEP: Final = 8
"""Cells: of a tile's side, and from one to the next."""
_OF_A_TILE: Final = 9
"""Windows of one tile that are looked at."""
_MOVES: Final = 8.0
"""Levels of brightness, of 256: a tile of which no cell changes by more stands still."""
_AROUND: Final = 6
"""Cells around a place that was given: they tell how the head moves."""
_SLOW_HZ: Final = 2.5
_AT_ONCE: Final = 256
_LOOKED_AT_HZ: Final = 5


@dataclass(frozen=True, slots=True)
class Held:
    """A mouth that was found in a part of the picture that was held still."""

    telling: Telling
    tile: Window
    shifts: Shifts
    """Of the tile, at the times of the cells that were looked at."""


@dataclass(frozen=True, slots=True)
class _Tile:
    place: Window
    shifts: Shifts


def find_held(cells: Cells, spectrum: Values, within: Window | None = None) -> Held | None:
    """The window that tells most of what is said, where heads are held still; None: there is none.

    Args:
        cells: brightness, rows by columns by time, `RATE` values a second.
        spectrum: `RATE` values a second, at the same times.
        within: look at this window alone.
    """
    shape = cells.shape[:2]
    if cells.shape[-1] < LEAST_S * RATE or min(shape) < 3:
        return None
    found: list[tuple[float, _Tile, Window]] = []
    for place in _tiles(shape) if within is None else [_around(within, shape)]:
        there = cells[place]
        if np.ptp(there[..., :: RATE // _LOOKED_AT_HZ], axis=-1).max() < _MOVES:
            continue
        tile = _Tile(place, wandering(_by_frame(there), RATE))
        if within is not None:
            found.append((0.0, tile, within))
            continue
        for strength, window in lively(_still(cells, tile))[:_OF_A_TILE]:
            found.append((strength, tile, _moved_by(window, place)))
    found.sort(key=lambda each: -each[0])
    # Tile by tile, so that each is held still but once.
    chosen = sorted(
        found[:WINDOWS], key=lambda each: (each[1].place[0].start, each[1].place[1].start)
    )
    look = _Look(cells, [(tile, window) for _, tile, window in chosen])
    windows = [window for _, _, window in chosen]
    telling = most_telling(windows, look, shape, spectrum, slow_hz=_SLOW_HZ)
    if telling is None:
        return None
    tile = chosen[telling.number][1]
    return Held(telling, tile.place, tile.shifts)


def held_curve(frames: Cells, held: Held, times: Values, looked_at: Values) -> Values:
    """What the mouth's cells do together in all of a recording, of which a part was looked at.

    Args:
        frames: all of it: frames by rows by columns.
        held: as `find_held` gave it.
        times: seconds, of each frame.
        looked_at: seconds, of the cells that were looked at.
    """
    tile = frames[(slice(None), *held.tile)]
    shifts = wandering(tile, 1 / float(np.median(np.diff(times))))
    # Both from the same place: where the head mostly is may be another in all of it.
    at = [np.interp(looked_at, times, shifts[:, axis]) for axis in (0, 1)]
    shifts += np.median(held.shifts - np.stack(at, axis=1), axis=0)
    weight = held.telling.weight[held.tile].astype(np.float32)
    pieces = [slice(at, at + _AT_ONCE) for at in range(0, len(tile), _AT_ONCE)]
    told = [np.tensordot(moved(tile[each], shifts[each]), weight, 2) for each in pieces]
    return np.concatenate(told).astype(np.float64)


class _Look:
    """Cells of a window of its tile, held still; the last tile is kept."""

    def __init__(self, cells: Cells, chosen: list[tuple[_Tile, Window]]) -> None:
        self._cells, self._chosen = cells, chosen
        self._last: tuple[_Tile, Cells] | None = None

    def __call__(self, number: int) -> Cells:
        tile, window = self._chosen[number]
        if self._last is None or self._last[0] is not tile:
            self._last = None
            self._last = tile, _still(self._cells, tile)
        top, left = tile.place[0].start, tile.place[1].start
        rows, columns = window
        return self._last[1][
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]


def _still(cells: Cells, tile: _Tile) -> Cells:
    """The tile held still: rows by columns by time."""
    there = _by_frame(cells[tile.place])
    for at in range(0, len(there), _AT_ONCE):
        piece = slice(at, at + _AT_ONCE)
        there[piece] = moved(there[piece], tile.shifts[piece])
    return np.ascontiguousarray(np.moveaxis(there, 0, -1))


def _by_frame(cells: Cells) -> Cells:
    return np.moveaxis(cells, -1, 0).copy()


def _tiles(shape: tuple[int, ...]) -> list[Window]:
    rows, columns = (_cuts(size) for size in shape)
    return [(row, column) for row in rows for column in columns]


def _cuts(size: int) -> list[slice]:
    if size <= _SIDE:
        return [slice(0, size)]
    last = size - _SIDE
    return [slice(at, at + _SIDE) for at in sorted({*range(0, last + 1, _STEP), last})]


def _around(window: Window, shape: tuple[int, ...]) -> Window:
    rows, columns = (
        slice(max(0, int(each.start) - _AROUND), min(size, int(each.stop) + _AROUND))
        for each, size in zip(window, shape, strict=True)
    )
    return rows, columns


def _moved_by(window: Window, place: Window) -> Window:
    """Of a tile's window, where it is in the picture."""
    rows, columns = (
        slice(each.start + by.start, each.stop + by.start)
        for each, by in zip(window, place, strict=True)
    )
    return rows, columns
