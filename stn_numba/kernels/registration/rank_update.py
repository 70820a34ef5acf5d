"""Sums of products of any number of rows with each other, over the pixels of a strip."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.gather import sums_of_eight
from stn_numba.kernels.registration.rows import ROW, get
from stn_numba.kernels.simd.raw import load_back, store_raw
from stn_numba.kernels.simd.vectors import EIGHT, fma, full, to_float64

ZERO = np.float32(0)


@jit.inline
def add_products(rows, size, count, sums):
    """Add the products of rows from an address on to float64 sums at another; `size` is a multiple of 4.

    Four rows at a time are multiplied with two, up to the diagonal. Their eight sums follow each other: `codes.product_places`
    says which product is where.
    """
    place = sums
    for i in range(0, size, 4):
        for j in range(0, i + 4, 2):
            block = block_products(rows + i * ROW, rows + j * ROW, count)
            store_raw(place, load_back(place, block) + block)
            place += 64


@jit.inline
def block_products(left, right, count):
    """Sums of the products of four rows with two."""
    a, b, c, d = full(EIGHT, ZERO), full(EIGHT, ZERO), full(EIGHT, ZERO), full(EIGHT, ZERO)
    e, f, g, h = full(EIGHT, ZERO), full(EIGHT, ZERO), full(EIGHT, ZERO), full(EIGHT, ZERO)
    for k in range(0, count, 8):
        x, y, row = get(right, k), get(right + ROW, k), get(left, k)
        a, b, row = fma(row, x, a), fma(row, y, b), get(left + ROW, k)
        c, d, row = fma(row, x, c), fma(row, y, d), get(left + 2 * ROW, k)
        e, f, row = fma(row, x, e), fma(row, y, f), get(left + 3 * ROW, k)
        g, h = fma(row, x, g), fma(row, y, h)
    return to_float64(sums_of_eight(a, b, c, d, e, f, g, h))
