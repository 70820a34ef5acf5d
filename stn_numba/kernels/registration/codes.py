"""Numbers by which calls tell the kernels of registration what to do; they do not import Numba, which calls may not need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LINEAR, B_SPLINE, KEYS = range(3)  # how an image is read: with 2 x 2 taps, or 4 x 4 of a cubic
NOT_ROBUST, HUBER, TUKEY = range(3)

STRIP = 256  # pixels of a row that are worked on at a time

# `matrix_sums` writes three lines of sums, with the powers 0, 1, 2 of v. With a, b, c the derivatives of a value by X, Y, Z of
# the mapped position, m the value and f the fixed pixel, a line holds the sums of
PAIRS = 0  # aa, ab, bb, each times 1, u, u^2
CROSS = 9  # a and b times m, 1, f, each times 1, u
LEVELS = 21  # mm, m, mf, 1, f, ff, and the weights without the robust factor
DEPTH = 28  # ac, bc, cc, each times 1, u, u^2; then c times m, 1, f, each times 1, u; for homographies only
AFFINE_SUMS, LINE = 32, 48  # numbers that are computed for affine maps; numbers in a line

SHORT_STRIP = 128  # pixels, where sums are those of products of many rows


def product_places(size: int) -> NDArray[np.intp]:
    """Where `rank_update.add_products` writes the products of `size` rows, (size, size); its sums follow block by block."""
    padded = padded_rows(size)
    places, block = np.zeros((padded, padded), np.intp), np.arange(8).reshape(4, 2)
    for i in range(0, padded, 4):
        for j in range(0, i + 4, 2):
            places[i : i + 4, j : j + 2] = block
            block = block + 8
    below = np.tri(padded, dtype=bool)
    return np.where(below, places, places.T)[:size, :size]


def padded_rows(size: int) -> int:
    """The next multiple of 4."""
    return (size + 3) // 4 * 4


def sums_of_products(size: int) -> int:
    """How many sums there are."""
    blocks = padded_rows(size) // 4
    return 8 * blocks * (blocks + 1)
