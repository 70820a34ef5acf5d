"""The kernel `between_pixels`: homographies between normalized positions, converted to homographies between pixels."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import write_word
from stn_numba.kernels.constants import AFFINE, HOMOGRAPHY
from stn_numba.kernels.sampling.positions import float64_at
from stn_numba.kernels.simd.load_store import load, store
from stn_numba.kernels.simd.scalars import greatest


@jit.inline
def quotient(a, b):
    return a / b if b > 0 else 0.0


@jit.inline
def put(address, index, value):
    """Write an element of a float64 array at an address."""
    store(address + 8 * index, 0.0, value)


@jit.inline
def shifted_row(m, axis):
    """The row of an axis plus the last one: positions that begin at -1 become such that begin at 0."""
    first, second = float64_at(m, 3 * axis) + float64_at(m, 6), float64_at(m, 3 * axis + 1) + float64_at(m, 7)
    return first, second, float64_at(m, 3 * axis + 2) + float64_at(m, 8)


@jit.inline
def convert_centers(m, in_size, out_size, starts, steps):
    """Rewrite a matrix in place, where -1 and +1 are centers of pixels: (size - 1) / 2 * shifted row.

    Scale times step is one quotient, since 49 * (1 / 49) is not 1.
    """
    for axis in range(2):
        a, b, c = shifted_row(m, axis)
        last = in_size[axis] - 1
        put(m, 3 * axis, a * quotient(last, out_size[0] - 1))
        put(m, 3 * axis + 1, b * quotient(last, out_size[1] - 1))
        put(m, 3 * axis + 2, (c + a * starts[0] + b * starts[1]) * (last / 2))


@jit.inline
def convert_edges(m, in_size, out_size):
    """As `convert_centers`, where -1 and +1 are edges: size / 2 * shifted row - depth / 2."""
    w, h = greatest(out_size[0], 1), greatest(out_size[1], 1)
    d, e, f = float64_at(m, 6), float64_at(m, 7), float64_at(m, 8)
    for axis in range(2):
        a, b, c = shifted_row(m, axis)
        across, down = a * (in_size[axis] / w), b * (in_size[axis] / h)
        inner = (across + down) - (f - d - e) - (d / w + e / h)
        put(m, 3 * axis, across - d / w)
        put(m, 3 * axis + 1, down - e / h)
        put(m, 3 * axis + 2, (c - a - b) * (in_size[axis] / 2) + inner / 2)


@jit.inline
def convert_depth(m, starts, steps):
    """Rewrite the last row, with x and y written as step * pixel + start; that of an affine map stays as it is."""
    a, b, c = float64_at(m, 6), float64_at(m, 7), float64_at(m, 8)
    if a != 0 or b != 0 or c != 1:
        put(m, 6, a * steps[0])
        put(m, 7, b * steps[1])
        put(m, 8, c + a * starts[0] + b * starts[1])


@jit.kernel
def between_pixels(values, item, count, centers, in_size, out_size, starts, steps, result, kind):
    """Convert `count` matrices at `values`, float32 or float64 by the bytes of an item, to float64 ones at `result`.

    Sizes are (W, H); output pixel j lies at ``step * j + start``. The word at `kind` becomes AFFINE or HOMOGRAPHY, what all the
    matrices are, and the next one 1 if any number is NaN, else 0.
    """
    any_nan, affine = False, True
    for n in range(count):
        m = result + 72 * n
        for k in range(9):
            value = float64_at(values, 9 * n + k) if item == 8 else np.float64(load(values + 4 * (9 * n + k), np.float32(0)))
            any_nan |= value != value
            put(m, k, value)
        if centers:
            convert_centers(m, in_size, out_size, starts, steps)
        else:
            convert_edges(m, in_size, out_size)
        convert_depth(m, starts, steps)
        affine &= float64_at(m, 6) == 0 and float64_at(m, 7) == 0 and float64_at(m, 8) == 1
    write_word(kind, AFFINE if affine else HOMOGRAPHY)
    write_word(kind + 8, 1 if any_nan else 0)
