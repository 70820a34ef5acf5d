"""Sums of the products of all pairs of many rows.

Rows come in fours. A block holds the products of four rows with two others, which stay in eight registers along a strip. Only
blocks on and below the diagonal are computed: block (i, j) of rows 4 i to 4 i + 3 with 2 j and 2 j + 1 has number
i (i + 1) + j.
"""

from __future__ import annotations

import numpy as np
from numba import types

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.registration.gather import sums_of_eight
from stn_numba.kernels.registration.products import add_eight
from stn_numba.kernels.registration.rows import ROW, get
from stn_numba.kernels.simd.llvm import call
from stn_numba.kernels.simd.vectors import EIGHT, Vector, fma, full, to_float64


@intrinsic(lambda vector: Vector(types.float32, 8)(vector))
def square_root(code, vector):
    """Square roots of eight numbers."""
    return call(code.builder, "sqrt", vector)


@jit.inline
def add_block(fours, pair, count, place):
    """Add the products of four rows and two rows to eight float64."""
    a = b = c = d = e = f = g = h = full(EIGHT, np.float32(0))
    for j in range(0, count, 8):
        x, y = get(pair, j), get(pair + ROW, j)
        k, m = get(fours, j), get(fours + ROW, j)
        a, b, c, d = fma(k, x, a), fma(k, y, b), fma(m, x, c), fma(m, y, d)
        k, m = get(fours + 2 * ROW, j), get(fours + 3 * ROW, j)
        e, f, g, h = fma(k, x, e), fma(k, y, f), fma(m, x, g), fma(m, y, h)
    add_eight(place, to_float64(sums_of_eight(a, b, c, d, e, f, g, h)))


@jit.inline
def add_products(rows, number, count, out):
    """Add the products of all pairs of `number` scratch rows, a multiple of four, to the blocks at `out`."""
    for first in range(number // 4):
        for second in range(2 * first + 2):
            place = out + 64 * (first * (first + 1) + second)
            add_block(rows + 4 * first * ROW, rows + 2 * second * ROW, count, place)
