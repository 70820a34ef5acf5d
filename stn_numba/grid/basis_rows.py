"""Basis functions at the output pixels that are too many to be kept: worked out when they are read, a few rows at a time.

Sixteen functions at 1080 x 1920 pixels are 265 MB. Here the output is cut into blocks of rows of about 1.5 MB, and a block
into pieces of `PIXELS_AT_ONCE` pixels, which stay in the cache while they are evaluated. Blocks and pieces follow from the
shape alone, and the values of a basis that is kept are worked out in the same: so outputs are the same, bit for bit, in both
cases. Gradients are summed block by block, and may differ by rounding.
Pieces are evaluated one after the other: NumPy's calls on so few numbers are too short for several Python threads to gain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BasisRows", "row_blocks"]

PIXELS_AT_ONCE = 3000  # no power of two, at which rows would share few places in the cache
_BLOCK_BYTES = 1.5e6  # with what is needed to evaluate it, a warp at 1080 x 1920 stays below 4 MB

Array = NDArray[np.float64]


def row_blocks(count: int, shape: tuple[int, int]) -> Iterator[slice]:
    """Blocks of rows of an (h, w) output with `count` basis functions; at least a row each.

    Examples
    --------
    >>> [*row_blocks(16, (10, 1920))]
    [slice(0, 6, None), slice(6, 10, None)]
    """
    rows = _rows_at_once(count, shape)
    return (slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows))


def _rows_at_once(count: int, shape: tuple[int, int]) -> int:
    return max(1, int(_BLOCK_BYTES / max(1, 8 * count * shape[1])))


class BasisRows:
    """B basis functions at the pixels of an (h, w) output, not kept.

    Parameters
    ----------
    evaluate
        ``evaluate(first, last) -> (last - first, B)``: the functions at these pixels, counted row by row.
    count
        B.
    shape
        (h, w) of the output.

    Examples
    --------
    >>> basis = BasisRows(lambda first, last: np.arange(first, last)[:, None] * [1.0, 10.0], 2, (2, 2))
    >>> [functions.tolist() for _, functions in basis.blocks()]
    [[[0.0, 1.0, 2.0, 3.0], [0.0, 10.0, 20.0, 30.0]]]
    """

    def __init__(self, evaluate: Callable[[int, int], Any], count: int, shape: tuple[int, int]) -> None:
        self.evaluate, self.count, self.shape = evaluate, count, shape

    def __repr__(self) -> str:
        return f"<BasisRows: B = {self.count}, shape {self.shape}>"

    @property
    def nbytes(self) -> int:
        """Bytes of the whole basis, if it were kept."""
        return 8 * self.count * self.shape[0] * self.shape[1]

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """(rows, functions (B, rows x w)) of each block; the next one is written over the last."""
        h, w = self.shape
        buffer = np.empty(self.count * min(_rows_at_once(self.count, self.shape), h) * w)
        for rows in row_blocks(self.count, self.shape):
            pixels = slice(rows.start * w, rows.stop * w)
            functions = buffer[: self.count * (pixels.stop - pixels.start)].reshape(self.count, pixels.stop - pixels.start)
            self._fill(functions, pixels.start)
            yield rows, functions

    def kept(self) -> Array:
        """The whole basis, (B, h * w)."""
        w = self.shape[1]
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
