"""Hold a head that wanders still: video stabilisation of what moves, by translation. Pure.

Where all of a face moves by more than its mouth is wide, no cell of the picture stays on the mouth.
So what moves is laid over its own mean, frame by frame (Lucas and Kanade 1981, Gauss-Newton steps
on all frames at once), weighted by how much each place changes: a wall behind it has no say. Only
what changes slowly is taken out: a jaw must not be held still with the head.

Shapes: frames by rows by columns; shifts in cells, down and right.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_ROUNDS: Final = 12
_LOOKS: Final = 6
"""A second: a head is taken to wander slowly enough for these."""
_SLOW_S: Final = 1.0
"""What goes to and fro in less is the jaw's, or a nod, and stays."""
_STEP: Final = 1.0
_ENOUGH: Final = 0.01
"""Cells: less than this tells nothing more."""
_AT_ONCE: Final = 256
"""Frames that are moved at one time: all would be a copy of the recording."""
_WORTH: Final = 1.0
"""Cells: a head that moves by less is found where it is."""

Cells = npt.NDArray[np.float32]
Shifts = npt.NDArray[np.float64]


def steadied(cells: Cells, fps: float) -> Cells | None:
    """The same pictures with what wanders held still; None: nothing wanders."""
    shifts = wandering(cells, fps)
    if np.ptp(shifts, axis=0).max() < _WORTH:
        return None
    held = np.empty_like(cells)
    for at in range(0, len(cells), _AT_ONCE):
        piece = slice(at, at + _AT_ONCE)
        held[piece] = moved(cells[piece], shifts[piece])
    return held


def wandering(cells: Cells, fps: float) -> Shifts:
    """By how far what moves has moved, frame by frame, from its usual place: down and right."""
    every = max(1, round(fps / _LOOKS))
    at = np.arange(0, len(cells), every)
    some = cells[at]
    weight = some.std(axis=0)
    if len(at) < 3 or not weight.any():
        return np.zeros((len(cells), 2))
    shifts = _slow(_from_look_to_look(some, weight))
    for _ in range(_ROUNDS):
        template, heavy = np.zeros_like(weight), np.zeros_like(weight)
        for begin in range(0, len(some), _AT_ONCE):
            piece = slice(begin, begin + _AT_ONCE)
            template += moved(some[piece], shifts[piece]).sum(axis=0)
            there = np.broadcast_to(weight, some[piece].shape)
            heavy += moved(there, shifts[piece]).sum(axis=0)
        before = shifts
        shifts = _slow(shifts + _steps(some, shifts, template / len(some), heavy))
        shifts -= np.median(shifts, axis=0)
        if np.abs(shifts - before).max() < _ENOUGH:
            break
    frames = np.arange(len(cells))
    return np.stack([np.interp(frames, at, shifts[:, axis]) for axis in (0, 1)], axis=1)


def moved(cells: npt.NDArray[np.floating], shifts: Shifts) -> Cells:
    """Each frame as it is seen from a place so far down and right; its edge goes on around it."""
    _, rows, columns = cells.shape
    frames = np.arange(len(cells))[:, None, None]
    flat = np.ascontiguousarray(cells).reshape(-1)  # one index is far quicker than three
    down, right = shifts[:, 0, None, None], shifts[:, 1, None, None]
    y = np.clip(np.arange(rows)[None, :, None] + down, 0, rows - 1.001)
    x = np.clip(np.arange(columns)[None, None, :] + right, 0, columns - 1.001)
    top, left = y.astype(np.intp), x.astype(np.intp)
    low, far = (y - top).astype(np.float32), (x - left).astype(np.float32)
    at = (frames * rows + top) * columns + left
    above = flat.take(at) * (1 - far) + flat.take(at + 1) * far
    at += columns
    below = flat.take(at) * (1 - far) + flat.take(at + 1) * far
    return np.asarray(above * (1 - low) + below * low, dtype=np.float32)


def _from_look_to_look(some: Cells, weight: npt.NDArray[np.floating]) -> Shifts:
    """A first guess: how far from each look to the next, summed up."""
    steps = np.zeros((len(some), 2))
    for number in range(1, len(some)):
        pair = some[number : number + 1]
        steps[number] = _steps(pair, np.zeros((1, 2)), some[number - 1], weight)[0]
    return np.asarray(steps.cumsum(axis=0))


def _steps(
    cells: Cells,
    shifts: Shifts,
    template: npt.NDArray[np.floating],
    weight: npt.NDArray[np.floating],
) -> Shifts:
    """One Gauss-Newton step of each frame towards the template."""
    slope_y, slope_x = np.gradient(template)
    yy = float((weight * slope_y * slope_y).sum())
    xx = float((weight * slope_x * slope_x).sum())
    xy = float((weight * slope_x * slope_y).sum())
    room = yy * xx - xy * xy
    if room <= 1e-9 * max(yy * xx, 1e-12):
        return np.zeros_like(shifts)
    found = np.empty_like(shifts)
    for at in range(0, len(cells), _AT_ONCE):
        piece = slice(at, at + _AT_ONCE)
        off = template[None] - moved(cells[piece], shifts[piece])
        by_y = (off * (weight * slope_y)[None]).sum(axis=(1, 2))
        by_x = (off * (weight * slope_x)[None]).sum(axis=(1, 2))
        found[piece, 0] = (xx * by_y - xy * by_x) / room
        found[piece, 1] = (yy * by_x - xy * by_y) / room
    return np.clip(found, -_STEP, _STEP)


def _slow(shifts: Shifts) -> Shifts:
    """The same without what changes fast."""
    half = round(_SLOW_S * _LOOKS / 2)
    window = np.hanning(2 * half + 3)[1:-1]
    window /= window.sum()
    padded = np.pad(shifts, ((half, half), (0, 0)), mode="edge")
    smooth = [np.convolve(padded[:, axis], window, "valid") for axis in (0, 1)]
    return np.stack(smooth, axis=1)
