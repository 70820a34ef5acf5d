"""Basis functions that are computed a few output rows at a time, because storing them would take too much memory.

Sixteen functions at 1080 x 1920 pixels are 265 MB. Here the output is cut into blocks of rows of about 1.5 MB, and a block
into pieces of `PIXELS_AT_ONCE` pixels, which stay in the cache while they are evaluated. Blocks and pieces depend on the shape
alone, and a basis that is stored is computed in the same ones, so outputs are identical in both cases. Gradients are summed
block by block, and may differ by rounding. Pieces are evaluated one after the other: NumPy's calls on few numbers are too short
for several Python threads to help.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BasisRows", "row_blocks", "rows_at_once"]

PIXELS_AT_ONCE = 3000  # not a power of two, with which rows would compete for the same cache lines
_BLOCK_BYTES = 1.5e6  # with the memory for evaluating it, a warp at 1080 x 1920 stays below 4 MB

Array = NDArray[np.float64]


def row_blocks(count: int, shape: tuple[int, ...]) -> Iterator[slice]:
    """Blocks of rows of an (h, w) output with `count` basis functions, or of planes of a volume; at least one each.

    Examples
    --------
    >>> [*row_blocks(16, (10, 1920))]
    [slice(0, 6, None), slice(6, 10, None)]
    """
    rows = rows_at_once(count, shape)
    return (slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows))


def rows_at_once(count: int, shape: tuple[int, ...]) -> int:
    """Rows, or planes, of a block."""
    return max(1, int(_BLOCK_BYTES / max(1, 8 * count * math.prod(shape[1:]))))


class BasisRows:
    """B basis functions at the pixels of an (h, w) output, computed when they are needed.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(first, last) -> (last - first, B)``: the functions at these pixels, counted row by row.
    count : int
        B.
    shape : (int, int) or (int, int, int)
        (h, w) of the output, or (d, h, w) of a volume, whose planes take the place of rows.

    Examples
    --------
    >>> basis = BasisRows(lambda first, last: np.arange(first, last)[:, None] * [1.0, 10.0], 2, (2, 2))
    >>> [functions.tolist() for _, functions in basis.blocks()]
    [[[0.0, 1.0, 2.0, 3.0], [0.0, 10.0, 20.0, 30.0]]]
    """

    def __init__(self, evaluate: Callable[[int, int], Any], count: int, shape: tuple[int, ...]) -> None:
        self.evaluate, self.count, self.shape = evaluate, count, shape

    def __repr__(self) -> str:
        return f"<BasisRows: B = {self.count}, shape {self.shape}>"

    @property
    def nbytes(self) -> int:
        """Bytes that the whole basis would take."""
        return 8 * self.count * math.prod(self.shape)

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """(rows, functions (B, rows x w)) of each block; all blocks share one buffer."""
        h, w = self.shape[0], math.prod(self.shape[1:])
        buffer = np.empty(self.count * min(rows_at_once(self.count, self.shape), h) * w)
        for rows in row_blocks(self.count, self.shape):
            pixels = slice(rows.start * w, rows.stop * w)
            functions = buffer[: self.count * (pixels.stop - pixels.start)].reshape(self.count, pixels.stop - pixels.start)
            self._fill(functions, pixels.start)
            yield rows, functions

    def window(self, window: tuple[slice, ...]) -> BasisRows:
        """Return the functions at the pixels of some rows and columns, or of planes as well."""
        *outer, columns = window
        w, columns_count = self.shape[-1], columns.stop - columns.start
        lines = np.arange(math.prod(self.shape[:-1])).reshape(self.shape[:-1])[tuple(outer)].ravel()

        def evaluate(first: int, last: int) -> Array:
            parts = []
            while first < last:
                row, column = divmod(first, columns_count)
                count = min(columns_count - column, last - first)
                start = int(lines[row]) * w + columns.start + column
                parts.append(self.evaluate(start, start + count))
                first += count
            return np.concatenate(parts)

        return BasisRows(evaluate, self.count, tuple(part.stop - part.start for part in window))

    def evaluated(self) -> Array:
        """The whole basis, (B, h * w)."""
        w = math.prod(self.shape[1:])
        functions = np.empty((self.count, self.shape[0] * w))
        for rows in row_blocks(self.count, self.shape):
            self._fill(functions[:, rows.start * w : rows.stop * w], rows.start * w)
        return functions

    def _fill(self, functions: Array, start: int) -> None:
        """Write the functions at the pixels from `start` on."""
        for first in range(0, functions.shape[1], PIXELS_AT_ONCE):
            last = min(first + PIXELS_AT_ONCE, functions.shape[1])
            found = np.asarray(self.evaluate(start + first, start + last))
            if found.shape != (last - first, self.count):
                raise ValueError(f"basis: expected an array {(last - first, self.count)}, got {found.shape}")
            functions[:, first:last] = found.T
