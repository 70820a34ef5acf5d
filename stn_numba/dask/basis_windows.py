"""Basis functions at the pixels of a window, with the bits that they have in the whole output.

Functions may be computed by products of matrices, whose bits depend on how many points are computed together. So the pieces
in which `BasisRows` evaluates the whole output are evaluated here as well, those that overlap the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.basis_rows import PIXELS_AT_ONCE, BasisRows, rows_at_once

__all__ = ["functions_in_window"]

Array = NDArray[np.float64]


def functions_in_window(basis: BasisRows, window: tuple[slice, ...]) -> Array:
    """The functions (B, pixels of the window) at the pixels of a window of the output.

    Examples
    --------
    >>> basis = BasisRows(lambda first, last: np.arange(first, last)[:, None] * [1.0, 10.0], 2, (2, 2))
    >>> functions_in_window(basis, (slice(0, 2), slice(1, 2))).tolist()
    [[1.0, 3.0], [10.0, 30.0]]
    """
    *outer, columns = window
    width = columns.stop - columns.start
    lines = np.arange(math.prod(basis.shape[:-1])).reshape(basis.shape[:-1])[tuple(outer)].ravel()
    result, kept = np.empty((basis.count, len(lines), width)), (-1, np.empty((basis.count, 0)))
    for row, line in enumerate(lines.tolist()):
        start = line * basis.shape[-1] + columns.start
        for first, last in _pieces(basis, start, start + width):
            if kept[0] != first:
                kept = first, np.asarray(basis.evaluate(first, last)).T
            low, high = max(first, start), min(last, start + width)
            result[:, row, low - start : high - start] = kept[1][:, low - first : high - first]
    return result.reshape(basis.count, len(lines) * width)


def _pieces(basis: BasisRows, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The pieces (first, last) of the whole output that overlap the pixels [start, stop) of one row."""
    block = rows_at_once(basis.count, basis.shape) * math.prod(basis.shape[1:])
    top = start // block * block
    end = min(top + block, math.prod(basis.shape))
    for first in range(top + (start - top) // PIXELS_AT_ONCE * PIXELS_AT_ONCE, min(stop, end), PIXELS_AT_ONCE):
        yield first, min(first + PIXELS_AT_ONCE, end)
