"""Scratch rows of float32, for the pixels of a strip: eight are read or written at a time."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import LINE, STRIP
from stn_numba.kernels.simd.scratch import get_product, put_product
from stn_numba.kernels.simd.vectors import EIGHT

ROW = 4 * STRIP + 64  # bytes from a row to the next: not a multiple of a page's, so that rows do not fall on each other

# Places of rows, in bytes from the first
OFFSETS, TX, TY, WEIGHT, OVERLAP, PX, PY, INVERSE, M, GX, GY, F, SLOPE = (ROW * place for place in range(13))
SUMS = 13 * ROW  # vectors of sums over a row, one for each number of a line
ROWS_BYTES = SUMS + 32 * LINE


@jit.inline
def get(row, j):
    """Eight numbers from index j on."""
    return get_product(row, np.float32(0), j, EIGHT)


@jit.inline
def put(row, j, vector):
    """Write eight numbers."""
    put_product(row, j, vector)


@jit.inline
def aligned(address):
    """The next address that is a multiple of a cache line's."""
    return (address + 63) & ~63
