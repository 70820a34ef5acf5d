"""Homographies between normalized positions, as homographies between pixels."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import write_word
from stn_numba.kernels.constants import AFFINE, HOMOGRAPHY
from stn_numba.kernels.sampling.positions import number
from stn_numba.kernels.simd.load_store import load_one, store_one
from stn_numba.kernels.simd.scalars import greatest


@jit.inline
def quotient(a, b):
    return a / b if b > 0 else 0.0


@jit.inline
def put(address, index, value):
    """Write a float64 of an array at an address."""
    store_one(address + 8 * index, 0.0, value)


@jit.inline
def shifted(m, axis):
    """The row of an axis, and the last one: from positions that begin at -1 to such that begin at 0."""
    return number(m, 3 * axis) + number(m, 6), number(m, 3 * axis + 1) + number(m, 7), number(m, 3 * axis + 2) + number(m, 8)


@jit.inline
def by_centers(m, in_size, out_size, starts, steps):
    """Rewrite a matrix in place, where -1 and +1 are centers of pixels: (size - 1) / 2 * shifted.

    Scale times step is one quotient, since 49 * (1 / 49) is not 1.
    """
    for axis in range(2):
        a, b, c = shifted(m, axis)
        last = in_size[axis] - 1
        put(m, 3 * axis, a * quotient(last, out_size[0] - 1))
        put(m, 3 * axis + 1, b * quotient(last, out_size[1] - 1))
        put(m, 3 * axis + 2, (c + a * starts[0] + b * starts[1]) * (last / 2))


@jit.inline
def by_edges(m, in_size, out_size):
    """As `by_centers`, where -1 and +1 are edges: size / 2 * shifted - depth / 2."""
    w, h = greatest(out_size[0], 1), greatest(out_size[1], 1)
    d, e, f = number(m, 6), number(m, 7), number(m, 8)
    for axis in range(2):
        a, b, c = shifted(m, axis)
        across, down = a * (in_size[axis] / w), b * (in_size[axis] / h)
        inner = (across + down) - (f - d - e) - (d / w + e / h)
        put(m, 3 * axis, across - d / w)
        put(m, 3 * axis + 1, down - e / h)
        put(m, 3 * axis + 2, (c - a - b) * (in_size[axis] / 2) + inner / 2)


@jit.inline
def depth_row(m, starts, steps):
    """Rewrite the last row, with x and y written as step * pixel + start; that of an affine map stays as it is."""
    a, b, c = number(m, 6), number(m, 7), number(m, 8)
    if a != 0 or b != 0 or c != 1:
        put(m, 6, a * steps[0])
        put(m, 7, b * steps[1])
        put(m, 8, c + a * starts[0] + b * starts[1])


@jit.kernel
def between_pixels(values, item, count, centers, in_size, out_size, starts, steps, result, kind):
    """Turn `count` matrices at `values`, float32 or float64 by the bytes of an item, into float64 ones at `result`.

    Sizes are (W, H); output pixel j lies at ``step * j + start``. The word at `kind` becomes AFFINE or HOMOGRAPHY, what all the
    matrices are, and the one behind it 1 if any number is NaN, else 0.
    """
    lost, affine = False, True
    for n in range(count):
        m = result + 72 * n
        for k in range(9):
            value = number(values, 9 * n + k) if item == 8 else np.float64(load_one(values + 4 * (9 * n + k), np.float32(0)))
            lost |= value != value
            put(m, k, value)
        if centers:
            by_centers(m, in_size, out_size, starts, steps)
        else:
            by_edges(m, in_size, out_size)
        depth_row(m, starts, steps)
        affine &= number(m, 6) == 0 and number(m, 7) == 0 and number(m, 8) == 1
    write_word(kind, AFFINE if affine else HOMOGRAPHY)
    write_word(kind + 8, 1 if lost else 0)
