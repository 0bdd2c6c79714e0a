"""Make a picture small: mean brightness of each of its cells."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

CELLS: Final = 64
"""Cells along the longer side of the picture."""
PIXELS: Final = 5
"""Of a cell's side that are looked at: more tell nothing more."""


def cells_of_luma(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Mean brightness of each cell, rows by columns, of a picture's brightness in 8 bits.

    Cells are square; what is left over at the right and below belongs to none.
    """
    height, width = luma.shape
    side = max(1, max(height, width) // CELLS)
    rows, columns = max(1, height // side), max(1, width // side)
    side = min(side, height, width)
    step = max(1, side // PIXELS)
    each = -(-side // step)
    cut = luma[: rows * side, : columns * side].reshape(rows, side, columns, side)
    some = cut[:, ::step, :, ::step].astype(np.float32)
    return np.asarray(some.sum(axis=(1, 3)) / (each * each), dtype=np.float32)
